//! TLS and client certificates on the gateway, with the real configuration keys.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test may stop at the first surprise, as a test may"
)]

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tidemill_e2e::{Cluster, Role, request};
use tidemill_proto::v1::{TaskState, gateway_service_client::GatewayServiceClient};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

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

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn trusting(authority: &Authority) -> ClientTlsConfig {
    ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem()))
}

/// Enqueues over TLS; answers with the task's state.
async fn enqueue(port: u16, tls: ClientTlsConfig) -> Result<TaskState, String> {
    let endpoint = Endpoint::from_shared(format!("https://localhost:{port}")).unwrap();
    let channel = endpoint
        .tls_config(tls)
        .unwrap()
        .connect()
        .await
        .map_err(|error| format!("{error:?}"))?;
    let answer = GatewayServiceClient::new(channel)
        .enqueue(request("quick", "", ""))
        .await;
    answer
        .map(|answer| answer.into_inner().state())
        .map_err(|status| format!("{status:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_serves_tls() {
    let (folder, server) = (TempDir::new().unwrap(), authority());
    let (cert, key) = issue(&server, "localhost");
    let cluster = Cluster::of(1, 0, 0)
        .set(
            "tls.cert",
            write(folder.path(), "cert.pem", &cert).display().to_string(),
        )
        .set("tls.key", write(folder.path(), "key.pem", &key).display().to_string());
    let mut cluster = cluster.start().await;
    let port = cluster.get(Role::Gateway, 0).port;
    assert_eq!(enqueue(port, trusting(&server)).await, Ok(TaskState::Queued));
    assert!(
        enqueue(port, trusting(&authority())).await.is_err(),
        "a stranger's authority is not trusted"
    );
    assert!(
        cluster
            .client()
            .gateway(0)
            .enqueue(request("quick", "", ""))
            .await
            .is_err(),
        "no plaintext on a TLS port"
    );
    cluster.stop().await;
    cluster.check_logs(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_demands_client_certificates() {
    let (folder, server, clients) = (TempDir::new().unwrap(), authority(), authority());
    let (cert, key) = issue(&server, "localhost");
    let cluster = Cluster::of(1, 0, 0)
        .set(
            "tls.cert",
            write(folder.path(), "cert.pem", &cert).display().to_string(),
        )
        .set("tls.key", write(folder.path(), "key.pem", &key).display().to_string())
        .set(
            "tls.client_ca",
            write(folder.path(), "ca.pem", &clients.pem()).display().to_string(),
        );
    let mut cluster = cluster.start().await;
    let port = cluster.get(Role::Gateway, 0).port;
    let with = |(cert, key): (String, String)| trusting(&server).identity(Identity::from_pem(cert, key));
    assert_eq!(
        enqueue(port, with(issue(&clients, "client"))).await,
        Ok(TaskState::Queued)
    );
    assert!(enqueue(port, trusting(&server)).await.is_err(), "without a certificate");
    assert!(
        enqueue(port, with(issue(&authority(), "client"))).await.is_err(),
        "with a stranger's certificate"
    );
    cluster.stop().await;
    cluster.check_logs(true);
}
