//! Connections end: at their age, at the shutdown, and when they are stuck.

use tokio_stream::{Stream, StreamExt};
use tonic_reflection::pb::v1::{ServerReflectionRequest, server_reflection_client::ServerReflectionClient};

use super::*;
use crate::config::HumanDuration;

const SHORT: Duration = Duration::from_millis(50);

/// Opens a stream that the server does not end by itself.
async fn endless(address: SocketAddr) -> impl Stream<Item = Result<impl Sized, tonic::Status>> {
    let mut client = ServerReflectionClient::new(connect(address).await);
    client
        .server_reflection_info(tokio_stream::pending::<ServerReflectionRequest>())
        .await
        .unwrap()
        .into_inner()
}

#[tokio::test]
async fn the_shutdown_closes_idle_connections_and_the_port() {
    let port = open(GrpcConfig::default(), GRACE).await;
    let mut client = health_client(connect(port.address).await);
    let mut watch = client.watch(health_request("")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1);
    let silent = TcpStream::connect(port.address).await.unwrap();
    port.context.shutdown.begin();
    // Watches are told and then end, so they hold nothing up.
    assert_eq!(watch.message().await.unwrap().unwrap().status, 2);
    assert!(watch.message().await.unwrap().is_none());
    assert_eq!(port.served.await.unwrap(), ServeReport::default());
    assert!(TcpStream::connect(port.address).await.is_err());
    assert!(port.context.health.readiness().is_err());
    drop(silent);
    assert!(port.context.supervisor.shutdown(GRACE).await.is_clean());
}

#[tokio::test]
async fn a_stream_that_does_not_end_is_cut_after_the_grace() {
    let port = open(GrpcConfig::default(), SHORT).await;
    let mut stream = endless(port.address).await;
    port.context.shutdown.begin();
    assert_eq!(port.served.await.unwrap(), ServeReport::default());
    assert!(stream.next().await.unwrap().is_err());
}

#[tokio::test]
async fn an_old_connection_goes_away_and_is_cut_after_its_grace() {
    let config = GrpcConfig {
        max_connection_age: HumanDuration(SHORT),
        max_connection_age_grace: HumanDuration(SHORT),
        ..GrpcConfig::default()
    };
    let port = open(config, GRACE).await;
    let mut stream = endless(port.address).await;
    assert!(stream.next().await.unwrap().is_err());
    assert!(!port.context.shutdown.is_requested());
}

/// tonic's own `max_connection_age_grace` cuts without a word, and calls die with it.
#[tokio::test]
async fn an_old_connection_is_told_before_it_is_cut() {
    let config = GrpcConfig {
        max_connection_age: HumanDuration(SHORT),
        max_connection_age_grace: HumanDuration(SHORT),
        ..GrpcConfig::default()
    };
    let port = open(config, GRACE).await;
    let mut stream = limits::raw_http2(port.address).await;
    let mut kinds = Vec::new();
    let mut header = [0; 9];
    while stream.read_exact(&mut header).await.is_ok() {
        kinds.push(header[3]);
        let mut body = vec![0; usize::from(header[1]) << 8 | usize::from(header[2])];
        stream.read_exact(&mut body).await.unwrap();
    }
    let goaway = 7;
    assert!(kinds.contains(&goaway), "{kinds:?}");
}

#[tokio::test]
async fn a_dropped_connection_future_ends_its_connection() {
    let port = open(GrpcConfig::default(), GRACE).await;
    let mut stream = endless(port.address).await;
    // The supervisor's grace is over before the port's: it aborts the connections.
    let report = port.context.supervisor.shutdown(SHORT).await;
    assert_eq!(report.left, ["grpc"]);
    assert!(stream.next().await.unwrap().is_err());
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed() {
    let config = GrpcConfig {
        handshake_timeout: HumanDuration(SHORT),
        ..GrpcConfig::default()
    };
    let port = open(config, GRACE).await;
    let mut stream = TcpStream::connect(port.address).await.unwrap();
    let mut buffer = [0; 64];
    // Whatever it says before, the connection ends.
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}
