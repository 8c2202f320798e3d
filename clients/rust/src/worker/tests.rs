//! The session against a server that a test plays by hand: what a worker says, and how it looks from outside.

mod health;
mod refusals;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tidemill_proto::v1::{
    self, Assignment, Assignments, LeaseLost, Registered, WorkRequest, WorkResponse,
    work_request::Message,
    work_response::Message as Answer,
    worker_service_server::{WorkerService, WorkerServiceServer},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_stream::wrappers::{TcpListenerStream, UnboundedReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use super::*;

/// Longest wait for anything: no test of speed, but an end to one that hangs.
const LIMIT: Duration = Duration::from_secs(30);

type Answers = mpsc::UnboundedSender<Result<WorkResponse, Status>>;

/// The server's side of one Work call.
struct Stream {
    requests: Streaming<WorkRequest>,
    answers: Answers,
}

/// A worker role without tasks of its own.
struct Role {
    url: String,
    streams: mpsc::UnboundedReceiver<Stream>,
}

struct Calls(mpsc::UnboundedSender<Stream>);

impl Role {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let (calls, streams) = mpsc::unbounded_channel();
        let server = tonic::transport::Server::builder().add_service(WorkerServiceServer::new(Calls(calls)));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { url, streams }
    }

    fn worker(&self) -> WorkerBuilder {
        let client = Client::new(&self.url).expect("a client");
        Worker::builder(&client).concurrency(1)
    }

    /// The next stream, registered.
    async fn registered(&mut self, interval: Duration) -> Stream {
        let mut stream = self.opened().await;
        assert!(matches!(stream.next().await, Message::Register(_)));
        stream.say(Answer::Registered(Registered {
            adopted: Vec::new(),
            ping_interval: Some(crate::proto_time::duration(interval)),
            lease_ttl: None,
        }));
        stream
    }

    async fn opened(&mut self) -> Stream {
        timeout(LIMIT, self.streams.recv())
            .await
            .expect("in time")
            .expect("a stream")
    }
}

impl Stream {
    fn say(&self, answer: Answer) {
        let answer = WorkResponse { message: Some(answer) };
        self.answers.send(Ok(answer)).expect("the worker listens");
    }

    fn assign(&self, token: &str) {
        let assignment = Assignment {
            lease_token: token.to_owned(),
            kind: "work".to_owned(),
            ..Assignment::default()
        };
        self.say(Answer::Assignments(Assignments {
            assignments: vec![assignment],
        }));
    }

    fn lose(&self, token: &str) {
        let lease_token = token.to_owned();
        self.say(Answer::LeaseLost(LeaseLost { lease_token }));
    }

    /// What the worker says next.
    async fn next(&mut self) -> Message {
        let request = timeout(LIMIT, self.requests.message()).await.expect("in time");
        request
            .expect("the stream goes on")
            .and_then(|request| request.message)
            .expect("a message")
    }

    async fn credits(&mut self) -> i32 {
        match self.next().await {
            Message::Credits(credits) => credits.credits,
            other => panic!("no credits: {other:?}"),
        }
    }
}

/// A worker that runs until it is told to stop, and what it told of.
struct Running {
    handle: WorkerHandle,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<Result<(), Error>>,
    events: Arc<Mutex<Vec<WorkerEvent>>>,
}

fn run(builder: WorkerBuilder) -> Running {
    let events: Arc<Mutex<Vec<_>>> = Arc::default();
    let heard = Arc::clone(&events);
    let tell = move |event: &WorkerEvent| heard.lock().expect("lock").push(event.clone());
    let worker = builder.on_event(tell).build().expect("a worker");
    let handle = worker.handle();
    assert_eq!(handle.status(), WorkerStatus::New);
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(worker.run(async { drop(stopped.await) }));
    Running {
        handle,
        stop,
        ended,
        events,
    }
}

impl Running {
    async fn reaches(&self, status: WorkerStatus) {
        reaches(&self.handle, status).await;
    }

    fn count(&self, fits: impl Fn(&WorkerEvent) -> bool) -> usize {
        self.events
            .lock()
            .expect("lock")
            .iter()
            .filter(|event| fits(event))
            .count()
    }
}

async fn reaches(handle: &WorkerHandle, status: WorkerStatus) {
    until(&format!("{status}"), || handle.status() == status).await;
    assert_eq!(handle.is_healthy(), status == WorkerStatus::Serving);
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(LIMIT, waiting)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

#[tonic::async_trait]
impl WorkerService for Calls {
    type WorkStream = UnboundedReceiverStream<Result<WorkResponse, Status>>;

    async fn work(&self, request: Request<Streaming<WorkRequest>>) -> Result<Response<Self::WorkStream>, Status> {
        let (answers, said) = mpsc::unbounded_channel();
        let requests = request.into_inner();
        // A test that is over wants no more.
        let _ = self.0.send(Stream { requests, answers });
        Ok(Response::new(UnboundedReceiverStream::new(said)))
    }

    async fn lease_tasks(&self, _: Request<v1::LeaseTasksRequest>) -> Result<Response<v1::LeaseTasksResponse>, Status> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn heartbeat_tasks(
        &self,
        _: Request<v1::HeartbeatTasksRequest>,
    ) -> Result<Response<v1::HeartbeatTasksResponse>, Status> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn report_progress(
        &self,
        _: Request<v1::ReportProgressRequest>,
    ) -> Result<Response<v1::ReportProgressResponse>, Status> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn complete_task(
        &self,
        _: Request<v1::CompleteTaskRequest>,
    ) -> Result<Response<v1::CompleteTaskResponse>, Status> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn fail_task(&self, _: Request<v1::FailTaskRequest>) -> Result<Response<v1::FailTaskResponse>, Status> {
        Err(Status::unimplemented("not in these tests"))
    }

    async fn release_task(
        &self,
        _: Request<v1::ReleaseTaskRequest>,
    ) -> Result<Response<v1::ReleaseTaskResponse>, Status> {
        Err(Status::unimplemented("not in these tests"))
    }
}
