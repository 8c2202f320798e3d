//! Thin adapters: each RPC is one method of another file.

use std::sync::Arc;

use tidemill_kit::{
    grpc::{GrpcConfig, ServerContext},
    health::Health,
    shutdown::Shutdown,
    status::{ApiError, Outcome},
    supervisor::{OnError, OnStop, Supervisor, TaskPolicy},
    trace::{TraceParent, Tracing},
};
use tidemill_model::{id::Namespace, wire::EnqueueDefaults};
use tidemill_proto::{
    externalscaler::external_scaler_server::ExternalScalerServer,
    v1::{
        self,
        admin_service_server::{AdminService, AdminServiceServer},
        gateway_service_server::{GatewayService, GatewayServiceServer},
    },
};
use tidemill_store::Store;
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};
use tonic::{Request, Response, Status, service::RoutesBuilder};

use crate::{Config, clock::Clock, depth::Depths, entropy::Entropy, error, metrics::Counts, scaler::Scaler, spans};

/// The gateway role. Make one for each process: it registers its metrics. Cloning shares it.
#[derive(Clone)]
pub struct Service(Arc<Parts>);

struct Parts {
    config: Config,
    defaults: EnqueueDefaults,
    store: Store,
    namespace: Namespace,
    clock: Clock,
    entropy: Entropy,
    counts: Counts,
    health: Health,
    shutdown: Shutdown,
    supervisor: Supervisor,
    tracing: Tracing,
    /// Open calls. Closed: draining.
    calls: TaskTracker,
}

impl Service {
    /// Starts nothing but the collector of queue depths, which sleeps until somebody scrapes. `defaults` are what requests may leave
    /// out; the limits of queues are those of `config`.
    #[must_use]
    pub fn new(config: Config, store: Store, defaults: EnqueueDefaults, context: &ServerContext) -> Self {
        let counts = Counts::new(&context.metrics);
        let namespace = Namespace::default();
        let depths = Depths::default();
        context
            .metrics
            .register(|r| r.register_collector(Box::new(depths.clone())));
        let policy = TaskPolicy {
            on_error: OnError::Log,
            on_stop: OnStop::Wait,
        };
        let run = depths.run(
            store.clone(),
            namespace.clone(),
            counts.labels.clone(),
            context.shutdown.clone(),
        );
        context.supervisor.spawn(policy, "queue depths", run);
        let defaults = EnqueueDefaults {
            queue_limit: config.max_queue_tasks,
            queue_bytes_limit: config.max_queue_bytes.bytes(),
            ..defaults
        };
        Self(Arc::new(Parts {
            config,
            defaults,
            store,
            namespace,
            clock: Clock::default(),
            entropy: Entropy::default(),
            counts,
            health: context.health.clone(),
            shutdown: context.shutdown.clone(),
            supervisor: context.supervisor.clone(),
            tracing: context.tracing.clone(),
            calls: TaskTracker::new(),
        }))
    }

    /// Adds GatewayService, AdminService and KEDA's ExternalScaler to a port.
    pub fn register(&self, routes: &mut RoutesBuilder, grpc: &GrpcConfig) {
        let (decode, encode) = (grpc.max_decoding_message_size(), grpc.max_encoding_message_size());
        self.0.health.register_service::<GatewayServiceServer<Self>>();
        self.0.health.register_service::<AdminServiceServer<Self>>();
        routes.add_service(
            GatewayServiceServer::new(self.clone())
                .max_decoding_message_size(decode)
                .max_encoding_message_size(encode),
        );
        routes.add_service(
            AdminServiceServer::new(self.clone())
                .max_decoding_message_size(decode)
                .max_encoding_message_size(encode),
        );
        let parts = &self.0;
        let scaler = Scaler::new(self.clone(), parts.shutdown.clone(), parts.supervisor.clone());
        parts.health.register_service::<ExternalScalerServer<Scaler>>();
        routes.add_service(ExternalScalerServer::new(scaler).max_encoding_message_size(encode));
    }

    /// From now on refuses new calls, and returns when the open ones are answered.
    pub async fn drain(&self) {
        self.0.calls.close();
        self.0.calls.wait().await;
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn defaults(&self) -> &EnqueueDefaults {
        &self.0.defaults
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    /// Of every caller, as long as nobody is asked who they are.
    pub(crate) fn namespace(&self) -> &Namespace {
        &self.0.namespace
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn entropy(&self) -> &Entropy {
        &self.0.entropy
    }

    pub(crate) fn tracing(&self) -> &Tracing {
        &self.0.tracing
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Held while a call is open, so that a drain waits for it.
    fn enter(&self) -> Result<TaskTrackerToken, ApiError> {
        // The token first: a drain that begins now waits for this call, or the call sees it.
        let token = self.0.calls.token();
        if self.0.calls.is_closed() {
            return Err(error::draining());
        }
        Ok(token)
    }

    fn enter_mutating(&self) -> Result<TaskTrackerToken, ApiError> {
        self.enter().map_err(|error| error.outcome(Outcome::NotApplied))
    }
}

fn answer<T>(result: Result<T, ApiError>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(Status::from)
}

#[tonic::async_trait]
impl GatewayService for Service {
    async fn enqueue(&self, request: Request<v1::EnqueueRequest>) -> Result<Response<v1::EnqueueResponse>, Status> {
        let _open = self
            .enter_mutating()
            .inspect_err(|error| self.counts().refused(None, error))?;
        let call = request.extensions().get::<TraceParent>().cloned();
        let mut request = request.into_inner();
        let span = self.begin_send(&mut request, call.as_ref());
        let result = self.enqueue_one(request).await;
        spans::end_send(span, &result);
        answer(result)
    }

    async fn batch_enqueue(
        &self,
        request: Request<v1::BatchEnqueueRequest>,
    ) -> Result<Response<v1::BatchEnqueueResponse>, Status> {
        let _open = self.enter_mutating()?;
        let call = request.extensions().get::<TraceParent>().cloned();
        answer(self.enqueue_batch(request.into_inner(), call.as_ref()).await)
    }

    async fn cancel_task(
        &self,
        request: Request<v1::CancelTaskRequest>,
    ) -> Result<Response<v1::CancelTaskResponse>, Status> {
        let _open = self.enter_mutating()?;
        answer(self.cancel(request.into_inner()).await)
    }
}

#[tonic::async_trait]
impl AdminService for Service {
    async fn list_queues(
        &self,
        request: Request<v1::ListQueuesRequest>,
    ) -> Result<Response<v1::ListQueuesResponse>, Status> {
        let _open = self.enter()?;
        answer(self.list_queues_page(request.into_inner()).await)
    }

    async fn get_queue(&self, request: Request<v1::GetQueueRequest>) -> Result<Response<v1::GetQueueResponse>, Status> {
        let _open = self.enter()?;
        answer(self.one_queue(request.into_inner()).await)
    }

    async fn list_tasks(
        &self,
        request: Request<v1::ListTasksRequest>,
    ) -> Result<Response<v1::ListTasksResponse>, Status> {
        let _open = self.enter()?;
        answer(self.list_tasks_page(request.into_inner()).await)
    }

    async fn get_task(&self, request: Request<v1::GetTaskRequest>) -> Result<Response<v1::GetTaskResponse>, Status> {
        let _open = self.enter()?;
        answer(self.one_task(request.into_inner()).await)
    }
}
