//! What every role offers besides its own services: health, reflection in both versions, probes, metrics, HTTP/1.1.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test may stop at the first surprise, as a test may"
)]

use std::collections::BTreeSet;

use tidemill_e2e::{Cluster, Role, get};
use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::{v1, v1alpha};

const SERVING: i32 = 1;

async fn connect(port: u16) -> Channel {
    Channel::from_shared(format!("http://127.0.0.1:{port}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

/// Names of the services, by reflection v1.
async fn services(channel: Channel) -> BTreeSet<String> {
    use v1::{server_reflection_request::MessageRequest, server_reflection_response::MessageResponse};
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request,
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel);
    let mut stream = client
        .server_reflection_info(tokio_stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    match stream.message().await.unwrap().unwrap().message_response {
        Some(MessageResponse::ListServicesResponse(list)) => list.service.into_iter().map(|one| one.name).collect(),
        other => panic!("{other:?}"),
    }
}

/// Names of the services, by reflection v1alpha, which older grpcurl speaks; and the file of one symbol.
async fn services_alpha(channel: Channel, symbol: &str) -> (BTreeSet<String>, usize) {
    use v1alpha::{server_reflection_request::MessageRequest, server_reflection_response::MessageResponse};
    let request = |message| v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(message),
    };
    let list = request(MessageRequest::ListServices(String::new()));
    let file = request(MessageRequest::FileContainingSymbol(symbol.to_owned()));
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let mut stream = client
        .server_reflection_info(tokio_stream::iter([list, file]))
        .await
        .unwrap()
        .into_inner();
    let mut next = async || stream.message().await.unwrap().unwrap().message_response;
    let names = match next().await {
        Some(MessageResponse::ListServicesResponse(list)) => list.service.into_iter().map(|one| one.name).collect(),
        other => panic!("{other:?}"),
    };
    match next().await {
        Some(MessageResponse::FileDescriptorResponse(file)) => (names, file.file_descriptor_proto.len()),
        other => panic!("{symbol}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_role_has_health_and_reflection() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    for (role, own) in [
        (Role::Gateway, "tidemill.v1.GatewayService"),
        (Role::Worker, "tidemill.v1.WorkerService"),
        (Role::Results, "tidemill.v1.ResultsService"),
    ] {
        let (port, admin) = (cluster.get(role, 0).port, cluster.get(role, 0).admin);
        let channel = connect(port).await;
        let names = services(channel.clone()).await;
        let (alpha, files) = services_alpha(channel.clone(), own).await;
        for name in [own, "grpc.health.v1.Health"] {
            assert!(
                names.contains(name) && alpha.contains(name),
                "{role} does not list {name}: {names:?} {alpha:?}"
            );
        }
        assert!(files > 0);
        // On its own port and, in plaintext for the orchestrator, on the admin port.
        for channel in [channel, connect(admin).await] {
            let mut health = HealthClient::new(channel);
            for service in ["", "liveness", own] {
                let request = HealthCheckRequest {
                    service: service.to_owned(),
                };
                let status = health.check(request).await.unwrap().into_inner().status;
                assert_eq!(status, SERVING, "{role}: `{service}`");
            }
            let unknown = HealthCheckRequest {
                service: "nobody".to_owned(),
            };
            assert_eq!(health.check(unknown).await.unwrap_err().code(), Code::NotFound);
        }
        for path in ["/livez", "/readyz"] {
            assert_eq!(
                get(admin, path).await.unwrap(),
                (200, "ok\n".to_owned()),
                "{role} {path}"
            );
        }
        let (code, metrics) = get(admin, "/metrics").await.unwrap();
        assert_eq!(code, 200);
        assert!(
            metrics.contains("# TYPE tidemill_") && metrics.trim_end().ends_with("# EOF"),
            "{metrics}"
        );
        // HTTP/1.1 is spoken on the gRPC port, too, even if nothing is served over it until the JSON mapping comes.
        assert!(get(port, "/").await.is_ok(), "{role}");
    }
    cluster.stop().await;
    cluster.check_logs(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_says_when_redis_is_away() {
    let mut cluster = Cluster::of(1, 0, 0).start().await;
    let mut health = HealthClient::new(connect(cluster.get(Role::Gateway, 0).port).await);
    let request = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };
    let mut watch = health.watch(request("")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, SERVING);
    cluster.server.kill();
    assert_ne!(watch.message().await.unwrap().unwrap().status, SERVING);
    assert_eq!(
        health.check(request("liveness")).await.unwrap().into_inner().status,
        SERVING
    );
    cluster.server.resume();
    assert_eq!(watch.message().await.unwrap().unwrap().status, SERVING);
    cluster.stop().await;
}
