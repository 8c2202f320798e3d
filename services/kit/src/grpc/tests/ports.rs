//! What every port answers.

use tonic::Code;
use tonic_reflection::pb::{v1, v1alpha};

use super::*;
use crate::{
    admin,
    health::{LIVENESS, SERVING},
};

#[tokio::test]
async fn health_follows_the_conditions() {
    let port = open(GrpcConfig::default(), GRACE).await;
    port.context.health.declare("redis");
    port.context.health.register_service_name("tidemill.v1.GatewayService");
    let mut client = health_client(connect(port.address).await);
    let mut status = async |service: &str| {
        client
            .check(health_request(service))
            .await
            .map(|r| r.into_inner().status)
    };
    assert_eq!(status("").await.unwrap(), 2);
    assert_eq!(status("tidemill.v1.GatewayService").await.unwrap(), 2);
    assert_eq!(status(LIVENESS).await.unwrap(), 1);
    assert_eq!(status("no.Such").await.unwrap_err().code(), Code::NotFound);
    port.context.health.set_ready("redis");
    assert_eq!(status("").await.unwrap(), 1);
    assert_eq!(status("tidemill.v1.GatewayService").await.unwrap(), 1);
}

#[tokio::test]
async fn reflection_in_both_versions() {
    let port = open(GrpcConfig::default(), GRACE).await;
    let channel = connect(port.address).await;

    let request = v1::ServerReflectionRequest {
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
        ..Default::default()
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let mut answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap()
        .into_inner();
    let text = format!("{:?}", answers.message().await.unwrap().unwrap());
    assert!(
        text.contains("tidemill.v1.GatewayService") && text.contains("grpc.health.v1.Health"),
        "{text}"
    );

    let request = v1alpha::ServerReflectionRequest {
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
        ..Default::default()
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let mut answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap()
        .into_inner();
    let text = format!("{:?}", answers.message().await.unwrap().unwrap());
    assert!(text.contains("tidemill.v1.WorkerService"), "{text}");
}

#[tokio::test]
async fn calls_are_counted_by_method_and_code() {
    let port = open(GrpcConfig::default(), GRACE).await;
    let mut client = health_client(connect(port.address).await);
    client.check(health_request("")).await.unwrap();
    client.check(health_request("no.Such")).await.unwrap_err();
    assert!(http(port.address, "/made/up").await.starts_with("HTTP/1.1 200"));
    drop(client);
    // Calls are recorded when their bodies end, which may be after the client has what it needs: the shutdown waits for them.
    port.context.shutdown.begin();
    assert_eq!(port.served.await.unwrap(), ServeReport::default());
    let text = port.context.metrics.encode();
    for line in [
        r#"tidemill_grpc_server_requests_total{method="grpc.health.v1.Health/Check",code="Ok"} 1"#,
        r#"tidemill_grpc_server_requests_total{method="grpc.health.v1.Health/Check",code="NotFound"} 1"#,
        r#"tidemill_grpc_server_requests_total{method="other",code="Unimplemented"} 1"#,
        r#"tidemill_grpc_server_request_seconds_count{method="grpc.health.v1.Health/Check"} 2"#,
        r#"tidemill_grpc_server_requests_in_flight{method="grpc.health.v1.Health/Check"} 0"#,
    ] {
        assert!(text.contains(&format!("{line}\n")), "{line} is not in\n{text}");
    }
    assert!(
        !text.contains("/made/up") && !text.contains(r#"seconds_count{method="grpc.health.v1.Health/Watch"}"#),
        "{text}"
    );
}

#[tokio::test]
async fn the_admin_port() {
    let context = ServerContext::standalone();
    let listener = bind(GrpcConfig::default().listen, "admin.listen").await.unwrap();
    let address = listener.local_addr().unwrap();
    let policy = TaskPolicy {
        on_error: OnError::Shutdown,
        on_stop: OnStop::Abort,
    };
    let own = context.clone();
    context
        .supervisor
        .spawn(policy, "admin", async move { admin::serve(listener, &own).await });

    assert!(http(address, "/livez").await.starts_with("HTTP/1.1 200"));
    let answer = http(address, "/readyz").await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.ends_with("serving: starting\n"),
        "{answer}"
    );
    let mut client = health_client(connect(address).await);
    assert_eq!(client.check(health_request("")).await.unwrap().into_inner().status, 2);
    assert_eq!(
        client
            .check(health_request(LIVENESS))
            .await
            .unwrap()
            .into_inner()
            .status,
        1
    );

    context.health.set_ready(SERVING);
    assert!(http(address, "/readyz").await.starts_with("HTTP/1.1 200"));
    assert_eq!(client.check(health_request("")).await.unwrap().into_inner().status, 1);

    let answer = http(address, "/metrics").await;
    assert!(
        answer.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{answer}"
    );
    assert!(
        answer.contains("tidemill_build_info") && answer.ends_with("# EOF\n"),
        "{answer}"
    );
    let nothing = http(address, "/nothing").await;
    assert!(nothing.starts_with("HTTP/1.1 404"), "{nothing}");

    // It answers while the process drains, and ends with the supervisor.
    context.health.begin_shutdown();
    context.shutdown.begin();
    let answer = http(address, "/readyz").await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.ends_with("shutdown: shutting down\n"),
        "{answer}"
    );
    assert!(http(address, "/livez").await.starts_with("HTTP/1.1 200"));
    assert!(context.supervisor.shutdown(GRACE).await.is_clean());
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_busy_port_is_an_error_that_names_the_key() {
    let first = bind(GrpcConfig::default().listen, "gateway.listen").await.unwrap();
    let address = first.local_addr().unwrap();
    let text = bind(address, "gateway.listen").await.unwrap_err().to_string();
    assert!(
        text.starts_with(&format!(
            "cannot listen on {address} (gateway.listen): the port is in use"
        )),
        "{text}"
    );
}
