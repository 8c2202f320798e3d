//! The RPCs, and the loop that feeds the watchers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tidemill_kit::{
    grpc::{GrpcConfig, ServerContext},
    health::Health,
    shutdown::Shutdown,
    supervisor::{OnError, OnStop, TaskPolicy},
};
use tidemill_model::{
    id::Namespace,
    wire::{parse_get_result, parse_watch},
};
use tidemill_proto::v1::{
    GetResultRequest, GetResultResponse, WatchResultRequest, WatchResultsRequest,
    results_service_server::{ResultsService, ResultsServiceServer},
};
use tidemill_store::{HintReader, Store};
use tonic::{Request, Response, Status, Streaming, service::RoutesBuilder};

use crate::{
    calls::Calls, config::Config, error, get, hub::Hub, metrics::WatchMetrics, watch_many::WatchMany,
    watch_one::WatchOne,
};

/// Bounds of the time between two looks for stalled streams.
const LOOK: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// What all calls share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) hub: Arc<Hub>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) metrics: WatchMetrics,
}

/// The results role: GetResult, WatchResult and WatchResults. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
    health: Health,
}

impl Service {
    /// Registers its metrics and starts to follow the store's hints. One for each process; within a tokio runtime.
    #[must_use]
    pub fn new(config: Config, store: Store, context: &ServerContext) -> Self {
        let metrics = WatchMetrics::new(&context.metrics);
        let shared = Arc::new(Shared {
            hub: Arc::new(Hub::new(config.max_watches, metrics.tasks.clone())),
            calls: Arc::new(Calls::new(metrics.streams.clone())),
            config,
            store,
            metrics,
        });
        // Subscribed before the first call can come.
        let hints = shared.store.events(&context.supervisor);
        let vital = TaskPolicy {
            on_error: OnError::Shutdown,
            on_stop: OnStop::Abort,
        };
        context
            .supervisor
            .spawn(vital, "watch hub", follow_hints(Arc::clone(&shared), hints));
        let keeper = keep_calls(Arc::clone(&shared), context.shutdown.clone());
        context.supervisor.spawn(vital, "watch keeper", keeper);
        Self {
            shared,
            health: context.health.clone(),
        }
    }

    /// Adds the service to a port.
    pub fn register(&self, routes: &mut RoutesBuilder, grpc: &GrpcConfig) {
        let server = ResultsServiceServer::new(Api(Arc::clone(&self.shared)))
            .max_decoding_message_size(grpc.max_decoding_message_size())
            .max_encoding_message_size(grpc.max_encoding_message_size());
        self.health.register_service::<ResultsServiceServer<Api>>();
        routes.add_service(server);
    }

    /// Ends all streams and long polls with DRAINING, so that clients resume at another replica, and waits until they have ended, but no
    /// more than 2 s. It also begins with the shutdown. More calls change nothing.
    pub async fn drain(&self) {
        self.shared.calls.drain().await;
    }
}

async fn follow_hints(shared: Arc<Shared>, mut hints: HintReader) {
    loop {
        if shared.hub.apply(&hints.next().await) {
            shared.hub.mark_all().await;
        }
    }
}

async fn keep_calls(shared: Arc<Shared>, shutdown: Shutdown) {
    let limit = shared.config.stall_timeout.get();
    let pause = if limit.is_zero() {
        LOOK.1
    } else {
        (limit / 4).clamp(LOOK.0, LOOK.1)
    };
    loop {
        tokio::select! {
            () = shutdown.requested() => return shared.calls.begin_drain(),
            () = tokio::time::sleep(pause) => {}
        }
        if !limit.is_zero() {
            shared.calls.close_stalled(Instant::now(), limit);
        }
    }
}

/// Whose tasks a call may see: everybody's, as long as there are no credentials.
fn namespace_of<T>(_request: &Request<T>) -> Namespace {
    Namespace::default()
}

/// The generated trait is implemented here, so that it is no part of the crate's interface.
struct Api(Arc<Shared>);

#[tonic::async_trait]
impl ResultsService for Api {
    type WatchResultStream = WatchOne;
    type WatchResultsStream = WatchMany;

    async fn get_result(&self, request: Request<GetResultRequest>) -> Result<Response<GetResultResponse>, Status> {
        let namespace = namespace_of(&request);
        let parsed = parse_get_result(request.get_ref()).map_err(error::invalid)?;
        Ok(Response::new(get::get(&self.0, namespace, parsed).await?))
    }

    async fn watch_result(&self, request: Request<WatchResultRequest>) -> Result<Response<WatchOne>, Status> {
        let namespace = namespace_of(&request);
        let parsed = parse_watch(request.get_ref()).map_err(error::invalid)?;
        Ok(Response::new(WatchOne::new(&self.0, namespace, parsed)?))
    }

    async fn watch_results(
        &self,
        request: Request<Streaming<WatchResultsRequest>>,
    ) -> Result<Response<WatchMany>, Status> {
        let namespace = namespace_of(&request);
        Ok(Response::new(WatchMany::new(&self.0, namespace, request.into_inner())?))
    }
}
