//! The role on a real port, with a real server behind it.

mod admin;
mod batch;
mod enqueue;
mod refusals;

use std::{collections::HashMap, time::Duration};

use tidemill_kit::{
    config::ByteSize,
    grpc::{self, GrpcConfig, ServeError, ServerContext},
    supervisor::{OnError, OnStop, TaskPolicy},
};
use tidemill_model::{op::Rules, wire::EnqueueDefaults};
use tidemill_proto::v1::{
    EnqueueRequest, Payload, admin_service_client::AdminServiceClient, gateway_service_client::GatewayServiceClient,
    payload::Content,
};
use tidemill_store::{RedisConfig, Store};
use tidemill_test_server::TestServer;
use tonic::{
    Code, Status,
    service::Routes,
    transport::{Channel, Endpoint},
};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{Config, Service};

struct World {
    server: TestServer,
    context: ServerContext,
    service: Service,
    gateway: GatewayServiceClient<Channel>,
    admin: AdminServiceClient<Channel>,
}

impl World {
    async fn new() -> Self {
        Self::with(Config::default()).await
    }

    async fn with(config: Config) -> Self {
        let server = TestServer::start();
        let context = ServerContext::standalone();
        let store = Store::open(&redis(&server), Rules::default(), &context.supervisor)
            .await
            .unwrap();
        let service = Service::new(config, store, EnqueueDefaults::default(), &context);
        let channel = serve(&service, &context).await;
        Self {
            server,
            context,
            service,
            gateway: GatewayServiceClient::new(channel.clone()),
            admin: AdminServiceClient::new(channel),
        }
    }

    /// Number of keys at the server.
    fn keys(&self) -> String {
        self.server.ask("DBSIZE").unwrap()
    }
}

fn redis(server: &TestServer) -> RedisConfig {
    RedisConfig::at(server.url())
}

async fn serve(service: &Service, context: &ServerContext) -> Channel {
    let config = GrpcConfig::default();
    let mut routes = Routes::builder();
    service.register(&mut routes, &config);
    let sets = [tidemill_proto::FILE_DESCRIPTOR_SET];
    let routes = grpc::routes_with_standard_services(routes, context, &sets).unwrap();
    let listener = grpc::bind(config.listen, "test.listen").await.unwrap();
    let address = listener.local_addr().unwrap();
    let policy = TaskPolicy {
        on_error: OnError::Shutdown,
        on_stop: OnStop::Wait,
    };
    let own = context.clone();
    context.supervisor.spawn(policy, "port", async move {
        grpc::serve(listener, routes, &config, &own, Duration::from_secs(5)).await?;
        Ok::<(), ServeError>(())
    });
    Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

fn task(kind: &str) -> EnqueueRequest {
    EnqueueRequest {
        kind: kind.into(),
        payload: Some(text("hello")),
        ..EnqueueRequest::default()
    }
}

fn text(text: &str) -> Payload {
    Payload {
        content_type: String::new(),
        content: Some(Content::Text(text.into())),
    }
}

/// What a client sees of an error, in one value.
struct Refusal {
    code: Code,
    reason: String,
    metadata: HashMap<String, String>,
    details: ErrorDetails,
}

impl Refusal {
    fn of<T: std::fmt::Debug>(result: Result<T, Status>) -> Self {
        let status = result.unwrap_err();
        let details = status.get_error_details();
        let info = details.error_info().unwrap().clone();
        assert_eq!(info.domain, "tidemill.dev");
        Self {
            code: status.code(),
            reason: info.reason,
            metadata: info.metadata,
            details,
        }
    }

    fn outcome(&self) -> Option<&str> {
        self.metadata.get("outcome").map(String::as_str)
    }

    fn fields(&self) -> Vec<String> {
        let violations = self.details.bad_request().map(|b| b.field_violations.clone());
        violations.unwrap_or_default().into_iter().map(|v| v.field).collect()
    }

    fn retry_after(&self) -> Option<Duration> {
        self.details.retry_info().and_then(|info| info.retry_delay)
    }

    fn quota(&self) -> Option<String> {
        Some(self.details.quota_failure()?.violations.first()?.subject.clone())
    }
}
