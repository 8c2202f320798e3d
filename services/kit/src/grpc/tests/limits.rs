//! The limits, as a client sees them.

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// A client that says the least HTTP/2 asks for and answers nothing.
pub(super) async fn raw_http2(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(EMPTY_SETTINGS).await.unwrap();
    stream
}

/// The server's first SETTINGS frame as (identifier, value).
async fn settings(address: SocketAddr) -> Vec<(u16, u32)> {
    let mut stream = raw_http2(address).await;
    let mut header = [0; 9];
    stream.read_exact(&mut header).await.unwrap();
    assert_eq!(header[3], 4, "the first frame is SETTINGS");
    let mut body = vec![0; usize::from(header[1]) << 8 | usize::from(header[2])];
    stream.read_exact(&mut body).await.unwrap();
    let entry = |c: &[u8]| {
        (
            u16::from_be_bytes([c[0], c[1]]),
            u32::from_be_bytes([c[2], c[3], c[4], c[5]]),
        )
    };
    body.chunks_exact(6).map(entry).collect()
}

#[tokio::test]
async fn the_server_announces_streams_and_headers() {
    let port = open(GrpcConfig::default(), GRACE).await;
    let settings = settings(port.address).await;
    assert!(settings.contains(&(3, 10_000)), "MAX_CONCURRENT_STREAMS: {settings:?}");
    assert!(settings.contains(&(6, 16 * 1024)), "MAX_HEADER_LIST_SIZE: {settings:?}");
}

#[tokio::test]
async fn headers_beyond_the_limit_are_refused() {
    let port = open(GrpcConfig::default(), GRACE).await;
    let mut client = health_client(connect(port.address).await);
    let mut request = tonic::Request::new(health_request(""));
    request
        .metadata_mut()
        .insert("x-big", "x".repeat(20 * 1024).parse().unwrap());
    client.check(request).await.unwrap_err();
    client.check(health_request("")).await.unwrap();
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed() {
    let config = GrpcConfig {
        max_connections: 1,
        ..GrpcConfig::default()
    };
    let port = open(config, GRACE).await;
    let mut client = health_client(connect(port.address).await);
    client.check(health_request("")).await.unwrap();
    let mut second = TcpStream::connect(port.address).await.unwrap();
    let mut buffer = [0; 1];
    assert!(matches!(second.read(&mut buffer).await, Ok(0) | Err(_)));
    client.check(health_request("")).await.unwrap();
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let config: GrpcConfig = toml::from_str("").unwrap();
    assert_eq!(config, GrpcConfig::default());
    assert_eq!(config.max_decoding_message_size(), 8 << 20);
    assert_eq!(config.max_encoding_message_size(), 4 << 20);
    assert_eq!(config.max_concurrent_streams, 10_000);
    assert_eq!(config.max_connection_age.to_string(), "30m");
    assert_eq!(config.max_connection_age_grace.to_string(), "30s");
    assert_eq!(config.keepalive_interval.to_string(), "30s");
    assert_eq!(config.keepalive_timeout.to_string(), "10s");
    assert_eq!(config.handshake_timeout.to_string(), "5s");
    assert_eq!(config.max_pending_accept_reset_streams, 20);
    assert_eq!(config.max_local_error_reset_streams, 1024);
    config.check().unwrap();
    assert!(toml::from_str::<GrpcConfig>("max_streams = 1").is_err());
}
