//! The unary calls of GatewayService and ResultsService.

use std::{fmt, sync::Arc, time::Duration};

use tidemill_proto::v1::{
    CancelTaskRequest, EnqueueRequest, GetResultRequest, gateway_service_client::GatewayServiceClient,
    results_service_client::ResultsServiceClient,
};
use tokio::time::{Instant, sleep};
use tonic::{Request, metadata::MetadataValue};

use crate::{
    ClientBuilder, Error, Stats, Task, TaskSnapshot, TaskState, Watch, WatchMany, Watches,
    builder::TraceSource,
    link::Link,
    proto_time::{bounded, duration},
    retry::{self, Limits},
};

/// The server holds an answer back for at most 60 s; half of it also passes proxies that cut quiet calls.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Between two calls of one wait, so that a server that does not hold back is not flooded.
const PAUSE: Duration = Duration::from_millis(200);

/// A client of Tidemill. Cheap to clone: clones share connections, retry budget and settings.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) gateway: Link,
    pub(crate) results: Link,
    pub(crate) worker: Link,
    pub(crate) limits: Limits,
    pub(crate) trace: Option<TraceSource>,
}

/// A task was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enqueued {
    /// Its id, a UUIDv7.
    pub task_id: String,
    /// Its state now: queued or scheduled, or any other if deduplicated.
    pub state: TaskState,
    /// True if the idempotency key named an earlier task, which this answer is about.
    pub deduplicated: bool,
}

/// What became of a cancel request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cancelled {
    /// The state now. Running: the handler was asked to stop. A terminal state other than cancelled: it was finished already.
    pub state: TaskState,
    /// True if the request now waits for a running handler.
    pub cancel_requested: bool,
}

impl Client {
    /// A client with default settings. Connects with the first call. Needs a running Tokio runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the address is none.
    pub fn new(url: impl Into<String>) -> Result<Self, Error> {
        Self::builder(url).build()
    }

    /// Sets up a client: `http://HOST:PORT`, `https://HOST:PORT`, or `HOST:PORT` for plaintext.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(url)
    }

    pub(crate) fn of(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Stores a task. When this returns, it is durable in the sense of the server's durability mode. Tried again within the timeout
    /// where that may help; the idempotency key, given or made here, keeps a repetition from storing a second task.
    ///
    /// # Errors
    /// The reasons of the contract's `Enqueue`. [`Error::outcome`] says whether the task may have been stored, and
    /// [`Error::idempotency_key`] is the key to repeat it with.
    pub async fn enqueue(&self, task: Task) -> Result<Enqueued, Error> {
        let request = self.request(task);
        let (link, key) = (&self.0.gateway, request.idempotency_key.clone());
        let send = |mut request: Request<EnqueueRequest>| {
            let mut stub = GatewayServiceClient::new(link.service());
            add_trace(&mut request);
            async move { stub.enqueue(request).await }
        };
        let answer = retry::call(&link.line, &link.address, self.0.limits, request, send).await;
        answer.map(Enqueued::from).map_err(|error| error.with_key(&key))
    }

    pub(crate) fn request(&self, task: Task) -> tidemill_proto::v1::EnqueueRequest {
        task.into_request(|| self.0.trace.as_ref().and_then(|source| source()))
    }

    /// Cancels a task: a waiting one ends at once, a running one is asked to stop. Asking again is harmless.
    ///
    /// # Errors
    /// The reasons of the contract's `CancelTask`.
    pub async fn cancel(&self, task_id: &str, reason: &str) -> Result<Cancelled, Error> {
        let link = &self.0.gateway;
        let request = CancelTaskRequest {
            task_id: task_id.to_owned(),
            reason: reason.to_owned(),
        };
        let send = |request| {
            let mut stub = GatewayServiceClient::new(link.service());
            async move { stub.cancel_task(request).await }
        };
        let answer = retry::call(&link.line, &link.address, self.0.limits, request, send).await?;
        Ok(Cancelled {
            state: TaskState::from_proto(answer.state),
            cancel_requested: answer.cancel_requested,
        })
    }

    /// How a task stands now.
    ///
    /// # Errors
    /// The reasons of the contract's `GetResult`; a task that is not finished is no error.
    pub async fn result(&self, task_id: &str) -> Result<TaskSnapshot, Error> {
        self.get(task_id, Duration::ZERO).await
    }

    /// How a task stands as soon as it has finished, or when `wait` is over: then its state is not terminal.
    ///
    /// # Errors
    /// As of [`result`](Self::result).
    pub async fn wait(&self, task_id: &str, wait: Duration) -> Result<TaskSnapshot, Error> {
        let until = Instant::now() + bounded(wait);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let found = self.get(task_id, left.min(LONGEST_WAIT)).await?;
            if found.state.is_terminal() || Instant::now() + PAUSE >= until {
                return Ok(found);
            }
            sleep(PAUSE).await;
        }
    }

    async fn get(&self, task_id: &str, wait: Duration) -> Result<TaskSnapshot, Error> {
        let link = &self.0.results;
        let request = GetResultRequest {
            task_id: task_id.to_owned(),
            wait: None,
        };
        let limits = Limits {
            deadline: self.0.limits.deadline + wait,
            ..self.0.limits
        };
        let until = Instant::now() + limits.deadline;
        let send = |mut request: Request<GetResultRequest>| {
            let mut stub = ResultsServiceClient::new(link.service());
            // A later try has less time: the server must not hold its answer back for longer than this side waits.
            let left = until.saturating_duration_since(Instant::now());
            let held_back = wait.min(left.saturating_sub(self.0.limits.deadline));
            request.get_mut().wait = (!held_back.is_zero()).then(|| duration(held_back));
            async move { stub.get_result(request).await }
        };
        retry::call(&link.line, &link.address, limits, request, send)
            .await
            .map(TaskSnapshot::from)
    }

    /// Follows the log of a task from its beginning to its result, through broken connections.
    #[must_use]
    pub fn watch(&self, task_id: impl Into<String>) -> Watch {
        Watch::new(self.clone(), task_id.into())
    }

    /// Follows the logs of many tasks over one stream: a handle that adds and removes tasks, and what comes of them.
    #[must_use]
    pub fn watch_many(&self) -> (Watches, WatchMany) {
        WatchMany::new(self.clone())
    }

    /// How many unary calls were made over all connections, and how many tries they took.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (gateway, results) = (self.0.gateway.line.stats(), self.0.results.line.stats());
        if Arc::ptr_eq(&self.0.gateway.line, &self.0.results.line) {
            return gateway;
        }
        Stats {
            calls: gateway.calls + results.calls,
            attempts: gateway.attempts + results.attempts,
        }
    }
}

/// The call itself belongs to the trace, too: the headers of W3C Trace Context.
fn add_trace(request: &mut Request<EnqueueRequest>) {
    let Some(context) = request.get_ref().trace_context.clone() else {
        return;
    };
    for (name, value) in [("traceparent", context.traceparent), ("tracestate", context.tracestate)] {
        // One that no header may hold is left to the server to refuse.
        if let Ok(value) = value.parse()
            && !MetadataValue::is_empty(&value)
        {
            request.metadata_mut().insert(name, value);
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.0.gateway.address)
            .finish_non_exhaustive()
    }
}

impl From<tidemill_proto::v1::EnqueueResponse> for Enqueued {
    fn from(answer: tidemill_proto::v1::EnqueueResponse) -> Self {
        Self {
            task_id: answer.task_id,
            state: TaskState::from_proto(answer.state),
            deduplicated: answer.deduplicated,
        }
    }
}
