//! A server behind TLS, with an ACL user whose password is in a file.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::{fs, path::Path};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tidemill_kit::grpc::ServerContext;
use tidemill_model::op::Rules;
use tidemill_store::{OpenError, RedisConfig, Store};
use tidemill_test_server::{TestServer, free_port, has_tls};

/// What the store needs, and no more: its own keys, no dangerous commands but the few it asks its questions with.
const USER: &str =
    "tidemill on >open-sesame ~tm:* resetchannels +@all -@admin -@dangerous +info +config|get +script|load";

/// An authority and a certificate for 127.0.0.1 that it signed, as PEM files.
fn certificates(directory: &Path) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(
        directory.join("ca.pem"),
        authority.self_signed(&authority_key).unwrap().pem(),
    )
    .unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    fs::write(
        directory.join("server.pem"),
        certificate.signed_by(&key, &issuer).unwrap().pem(),
    )
    .unwrap();
    fs::write(directory.join("server.key"), key.serialize_pem()).unwrap();
}

#[tokio::test]
async fn tls_an_acl_user_and_a_password_file() {
    if !has_tls() {
        eprintln!(
            "SKIPPED: {} is built without TLS",
            tidemill_test_server::binary().display()
        );
        return;
    }
    // The binary does the same first thing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let files = tempfile::tempdir().unwrap();
    certificates(files.path());
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let port = free_port().to_string();
    let (certificate, key, ca) = (path("server.pem"), path("server.key"), path("ca.pem"));
    let server = TestServer::start_with(&[
        ("tls-port", &port),
        ("tls-cert-file", &certificate),
        ("tls-key-file", &key),
        ("tls-ca-cert-file", &ca),
        ("tls-auth-clients", "no"),
        ("user", USER),
    ]);
    fs::write(path("password"), "open-sesame\n").unwrap();
    let config = RedisConfig {
        username: "tidemill".into(),
        password_file: path("password"),
        ca: ca.clone(),
        ..RedisConfig::at(format!("rediss://127.0.0.1:{port}"))
    };
    let context = ServerContext::standalone();
    let store = Store::open(&config, Rules::default(), &context.supervisor)
        .await
        .unwrap();
    assert_eq!(store.check_identity().await, Ok(()));
    assert!(store.signals(&context.supervisor).next().await.len() == 1);

    // The wrong password and a stranger's certificate are refused, and neither is shown in the error.
    fs::write(path("password"), "guess").unwrap();
    let refused = Store::open(&config, Rules::default(), &context.supervisor)
        .await
        .err()
        .unwrap();
    assert!(matches!(refused, OpenError::Config(_)), "{refused}");
    assert!(refused.to_string().contains("redis.password_file"), "{refused}");
    assert!(!refused.to_string().contains("guess"), "{refused}");
    fs::write(path("password"), "open-sesame").unwrap();
    let strangers = tempfile::tempdir().unwrap();
    certificates(strangers.path());
    let stranger = RedisConfig {
        ca: strangers.path().join("ca.pem").to_str().unwrap().to_owned(),
        ..config
    };
    let refused = Store::open(&stranger, Rules::default(), &context.supervisor)
        .await
        .err()
        .unwrap();
    assert!(matches!(refused, OpenError::Store(_)), "{refused}");
    assert_eq!(server.ask("PING").as_deref(), Some("+PONG"));
}
