//! TLS that fits, and every way in which it does not.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tidemill_e2e::{Cluster, Role};

use crate::Cli;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Certificate and key as PEM.
fn issue(authority: &Authority, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trust_and_mismatches() {
    let (folder, server) = (TempDir::new().unwrap(), authority());
    let (cert, key) = issue(&server, "localhost");
    let ca = write(folder.path(), "ca.pem", &server.pem());
    let other = write(folder.path(), "other.pem", &authority().pem());
    let cluster = Cluster::of(1, 0, 0)
        .set("tls.cert", write(folder.path(), "cert.pem", &cert))
        .set("tls.key", write(folder.path(), "key.pem", &key));
    let mut cluster = cluster.start().await;
    let port = cluster.get(Role::Gateway, 0).port;

    let cli = Cli::of(&format!("https://localhost:{port}"));
    cli.enqueue(&["nobody", "--ca", &ca]);
    assert!(cli.ok(&["health", "--ca", &ca]).starts_with("SERVING "));
    cli.run(&["queues", "--ca", &other])
        .refused(5, &["cannot reach https://localhost:", "not trusted", "see --ca"]);
    cli.run(&["queues"]).refused(5, &["not trusted", "see --ca"]);

    let by_number = Cli::of(&format!("https://127.0.0.1:{port}"));
    by_number
        .run(&["queues", "--ca", &ca])
        .refused(5, &["not trusted for this address", "--tls-domain"]);
    by_number.ok(&["queues", "--ca", &ca, "--tls-domain", "localhost"]);

    let plaintext = Cli::of(&format!("http://localhost:{port}"));
    for args in [&["queues"][..], &["watch", "01999999-0000-7000-8000-000000000000"]] {
        plaintext
            .run(args)
            .refused(5, &["if the server speaks TLS, use https://"]);
    }
    cluster.stop().await;
    cluster.check_logs(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn https_to_a_plaintext_port() {
    let (plain, mut cluster) = Cli::start().await;
    plain.ok(&["health"]);
    let cli = Cli::of(&format!("https://127.0.0.1:{}", cluster.get(Role::Gateway, 0).port));
    cli.run(&["queues"])
        .refused(5, &["cannot reach https://", "use http://"]);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_for_a_certificate() {
    let (folder, server, clients) = (TempDir::new().unwrap(), authority(), authority());
    let (cert, key) = issue(&server, "localhost");
    let ca = write(folder.path(), "ca.pem", &server.pem());
    let cluster = Cluster::of(1, 0, 0)
        .set("tls.cert", write(folder.path(), "cert.pem", &cert))
        .set("tls.key", write(folder.path(), "key.pem", &key))
        .set("tls.client_ca", write(folder.path(), "clients.pem", &clients.pem()));
    let mut cluster = cluster.start().await;
    let cli = Cli::of(&format!("https://localhost:{}", cluster.get(Role::Gateway, 0).port));
    let (cert, key) = issue(&clients, "client");
    let (cert, key) = (
        write(folder.path(), "client.pem", &cert),
        write(folder.path(), "client.key", &key),
    );
    cli.ok(&["queues", "--ca", &ca, "--cert", &cert, "--cert-key", &key]);
    cli.run(&["queues", "--ca", &ca])
        .refused(5, &["lost the connection", "asks for a client certificate", "--cert"]);
    cluster.stop().await;
    cluster.check_logs(true);
}
