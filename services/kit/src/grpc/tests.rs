//! Real sockets on port 0; nothing sleeps to wait for something.
mod drain;
mod limits;
mod ports;
mod tls;

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
};
use tonic::{
    service::Routes,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::*;
use crate::supervisor::{OnError, OnStop, TaskPolicy};

const POLICY: TaskPolicy = TaskPolicy {
    on_error: OnError::Shutdown,
    on_stop: OnStop::Wait,
};

struct Port {
    context: ServerContext,
    address: SocketAddr,
    served: oneshot::Receiver<ServeReport>,
}

/// A port that listens, with the standard services.
async fn open(config: GrpcConfig, grace: Duration) -> Port {
    let context = ServerContext::standalone();
    let listener = bind(config.listen, "test.listen").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = routes_with_standard_services(Routes::builder(), &context, &[tidemill_proto::FILE_DESCRIPTOR_SET]);
    let routes = routes.unwrap();
    let (done, served) = oneshot::channel();
    let own = context.clone();
    context.supervisor.spawn(POLICY, "grpc", async move {
        let report = serve(listener, routes, &config, &own, grace).await?;
        let _ = done.send(report);
        Ok::<(), ServeError>(())
    });
    Port {
        context,
        address,
        served,
    }
}

/// Long enough to be no test of speed, short enough for a person to wait for.
const GRACE: Duration = Duration::from_secs(20);

async fn connect(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

fn health_request(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

/// One HTTP/1.1 request; the whole answer.
async fn http(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn health_client(channel: Channel) -> HealthClient<Channel> {
    HealthClient::new(channel)
}
