//! What several tests need: errors with details, and a server that follows a script, breaks on purpose, and remembers what it saw.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use prost::Message;
use tidemill_proto::{
    google::rpc,
    v1::{
        BatchEnqueueRequest, BatchEnqueueResponse, CancelTaskRequest, CancelTaskResponse, EnqueueRequest,
        EnqueueResponse, GetResultRequest, GetResultResponse, StateChanged, TaskEvent, TaskResult, TaskState,
        WatchResultRequest, WatchResultResponse, WatchResultsRequest, WatchResultsResponse,
        gateway_service_server::{GatewayService, GatewayServiceServer},
        results_service_server::{ResultsService, ResultsServiceServer},
        task_event::Event,
    },
};
use tokio_stream::{Iter, wrappers::TcpListenerStream};
use tonic::{Code, Request, Response, Status, Streaming};

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

pub(crate) fn status(code: Code, message: &str, details: Vec<prost_types::Any>) -> Status {
    let details = rpc::Status {
        code: code as i32,
        message: message.into(),
        details,
    };
    Status::with_details(code, message, details.encode_to_vec().into())
}

pub(crate) fn event(sequence: i64, event: Event) -> TaskEvent {
    TaskEvent {
        sequence,
        attempt: 1,
        time: None,
        event: Some(event),
    }
}

pub(crate) fn running(sequence: i64) -> TaskEvent {
    event(
        sequence,
        Event::StateChanged(StateChanged {
            state: TaskState::Running as i32,
            cause: 3,
        }),
    )
}

pub(crate) fn ended(sequence: i64, state: TaskState) -> TaskEvent {
    event(
        sequence,
        Event::Result(TaskResult {
            state: state as i32,
            output: None,
            error: None,
        }),
    )
}

/// What one call of WatchResult sends; then the stream ends, or fails with the status.
pub(crate) type Script = Vec<Result<TaskEvent, Status>>;

/// The server's memory.
#[derive(Default)]
pub(crate) struct Memory {
    /// Errors of the next calls of Enqueue.
    pub(crate) refusals: VecDeque<Status>,
    /// Calls of Enqueue, the refused ones included.
    pub(crate) enqueued: Vec<EnqueueRequest>,
    pub(crate) cancelled: Vec<CancelTaskRequest>,
    /// Answers to GetResult; the last one stays.
    pub(crate) results: VecDeque<GetResultResponse>,
    scripts: VecDeque<Script>,
    /// Cursors of the calls of WatchResult.
    pub(crate) cursors: Vec<i64>,
}

/// A server for one test, on a port of its own. Plays one script for each call of WatchResult, in order.
#[derive(Clone)]
pub(crate) struct TestServer {
    pub(crate) url: String,
    memory: Arc<Mutex<Memory>>,
}

impl TestServer {
    pub(crate) async fn start(scripts: Vec<Script>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let memory = Memory {
            scripts: scripts.into(),
            ..Memory::default()
        };
        let this = Self {
            url,
            memory: Arc::new(Mutex::new(memory)),
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
}

#[tonic::async_trait]
impl GatewayService for TestServer {
    async fn enqueue(&self, request: Request<EnqueueRequest>) -> Result<Response<EnqueueResponse>, Status> {
        let mut memory = self.memory();
        memory.enqueued.push(request.into_inner());
        match memory.refusals.pop_front() {
            Some(status) => Err(status),
            None => {
                let task_id = format!("T{}", memory.enqueued.len());
                Ok(Response::new(EnqueueResponse {
                    task_id,
                    state: TaskState::Queued as i32,
                    deduplicated: false,
                }))
            }
        }
    }

    async fn batch_enqueue(&self, _: Request<BatchEnqueueRequest>) -> Result<Response<BatchEnqueueResponse>, Status> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn cancel_task(&self, request: Request<CancelTaskRequest>) -> Result<Response<CancelTaskResponse>, Status> {
        self.memory().cancelled.push(request.into_inner());
        Ok(Response::new(CancelTaskResponse {
            state: TaskState::Running as i32,
            cancel_requested: true,
        }))
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
        let script = memory
            .scripts
            .pop_front()
            .ok_or_else(|| Status::unavailable("the script is over"))?;
        let items = script
            .into_iter()
            .map(|item| item.map(|event| WatchResultResponse { event: Some(event) }));
        Ok(Response::new(tokio_stream::iter(items.collect::<Vec<_>>())))
    }

    type WatchResultsStream = Iter<std::vec::IntoIter<Result<WatchResultsResponse, Status>>>;

    async fn watch_results(
        &self,
        _: Request<Streaming<WatchResultsRequest>>,
    ) -> Result<Response<Self::WatchResultsStream>, Status> {
        Err(Status::unimplemented("not in these tests"))
    }
}
