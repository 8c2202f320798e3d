//! A worker role on a real port and a real, private server; and a handler process that a test plays by hand.

use std::time::Duration;

use tidemill_kit::{
    config::HumanDuration,
    grpc::{GrpcConfig, ServerContext, bind, routes_with_standard_services, serve},
    supervisor::{OnError, OnStop, TaskPolicy},
};
use tidemill_model::{
    id::{Namespace, TaskId},
    op::{Enqueued, Rules},
    record::Record,
    state::TaskState,
    wire::{self, EnqueueDefaults},
};
use tidemill_proto::v1::{
    self, WorkRequest, payload, work_request, work_response, worker_service_client::WorkerServiceClient,
};
use tidemill_store::{ReadRequest, RedisConfig, Store, TickRequest};
use tidemill_test_server::TestServer;
use tidemill_worker::{Config, Service};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{
    Status, Streaming,
    service::Routes,
    transport::{Channel, Endpoint},
};

/// Longest wait for anything: no test of speed, but an end to one that hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) type Client = WorkerServiceClient<Channel>;

pub(crate) struct Fixture {
    pub(crate) server: TestServer,
    pub(crate) store: Store,
    pub(crate) service: Service,
    pub(crate) context: ServerContext,
    url: String,
}

/// Rules with short times: waiting for a lease to end takes two seconds.
pub(crate) fn rules() -> Rules {
    Rules {
        lease_ttl_ms: 2_000,
        timeout_grace_ms: 300,
        reap_delay_ms: 1,
        ..Rules::default()
    }
}

/// Settings under which nothing is found by polling, so that a test that waits for the bell waits for the bell.
pub(crate) fn config() -> Config {
    Config {
        poll_interval: HumanDuration::from_secs(60),
        drain_grace: HumanDuration(Duration::from_secs(1)),
        ..Config::default()
    }
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with(config(), rules()).await
    }

    pub(crate) async fn with(config: Config, rules: Rules) -> Self {
        let server = TestServer::start();
        let context = ServerContext::standalone();
        let store = Store::open(&redis(&server), rules, &context.supervisor).await.unwrap();
        let service = Service::new(config, store.clone(), EnqueueDefaults::default(), &context);
        let url = listen(&service, &context).await;
        Self {
            server,
            store,
            service,
            context,
            url,
        }
    }

    /// Another replica of the role on the same store.
    pub(crate) async fn replica(&self, config: Config) -> (Client, Service, ServerContext) {
        let context = ServerContext::standalone();
        let store = Store::open(&redis(&self.server), rules(), &context.supervisor)
            .await
            .unwrap();
        let service = Service::new(config, store, EnqueueDefaults::default(), &context);
        let url = listen(&service, &context).await;
        (client(&url).await, service, context)
    }

    pub(crate) async fn client(&self) -> Client {
        client(&self.url).await
    }

    pub(crate) async fn enqueue(&self, request: v1::EnqueueRequest) -> TaskId {
        let now = self.store.time_ms().await.unwrap();
        let random = u64::from_be_bytes(uuid::Uuid::new_v4().as_bytes()[..8].try_into().unwrap());
        let task =
            wire::parse_enqueue(request, &Namespace::default(), &EnqueueDefaults::default(), now, random).unwrap();
        let id = task.id;
        assert!(matches!(self.store.enqueue(task).await.unwrap(), Enqueued::Stored(_)));
        id
    }

    /// A task of kind `work` on the default queue.
    pub(crate) async fn task(&self, input: &str) -> TaskId {
        self.enqueue(request("work", input)).await
    }

    pub(crate) async fn record(&self, id: TaskId) -> Record {
        let request = ReadRequest {
            namespace: Namespace::default(),
            id,
            with_body: true,
            after: None,
            most_entries: 0,
        };
        Record::parse(&self.store.read(request).await.unwrap().unwrap().record, true).unwrap()
    }

    /// Waits until a task has a state.
    pub(crate) async fn reaches(&self, id: TaskId, state: TaskState) -> Record {
        let reached = async {
            loop {
                let record = self.record(id).await;
                if record.header.state == state {
                    return record;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, reached).await.unwrap()
    }

    /// One step of maintenance.
    pub(crate) async fn tick(&self) {
        self.store
            .tick(
                0,
                TickRequest {
                    reap: true,
                    random: 0.5,
                    bound: 128,
                    kept_bytes_limit: 0,
                },
            )
            .await
            .unwrap();
    }

    /// The whole answer of the server to a command.
    pub(crate) fn ask(&self, command: &str) -> String {
        use std::io::{Read, Write};
        let mut connection = std::net::TcpStream::connect(("127.0.0.1", self.server.port())).unwrap();
        connection
            .write_all(format!("{command}\r\nQUIT\r\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Waits until so many connections are blocked in a command.
    pub(crate) async fn blocked(&self, command: &str, wanted: usize) {
        let is_blocked = |line: &str| line.contains(&format!(" cmd={command} ")) && line.contains(" flags=b ");
        let reached = async {
            while self.ask("CLIENT LIST").lines().filter(|line| is_blocked(line)).count() != wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, reached).await.unwrap();
    }

    /// The value of a metric.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let text = self.context.metrics.encode();
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }
}

pub(crate) fn request(kind: &str, input: &str) -> v1::EnqueueRequest {
    v1::EnqueueRequest {
        kind: kind.into(),
        payload: Some(text(input)),
        ..Default::default()
    }
}

pub(crate) fn text(text: &str) -> v1::Payload {
    v1::Payload {
        content: Some(payload::Content::Text(text.into())),
        ..Default::default()
    }
}

pub(crate) fn text_of(payload: Option<&v1::Payload>) -> &str {
    match payload.and_then(|payload| payload.content.as_ref()) {
        Some(payload::Content::Text(text)) => text,
        _ => "",
    }
}

fn redis(server: &TestServer) -> RedisConfig {
    RedisConfig::at(server.url())
}

async fn listen(service: &Service, context: &ServerContext) -> String {
    let grpc = GrpcConfig::default();
    let listener = bind(grpc.listen, "worker.listen").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut builder = Routes::builder();
    service.register(&mut builder, &grpc);
    let routes = routes_with_standard_services(builder, context, &[tidemill_proto::FILE_DESCRIPTOR_SET]).unwrap();
    let own = context.clone();
    let policy = TaskPolicy {
        on_error: OnError::Shutdown,
        on_stop: OnStop::Wait,
    };
    context.supervisor.spawn(policy, "grpc", async move {
        serve(listener, routes, &grpc, &own, Duration::from_secs(5))
            .await
            .map(drop)
    });
    url
}

async fn client(url: &str) -> Client {
    WorkerServiceClient::new(Endpoint::from_shared(url.to_owned()).unwrap().connect().await.unwrap())
}

/// A handler process, played by hand. Echoes pings by itself unless it is told not to.
pub(crate) struct Handler {
    requests: Option<mpsc::UnboundedSender<WorkRequest>>,
    responses: Streaming<v1::WorkResponse>,
    pub(crate) echoes: bool,
}

pub(crate) fn register(credits: i32) -> v1::Register {
    v1::Register {
        kinds: vec!["work".into()],
        credits,
        name: "test".into(),
        ..Default::default()
    }
}

impl Handler {
    /// Opens a stream and sends what comes first.
    pub(crate) async fn open(client: &mut Client, first: work_request::Message) -> Self {
        let (requests, received) = mpsc::unbounded_channel();
        requests.send(WorkRequest { message: Some(first) }).unwrap();
        let responses = client
            .work(UnboundedReceiverStream::new(received))
            .await
            .unwrap()
            .into_inner();
        Self {
            requests: Some(requests),
            responses,
            echoes: true,
        }
    }

    /// Opens a stream and waits until it is registered.
    pub(crate) async fn register(client: &mut Client, register: v1::Register) -> (Self, v1::Registered) {
        let mut handler = Self::open(client, work_request::Message::Register(register)).await;
        let work_response::Message::Registered(registered) = handler.next().await else {
            panic!("not registered")
        };
        (handler, registered)
    }

    pub(crate) fn send(&self, message: work_request::Message) {
        self.requests
            .as_ref()
            .unwrap()
            .send(WorkRequest { message: Some(message) })
            .unwrap();
    }

    pub(crate) fn complete(&self, lease_token: &str, output: &str) {
        let complete = v1::CompleteTaskRequest {
            lease_token: lease_token.into(),
            output: Some(text(output)),
        };
        self.send(work_request::Message::Complete(complete));
    }

    pub(crate) fn release(&self, lease_token: &str, cancelled: bool) {
        let release = v1::ReleaseTaskRequest {
            lease_token: lease_token.into(),
            cancelled,
            draining: false,
        };
        self.send(work_request::Message::Release(release));
    }

    pub(crate) fn progress(&self, lease_token: &str, fraction: f64) {
        let report = v1::report_progress_request::Report::Progress(v1::Progress {
            fraction,
            message: String::new(),
        });
        let report = v1::ReportProgressRequest {
            lease_token: lease_token.into(),
            report: Some(report),
        };
        self.send(work_request::Message::Progress(report));
    }

    pub(crate) fn half_close(&mut self) {
        self.requests = None;
    }

    /// Is lost: resets the call without a half-close. The answer keeps it from closing.
    pub(crate) fn break_off(self) -> impl Sized {
        drop(self.responses);
        self.requests
    }

    /// The next message that is not a ping, or the end.
    pub(crate) async fn outcome(&mut self) -> Result<Option<work_response::Message>, Status> {
        loop {
            let response = tokio::time::timeout(LIMIT, self.responses.message())
                .await
                .expect("a message in time")?;
            match response.and_then(|response| response.message) {
                Some(work_response::Message::Ping(ping)) => {
                    if self.echoes && self.requests.is_some() {
                        self.send(work_request::Message::Echo(v1::Echo { number: ping.number }));
                    }
                }
                other => return Ok(other),
            }
        }
    }

    /// The next ping, not answered.
    pub(crate) async fn ping(&mut self) -> i64 {
        let response = tokio::time::timeout(LIMIT, self.responses.message()).await;
        match response
            .expect("a message in time")
            .unwrap()
            .and_then(|one| one.message)
        {
            Some(work_response::Message::Ping(ping)) => ping.number,
            other => panic!("no ping: {other:?}"),
        }
    }

    pub(crate) async fn next(&mut self) -> work_response::Message {
        self.outcome().await.unwrap().expect("the stream goes on")
    }

    /// The next tasks, as many as wanted.
    pub(crate) async fn tasks(&mut self, wanted: usize) -> Vec<v1::Assignment> {
        let mut tasks = Vec::new();
        while tasks.len() < wanted {
            match self.next().await {
                work_response::Message::Assignments(assignments) => tasks.extend(assignments.assignments),
                other => panic!("no assignments: {other:?}"),
            }
        }
        assert_eq!(tasks.len(), wanted);
        tasks
    }

    pub(crate) async fn task(&mut self) -> v1::Assignment {
        self.tasks(1).await.remove(0)
    }

    pub(crate) async fn settled(&mut self) -> v1::Settled {
        match self.next().await {
            work_response::Message::Settled(settled) => settled,
            other => panic!("not settled: {other:?}"),
        }
    }

    /// Nothing but pings within this time.
    pub(crate) async fn is_quiet(&mut self, time: Duration) {
        let quiet = tokio::time::timeout(time, self.outcome()).await;
        assert!(quiet.is_err(), "{quiet:?}");
    }
}

/// The reason and the stated outcome of an error.
pub(crate) fn reason(status: &Status) -> (String, String) {
    use tonic_types::StatusExt;
    let info = status
        .get_error_details()
        .error_info()
        .cloned()
        .expect("every error has ErrorInfo");
    (info.reason, info.metadata.get("outcome").cloned().unwrap_or_default())
}
