//! The floor E: a bare unary call of tonic, 100 bytes each way, 64 in flight on one connection, both sides with one thread.

use std::{convert::Infallible, future::ready, time::Duration};

use bytes::Bytes;
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{BoxFuture, Context, Poll, Service, http},
    server::{NamedService, UnaryService},
    transport::{Channel, Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;

use crate::{args::EchoArgs, gate, load::connect};

const IN_FLIGHT: usize = 64;
const WARM_UP: usize = 5_000;

#[derive(Clone, PartialEq, prost::Message)]
struct Echo {
    #[prost(bytes = "bytes", tag = "1")]
    data: Bytes,
}

#[derive(Clone)]
struct EchoService;

struct Answer;

impl UnaryService<Echo> for Answer {
    type Response = Echo;
    type Future = std::future::Ready<Result<Response<Echo>, Status>>;

    fn call(&mut self, request: Request<Echo>) -> Self::Future {
        ready(Ok(Response::new(request.into_inner())))
    }
}

impl Service<http::Request<Body>> for EchoService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<Echo, Echo>::default());
            Ok(grpc.unary(Answer, request).await)
        })
    }
}

impl NamedService for EchoService {
    const NAME: &'static str = "bench.Echo";
}

/// Tells its address and serves until it is ended.
pub(crate) async fn serve() {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let incoming = incoming.with_nodelay(Some(true));
    gate::say(&format!("http://{}", incoming.local_addr().expect("an address")));
    let server = Server::builder().add_service(EchoService).serve_with_incoming(incoming);
    server.await.expect("the echo server serves");
}

/// Calls; reports how many calls a second.
pub(crate) async fn call(args: EchoArgs) {
    let channel = connect(&args.url).await;
    calls(&channel, WARM_UP).await;
    gate::ready().await;
    calls(&channel, args.calls).await;
    gate::report(&args.calls).await;
}

async fn calls(channel: &Channel, total: usize) {
    let mut parts = tokio::task::JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let mut grpc = tonic::client::Grpc::new(channel.clone());
        parts.spawn(async move {
            let data = Bytes::from(vec![7; 100]);
            for _ in 0..total / IN_FLIGHT {
                grpc.ready().await.expect("the connection is open");
                let path = http::uri::PathAndQuery::from_static("/bench.Echo/Echo");
                let request = Request::new(Echo { data: data.clone() });
                let codec = ProstCodec::<Echo, Echo>::default();
                let answer = grpc.unary(request, path, codec).await.expect("an echo").into_inner();
                assert_eq!(answer.data.len(), 100);
            }
        });
    }
    let all = tokio::time::timeout(Duration::from_secs(600), parts.join_all());
    all.await.expect("the echo server is alive");
}
