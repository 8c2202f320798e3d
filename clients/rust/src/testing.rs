//! What several tests need: errors with details, and a server that follows a script, breaks on purpose, and remembers what it saw.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use prost::Message;
use tidemill_proto::{
    google::rpc,
    v1::{
        BatchEnqueueOutcome, BatchEnqueueRequest, BatchEnqueueResponse, CancelTaskRequest, CancelTaskResponse,
        EnqueueRequest, EnqueueResponse, GetResultRequest, GetResultResponse, StateChanged, TaskEvent, TaskResult,
        TaskState, Truncated, WatchResultRequest, WatchResultResponse, WatchResultsRequest, WatchResultsResponse,
        batch_enqueue_outcome::Outcome,
        gateway_service_server::{GatewayService, GatewayServiceServer},
        results_service_server::{ResultsService, ResultsServiceServer},
        task_event::Event,
        watch_results_response::Item,
    },
};
use tokio_stream::{Iter, wrappers::TcpListenerStream};
use tonic::{Code, Request, Response, Status, Streaming};

use crate::Error;

pub(crate) fn detail(name: &str, message: &impl Message) -> prost_types::Any {
    prost_types::Any {
        type_url: format!("type.googleapis.com/{name}"),
        value: message.encode_to_vec(),
    }
}

pub(crate) fn info(reason: &str, metadata: &[(&str, &str)]) -> prost_types::Any {
    let metadata: HashMap<_, _> = metadata
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    detail(
        "google.rpc.ErrorInfo",
        &rpc::ErrorInfo {
            reason: reason.into(),
            domain: "tidemill.dev".into(),
            metadata,
        },
    )
}

pub(crate) fn retry_info(seconds: i64) -> prost_types::Any {
    let retry_delay = Some(prost_types::Duration { seconds, nanos: 0 });
    detail("google.rpc.RetryInfo", &rpc::RetryInfo { retry_delay })
}

pub(crate) fn status(code: Code, message: &str, details: Vec<prost_types::Any>) -> Status {
    let details = rpc::Status {
        code: code as i32,
        message: message.into(),
        details,
    };
    Status::with_details(code, message, details.encode_to_vec().into())
}

/// The error of a call to `http://here` that was refused so, with the message `m`.
pub(crate) fn refused(code: Code, details: Vec<prost_types::Any>) -> Error {
    Error::from_status(&status(code, "m", details), "http://here")
}

fn event(sequence: i64, event: Event) -> TaskEvent {
    TaskEvent {
        sequence,
        attempt: 1,
        time: None,
        event: Some(event),
    }
}

pub(crate) fn running(sequence: i64) -> TaskEvent {
    let (state, cause) = (TaskState::Running as i32, 3);
    event(sequence, Event::StateChanged(StateChanged { state, cause }))
}

pub(crate) fn truncated(from_sequence: i64, to_sequence: i64) -> TaskEvent {
    let gap = Truncated {
        from_sequence,
        to_sequence,
    };
    event(to_sequence, Event::Truncated(gap))
}

pub(crate) fn ended(sequence: i64) -> TaskEvent {
    let result = TaskResult {
        state: TaskState::Succeeded as i32,
        ..TaskResult::default()
    };
    event(sequence, Event::Result(result))
}

/// What one stream sends; then it ends, or fails with the status.
pub(crate) type Script<T> = Vec<Result<T, Status>>;

/// The server's memory.
#[derive(Default)]
pub(crate) struct Memory {
    /// Errors of the next calls of Enqueue, and of the next entries of BatchEnqueue.
    pub(crate) refusals: VecDeque<Status>,
    /// Calls of Enqueue and entries of BatchEnqueue, the refused ones included.
    pub(crate) enqueued: Vec<EnqueueRequest>,
    /// Sizes of the batches.
    pub(crate) batches: Vec<usize>,
    /// Answers to GetResult; the last one stays.
    pub(crate) results: VecDeque<GetResultResponse>,
    /// What calls of WatchResult send, one script for each, in order.
    pub(crate) scripts: VecDeque<Script<TaskEvent>>,
    /// Cursors of the calls of WatchResult.
    pub(crate) cursors: Vec<i64>,
    /// What calls of WatchResults send.
    pub(crate) many: VecDeque<Script<(String, Item)>>,
    /// What was added by each call of WatchResults with its first message.
    pub(crate) added: Vec<Vec<(String, i64)>>,
}

/// A server for one test, on a port of its own.
#[derive(Clone)]
pub(crate) struct TestServer {
    pub(crate) url: String,
    memory: Arc<Mutex<Memory>>,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
        let this = Self {
            url: format!("http://{}", listener.local_addr().expect("address")),
            memory: Arc::default(),
        };
        let server = tonic::transport::Server::builder()
            .add_service(GatewayServiceServer::new(this.clone()))
            .add_service(ResultsServiceServer::new(this.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        this
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().expect("lock")
    }

    fn store(&self, request: EnqueueRequest) -> Result<EnqueueResponse, Status> {
        let mut memory = self.memory();
        memory.enqueued.push(request);
        match memory.refusals.pop_front() {
            Some(status) => Err(status),
            None => Ok(EnqueueResponse {
                task_id: format!("T{}", memory.enqueued.len()),
                state: TaskState::Queued as i32,
                deduplicated: false,
            }),
        }
    }
}

#[tonic::async_trait]
impl GatewayService for TestServer {
    async fn enqueue(&self, request: Request<EnqueueRequest>) -> Result<Response<EnqueueResponse>, Status> {
        assert!(
            request.metadata().contains_key("grpc-timeout"),
            "every try has a deadline"
        );
        self.store(request.into_inner()).map(Response::new)
    }

    async fn batch_enqueue(
        &self,
        request: Request<BatchEnqueueRequest>,
    ) -> Result<Response<BatchEnqueueResponse>, Status> {
        let requests = request.into_inner().requests;
        self.memory().batches.push(requests.len());
        let outcome = |request| {
            let outcome = match self.store(request) {
                Ok(response) => Outcome::Response(response),
                Err(status) => Outcome::Error(rpc::Status::decode(status.details()).expect("details")),
            };
            BatchEnqueueOutcome { outcome: Some(outcome) }
        };
        let outcomes = requests.into_iter().map(outcome).collect();
        Ok(Response::new(BatchEnqueueResponse { outcomes }))
    }

    async fn cancel_task(&self, _: Request<CancelTaskRequest>) -> Result<Response<CancelTaskResponse>, Status> {
        Err(Status::unimplemented("not in these tests"))
    }
}

#[tonic::async_trait]
impl ResultsService for TestServer {
    async fn get_result(&self, _: Request<GetResultRequest>) -> Result<Response<GetResultResponse>, Status> {
        let results = &mut self.memory().results;
        let answer = if results.len() > 1 {
            results.pop_front()
        } else {
            results.front().cloned()
        };
        answer
            .map(Response::new)
            .ok_or_else(|| status(Code::NotFound, "no task", vec![info("TASK_NOT_FOUND", &[])]))
    }

    type WatchResultStream = Iter<std::vec::IntoIter<Result<WatchResultResponse, Status>>>;

    async fn watch_result(
        &self,
        request: Request<WatchResultRequest>,
    ) -> Result<Response<Self::WatchResultStream>, Status> {
        let mut memory = self.memory();
        memory.cursors.push(request.into_inner().after_sequence);
        let script = memory.scripts.pop_front();
        let script = script.ok_or_else(|| Status::not_found("the script is over"))?;
        let items = script
            .into_iter()
            .map(|item| item.map(|event| WatchResultResponse { event: Some(event) }));
        Ok(Response::new(tokio_stream::iter(items.collect::<Vec<_>>())))
    }

    type WatchResultsStream = Iter<std::vec::IntoIter<Result<WatchResultsResponse, Status>>>;

    async fn watch_results(
        &self,
        request: Request<Streaming<WatchResultsRequest>>,
    ) -> Result<Response<Self::WatchResultsStream>, Status> {
        let first = request.into_inner().message().await?.unwrap_or_default();
        let mut added: Vec<_> = first.add.into_iter().map(|t| (t.task_id, t.after_sequence)).collect();
        added.sort();
        let mut memory = self.memory();
        memory.added.push(added);
        let script = memory.many.pop_front();
        let script = script.ok_or_else(|| Status::not_found("the script is over"))?;
        let items = script.into_iter().map(|item| {
            item.map(|(task_id, item)| WatchResultsResponse {
                task_id,
                item: Some(item),
            })
        });
        Ok(Response::new(tokio_stream::iter(items.collect::<Vec<_>>())))
    }
}
