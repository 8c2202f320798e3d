//! The RPCs, each a thin adapter: validate, call, answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use tidemill_kit::{
    grpc::{GrpcConfig, ServerContext},
    supervisor::{OnError, OnStop, TaskPolicy},
};
use tidemill_model::{
    id::Namespace,
    wire::{self, EnqueueDefaults},
};
use tidemill_proto::v1::{
    self,
    worker_service_server::{WorkerService, WorkerServiceServer},
};
use tidemill_store::Store;
use tonic::{Request, Response, Status, Streaming, service::RoutesBuilder};

use crate::{
    bell::{self, Bell},
    builtin,
    config::Config,
    dispatch, error,
    half_close::{CleanEnd, WatchEnd},
    metrics::WorkerMetrics,
    outbox::Outbound,
    progress::{self, Progress},
    registry::Registry,
    session::{self, Inbound, Received},
    shared::Shared,
    stop, unary,
};

/// Added to the grace, so that streams that end at its end are seen ending.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// How often the draining looks whether all streams have ended.
const LOOK: Duration = Duration::from_millis(20);

/// The worker role. Cloning shares it.
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
    health: tidemill_kit::health::Health,
}

impl Service {
    /// Registers the metrics and starts the background work. Check the configuration first ([`Config::check`]): a built-in kind that
    /// is not known is left out. `defaults` are those the gateway enqueues with: retries need the policy, settles the limits. Must be
    /// called within a tokio runtime.
    #[must_use]
    pub fn new(config: Config, store: Store, defaults: EnqueueDefaults, context: &ServerContext) -> Self {
        let supervisor = context.supervisor.clone();
        let hints = store.signals(&supervisor);
        let shared = Arc::new(Shared {
            registry: Registry::new(store.shards()),
            metrics: WorkerMetrics::new(&context.metrics),
            tracing: context.tracing.clone(),
            draining: context.shutdown.child(),
            bell: Bell::new(),
            progress: Progress::default(),
            streams: AtomicUsize::new(0),
            supervisor: supervisor.clone(),
            config,
            store,
            defaults,
        });
        let vital = |on_stop| TaskPolicy {
            on_error: OnError::Shutdown,
            on_stop,
        };
        // A lease call under way is finished, so that what it leased can be given back.
        supervisor.spawn(vital(OnStop::Wait), "dispatch", dispatch::run(Arc::clone(&shared)));
        supervisor.spawn(vital(OnStop::Abort), "bell", bell::run(Arc::clone(&shared)));
        supervisor.spawn(
            vital(OnStop::Abort),
            "stop requests",
            stop::run(Arc::clone(&shared), hints),
        );
        supervisor.spawn(vital(OnStop::Abort), "progress", progress::run(Arc::clone(&shared)));
        builtin::start(&shared);
        Self {
            shared,
            health: context.health.clone(),
        }
    }

    /// Adds the gRPC service.
    pub fn register(&self, routes: &mut RoutesBuilder, grpc: &GrpcConfig) {
        self.health.register_service::<WorkerServiceServer<Self>>();
        let server = WorkerServiceServer::new(self.clone())
            .max_decoding_message_size(grpc.max_decoding_message_size())
            .max_encoding_message_size(grpc.max_encoding_message_size());
        routes.add_service(WatchEnd(server));
    }

    /// Ends the role: nothing more is leased, new streams are sent elsewhere, open ones are told to go and may settle until the grace is
    /// over. Returns when no stream is open any more. Settles by single calls work for as long as the port does.
    pub async fn drain(&self) {
        self.shared.draining.begin();
        let longest = self.shared.config.drain_grace.get() + LAST_WAIT;
        let all_ended = async {
            while self.shared.streams.load(Ordering::Acquire) > 0 {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(longest, all_ended).await.is_err() {
            tracing::warn!(
                streams = self.shared.streams.load(Ordering::Acquire),
                "streams did not end in time"
            );
        }
    }
}

/// The tenant of a call. Everybody's is `default` until credentials name another.
fn namespace_of<T>(_request: &Request<T>) -> Namespace {
    Namespace::default()
}

/// What the client sends, and how it ends.
fn inbound(request: Request<Streaming<v1::WorkRequest>>) -> Inbound {
    let end = request.extensions().get::<CleanEnd>().cloned();
    let messages = request.into_inner();
    futures_util::stream::unfold(Some((messages, end)), |state| async {
        let (mut messages, end) = state?;
        match messages.message().await {
            Ok(Some(message)) => Some((Received::Message(message), Some((messages, end)))),
            Ok(None) if end.as_ref().is_some_and(CleanEnd::is_clean) => Some((Received::HalfClosed, None)),
            Ok(None) => Some((Received::Broken, None)),
            Err(status) => {
                tracing::debug!(%status, "a work stream broke");
                Some((Received::Broken, None))
            }
        }
    })
    .boxed()
}

#[tonic::async_trait]
impl WorkerService for Service {
    type WorkStream = Outbound;

    async fn work(&self, request: Request<Streaming<v1::WorkRequest>>) -> Result<Response<Outbound>, Status> {
        let namespace = namespace_of(&request);
        Ok(Response::new(session::open(&self.shared, namespace, inbound(request))?))
    }

    async fn lease_tasks(
        &self,
        request: Request<v1::LeaseTasksRequest>,
    ) -> Result<Response<v1::LeaseTasksResponse>, Status> {
        let namespace = namespace_of(&request);
        let call =
            wire::parse_lease(request.get_ref(), &namespace, &self.shared.defaults.limits).map_err(error::invalid)?;
        Ok(Response::new(unary::lease(&self.shared, namespace, call).await?))
    }

    async fn heartbeat_tasks(
        &self,
        request: Request<v1::HeartbeatTasksRequest>,
    ) -> Result<Response<v1::HeartbeatTasksResponse>, Status> {
        let namespace = namespace_of(&request);
        let tokens = wire::parse_heartbeat(request.get_ref()).map_err(error::invalid)?;
        Ok(Response::new(unary::heartbeat(&self.shared, &namespace, tokens).await?))
    }

    async fn report_progress(
        &self,
        request: Request<v1::ReportProgressRequest>,
    ) -> Result<Response<v1::ReportProgressResponse>, Status> {
        let report = wire::parse_report(request.into_inner(), &self.shared.defaults.limits).map_err(error::invalid)?;
        Ok(Response::new(unary::report(&self.shared, report).await?))
    }

    async fn complete_task(
        &self,
        request: Request<v1::CompleteTaskRequest>,
    ) -> Result<Response<v1::CompleteTaskResponse>, Status> {
        let namespace = namespace_of(&request);
        let parsed = wire::parse_complete(request.into_inner(), &self.shared.defaults.limits);
        let (token, settle) = parsed.map_err(error::invalid)?;
        let state = unary::settle(&self.shared, &namespace, token, settle).await?.into();
        Ok(Response::new(v1::CompleteTaskResponse { state }))
    }

    async fn fail_task(&self, request: Request<v1::FailTaskRequest>) -> Result<Response<v1::FailTaskResponse>, Status> {
        let namespace = namespace_of(&request);
        let failure = wire::parse_fail(request.get_ref()).map_err(error::invalid)?;
        Ok(Response::new(unary::fail(&self.shared, &namespace, failure).await?))
    }

    async fn release_task(
        &self,
        request: Request<v1::ReleaseTaskRequest>,
    ) -> Result<Response<v1::ReleaseTaskResponse>, Status> {
        let namespace = namespace_of(&request);
        let (token, settle) = wire::parse_release(request.get_ref()).map_err(error::invalid)?;
        let state = unary::settle(&self.shared, &namespace, token, settle).await?.into();
        Ok(Response::new(v1::ReleaseTaskResponse { state }))
    }
}
