//! TLS and client certificates.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::*;
use crate::config::HumanDuration;

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

struct Files {
    directory: TempDir,
    authority: Authority,
}

impl Files {
    fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
            authority: authority(),
        }
    }

    fn write(&self, name: &str, text: &str) -> Option<PathBuf> {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    }

    fn tls(&self) -> TlsConfig {
        let (cert, key) = issue(&self.authority, "localhost");
        TlsConfig {
            cert: self.write("cert.pem", &cert),
            key: self.write("key.pem", &key),
            client_ca: None,
        }
    }
}

fn config(tls: TlsConfig) -> GrpcConfig {
    GrpcConfig {
        tls,
        ..GrpcConfig::default()
    }
}

async fn call(address: SocketAddr, tls: ClientTlsConfig) -> Result<i32, String> {
    let endpoint = Endpoint::from_shared(format!("https://localhost:{}", address.port())).unwrap();
    let endpoint = endpoint.tls_config(tls).map_err(|e| e.to_string())?;
    let channel = endpoint.connect().await.map_err(|e| e.to_string())?;
    let answer = health_client(channel).check(health_request("liveness")).await;
    answer.map(|r| r.into_inner().status).map_err(|e| e.to_string())
}

fn trusting(authority: &Authority) -> ClientTlsConfig {
    ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem()))
}

#[tokio::test]
async fn tls_serves_those_who_trust_it() {
    let files = Files::new();
    let port = open(config(files.tls()), GRACE).await;
    assert_eq!(call(port.address, trusting(&files.authority)).await, Ok(1));
    assert!(call(port.address, trusting(&authority())).await.is_err());
    // Plaintext is not answered on a TLS port.
    let plain = Endpoint::from_shared(format!("http://{}", port.address))
        .unwrap()
        .connect()
        .await;
    if let Ok(channel) = plain {
        assert!(health_client(channel).check(health_request("liveness")).await.is_err());
    }
    port.context.shutdown.begin();
    assert_eq!(port.served.await.unwrap(), ServeReport::default());
}

#[tokio::test]
async fn client_certificates_are_demanded() {
    let files = Files::new();
    let clients = authority();
    let tls = TlsConfig {
        client_ca: files.write("ca.pem", &clients.pem()),
        ..files.tls()
    };
    let port = open(config(tls), GRACE).await;
    let with = |(cert, key): (String, String)| trusting(&files.authority).identity(Identity::from_pem(cert, key));
    assert_eq!(call(port.address, with(issue(&clients, "client"))).await, Ok(1));
    assert!(call(port.address, trusting(&files.authority)).await.is_err());
    assert!(call(port.address, with(issue(&authority(), "client"))).await.is_err());
}

#[tokio::test]
async fn a_handshake_that_never_comes_is_closed() {
    let files = Files::new();
    let timeout = HumanDuration(Duration::from_millis(50));
    let port = open(
        GrpcConfig {
            handshake_timeout: timeout,
            ..config(files.tls())
        },
        GRACE,
    )
    .await;
    let mut stream = TcpStream::connect(port.address).await.unwrap();
    // The start of a TLS record, so that something was said.
    stream.write_all(&[0x16]).await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

#[test]
fn half_a_configuration_is_refused() {
    let files = Files::new();
    let full = files.tls();
    let message = |tls: TlsConfig| config(tls).check().unwrap_err().to_string();
    let none = TlsConfig::default();
    assert!(!none.is_enabled() && full.is_enabled());
    config(full.clone()).check().unwrap();
    assert!(
        message(TlsConfig {
            key: None,
            ..full.clone()
        })
        .contains("tls.cert is set but tls.key is not")
    );
    assert!(
        message(TlsConfig {
            cert: None,
            ..full.clone()
        })
        .contains("tls.key is set but tls.cert is not")
    );
    assert!(
        message(TlsConfig {
            client_ca: full.cert.clone(),
            ..none
        })
        .contains("tls.client_ca is set")
    );
    let missing = message(TlsConfig {
        cert: Some(PathBuf::from("/nonexistent.pem")),
        ..full.clone()
    });
    assert!(missing.contains("tls.cert: cannot read /nonexistent.pem"), "{missing}");
    let garbage = message(TlsConfig {
        cert: files.write("garbage.pem", "no certificate"),
        ..full.clone()
    });
    assert!(garbage.contains("the certificate cannot be used"), "{garbage}");
    let (_, other_key) = issue(&files.authority, "localhost");
    let mismatch = message(TlsConfig {
        key: files.write("other.pem", &other_key),
        ..full
    });
    assert!(mismatch.contains("the certificate cannot be used"), "{mismatch}");
    let parsed: TlsConfig = toml::from_str("cert = ''\nkey = ''\nclient_ca = ''").unwrap();
    assert_eq!(parsed, TlsConfig::default());
}
