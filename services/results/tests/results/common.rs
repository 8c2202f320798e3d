//! A store on a server of its own, replicas of the role, and short words for what a task can do.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use tidemill_kit::{
    grpc::{GrpcConfig, ServerContext, bind, routes_with_standard_services, serve},
    supervisor::{OnError, OnStop, TaskPolicy},
};
use tidemill_model::{
    id::{LeaseToken, Name, Namespace, TaskId, route},
    op::{Enqueued, LeaseRequest, Line, NewTask, Reported, Rules, Settle, Settlement, Start},
    record::{NewRecord, StoredBody},
    state::Priority,
    wire::{LogKind, chunk_payload, outcome_error, outcome_output, progress_payload},
};
use tidemill_proto::v1::{Payload, Progress, TaskError, payload, results_service_client::ResultsServiceClient};
use tidemill_results::{Config, Service};
use tidemill_store::{RedisConfig, Store, StoreError};
use tidemill_test_server::TestServer;
use tokio::time::timeout;
use tonic::{
    service::Routes,
    transport::{Channel, Endpoint},
};

pub(crate) use crate::client::*;

/// No test of speed: whoever waits this long waits for ever.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

static NUMBER: AtomicU64 = AtomicU64::new(1);

fn number() -> u64 {
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) store: Store,
    _context: ServerContext,
}

/// One process with the role.
pub(crate) struct Replica {
    pub(crate) service: Service,
    pub(crate) context: ServerContext,
    pub(crate) address: SocketAddr,
}

async fn open_store(server: &TestServer, context: &ServerContext) -> Store {
    let config = RedisConfig::at(server.url());
    Store::open(&config, Rules::default(), &context.supervisor)
        .await
        .unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        let server = TestServer::start_with(&[("maxmemory", "256mb")]);
        let context = ServerContext::standalone();
        let store = open_store(&server, &context).await;
        Self {
            server,
            store,
            _context: context,
        }
    }

    /// Starts a replica with connections of its own.
    pub(crate) async fn replica(&self, config: Config) -> Replica {
        let context = ServerContext::standalone();
        let store = open_store(&self.server, &context).await;
        let service = Service::new(config, store, &context);
        let grpc = GrpcConfig::default();
        let mut routes = Routes::builder();
        service.register(&mut routes, &grpc);
        let routes = routes_with_standard_services(routes, &context, &[tidemill_proto::FILE_DESCRIPTOR_SET]).unwrap();
        let listener = bind(grpc.listen, "test.listen").await.unwrap();
        let address = listener.local_addr().unwrap();
        let own = context.clone();
        let policy = TaskPolicy {
            on_error: OnError::Shutdown,
            on_stop: OnStop::Wait,
        };
        context.supervisor.spawn(policy, "grpc", async move {
            serve(listener, routes, &grpc, &own, LIMIT).await.map(|_| ())
        });
        Replica {
            service,
            context,
            address,
        }
    }

    pub(crate) async fn enqueue_to(&self, queue: &str, retention_s: u32) -> TaskId {
        let queue = Name::new(queue).unwrap();
        let id = TaskId::new(1_700_000_000_000, route(&Namespace::default(), &queue), number() << 2);
        let record = NewRecord {
            namespace: Namespace::default(),
            queue,
            kind: Name::new("k").unwrap(),
            priority: Priority::Normal,
            max_attempts: 4,
            attempt_timeout_ms: 1_000_000,
            retention_s,
            drop_input: false,
            key_digest: None,
            expires_in_ms: 0,
            body: StoredBody {
                input: Some(text("input")),
                ..StoredBody::default()
            },
        };
        let task = NewTask {
            id,
            record,
            start: Start::Now,
            idempotency: None,
            queue_limit: 0,
            queue_bytes_limit: 0,
        };
        let stored = self.store.enqueue(task).await.unwrap();
        assert!(matches!(stored, Enqueued::Stored(_)), "{stored:?}");
        id
    }

    /// A task of a queue of its own that runs.
    pub(crate) async fn running(&self) -> (TaskId, LeaseToken) {
        let queue = format!("q{}", number());
        let id = self.enqueue_to(&queue, 0).await;
        let tokens = self.lease(&queue, 1).await;
        assert_eq!(tokens[0].task, id);
        (id, tokens[0])
    }

    pub(crate) async fn lease(&self, queue: &str, max: u32) -> Vec<LeaseToken> {
        let line = Line {
            queue: Name::new(queue).unwrap(),
            kind: Name::new("k").unwrap(),
        };
        let unique = u128::from(number()).to_be_bytes();
        let request = LeaseRequest {
            namespace: Namespace::default(),
            lines: vec![line],
            max,
            max_bytes: 3 << 20,
            request: unique,
            nonce: unique,
        };
        let (leased, _) = self.store.lease(&request).await.unwrap();
        leased.into_iter().map(|one| one.token).collect()
    }

    /// Reports a chunk; its number.
    pub(crate) async fn chunk(&self, token: LeaseToken, content: impl Into<String>) -> u32 {
        self.report(token, LogKind::Chunk, chunk_payload(text(content))).await
    }

    pub(crate) async fn progress(&self, token: LeaseToken, fraction: f64) -> u32 {
        let progress = Progress {
            fraction,
            message: String::new(),
        };
        self.report(token, LogKind::Progress, progress_payload(&progress)).await
    }

    async fn report(&self, token: LeaseToken, kind: LogKind, payload: Bytes) -> u32 {
        match self.store.report(token, kind, payload).await.unwrap() {
            Reported::Stored { sequence, .. } => sequence,
            Reported::Lost => panic!("lease lost"),
        }
    }

    /// Completes the task, however often the store has to be asked.
    pub(crate) async fn complete(&self, token: LeaseToken) {
        self.settle(
            token,
            Settle::Complete {
                outcome: outcome_output(Some(text("output"))),
            },
        )
        .await;
    }

    pub(crate) async fn fail(&self, token: LeaseToken, permanent: bool) {
        let error = TaskError {
            message: "no".into(),
            ..TaskError::default()
        };
        self.settle(
            token,
            Settle::Fail {
                outcome: outcome_error(&error),
                permanent,
                delay_ms: 3_600_000,
            },
        )
        .await;
    }

    pub(crate) async fn release(&self, token: LeaseToken) {
        self.settle(token, Settle::Release { counted: false }).await;
    }

    async fn settle(&self, token: LeaseToken, settle: Settle) {
        timeout(LIMIT, async {
            loop {
                match self.store.settle(token, settle.clone()).await {
                    Ok(Settlement::Done { .. }) => return,
                    Err(StoreError::Unavailable(_) | StoreError::Unknown(_)) => {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    other => panic!("{other:?}"),
                }
            }
        })
        .await
        .unwrap();
    }
}

pub(crate) type Client = ResultsServiceClient<Channel>;

impl Replica {
    pub(crate) async fn client(&self) -> Client {
        ResultsServiceClient::new(self.endpoint().connect().await.unwrap())
    }

    /// A client that lets the server send no more than 64 KiB ahead.
    pub(crate) async fn slow_client(&self) -> Client {
        let endpoint = self
            .endpoint()
            .initial_stream_window_size(65_535)
            .initial_connection_window_size(65_535);
        ResultsServiceClient::new(endpoint.connect().await.unwrap())
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap()
    }

    /// Waits until a metric has a value.
    pub(crate) async fn metric(&self, name: &str, value: u64) {
        let line = format!("\n{name} {value}\n");
        let wait = async {
            while !self.context.metrics.encode().contains(&line) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let result = timeout(LIMIT, wait).await;
        assert!(result.is_ok(), "never {line} in {}", self.context.metrics.encode());
    }
}

pub(crate) fn text(content: impl Into<String>) -> Payload {
    Payload {
        content: Some(payload::Content::Text(content.into())),
        ..Payload::default()
    }
}
