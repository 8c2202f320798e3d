//! What the suite asks of a queue, and the two that answer.

use bytes::Bytes;
use tidemill_kit::grpc::ServerContext;
use tidemill_model::{
    id::{LeaseToken, Name, Namespace, TaskId, route},
    op::*,
    record::{NewRecord, Record, StoredBody},
    reference::ReferenceQueue,
    snapshot::{Counters, Snapshot},
    state::{Priority, TaskState},
    wire::{LogEntry, LogKind},
};
use tidemill_proto::v1;
use tidemill_store::{ReadRequest, RedisConfig, Store, TickRequest};
use tidemill_test_server::TestServer;

/// Where the clock of every case starts.
pub(crate) const START: u64 = 1_900_000_000_000;

/// Rules with small numbers, so that cases reach their limits.
pub(crate) fn rules() -> Rules {
    Rules {
        lease_ttl_ms: 30_000,
        release_limit: 2,
        reap_delay_ms: 0,
        log_entries: 5,
        log_bytes: 200,
        ..Rules::default()
    }
}

pub(crate) fn namespace() -> Namespace {
    Namespace::default()
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn line(queue: &str, kind: &str) -> Line {
    Line {
        queue: name(queue),
        kind: name(kind),
    }
}

/// A task that is ready at once, with four attempts. `number` makes its id.
pub(crate) fn task(number: u64, queue: &str, kind: &str) -> NewTask {
    let queue = name(queue);
    NewTask {
        id: TaskId::new(START, route(&namespace(), &queue), number << 8),
        record: NewRecord {
            namespace: namespace(),
            queue,
            kind: name(kind),
            priority: Priority::Normal,
            max_attempts: 4,
            attempt_timeout_ms: 100_000,
            retention_s: 0,
            drop_input: false,
            key_digest: None,
            expires_in_ms: 0,
            body: StoredBody {
                input: Some(v1::Payload {
                    content: Some(v1::payload::Content::Text("input".into())),
                    ..Default::default()
                }),
                ..StoredBody::default()
            },
        },
        start: Start::Now,
        idempotency: None,
        queue_limit: 0,
        queue_bytes_limit: 0,
    }
}

pub(crate) fn with_key(mut task: NewTask, key: u8, content: u8) -> NewTask {
    task.record.key_digest = Some([key; 16]);
    task.idempotency = Some(Idempotency {
        key: [key; 16],
        content: [content; 32],
    });
    task
}

/// A request for `max` tasks; `number` makes its identity and its nonce.
pub(crate) fn request(number: u8, lines: &[Line], max: u32) -> LeaseRequest {
    LeaseRequest {
        namespace: namespace(),
        lines: lines.to_vec(),
        max,
        max_bytes: 3 << 20,
        request: [number; 16],
        nonce: [number.wrapping_add(100); 16],
    }
}

pub(crate) fn error(text: &str) -> Bytes {
    tidemill_model::wire::outcome_error(&v1::TaskError {
        message: text.into(),
        ..Default::default()
    })
}

pub(crate) fn output(text: &str) -> Bytes {
    tidemill_model::wire::outcome_output(Some(v1::Payload {
        content: Some(v1::payload::Content::Text(text.into())),
        ..Default::default()
    }))
}

/// A queue under test. Every call states the time.
pub(crate) trait Subject {
    async fn enqueue(&mut self, now: u64, task: NewTask) -> Enqueued;
    async fn lease(&mut self, now: u64, request: &LeaseRequest) -> Vec<Leased>;
    async fn heartbeat(&mut self, now: u64, heartbeat: Heartbeat) -> Renewal;
    async fn settle(&mut self, now: u64, token: LeaseToken, settle: Settle) -> Settlement;
    async fn cancel(&mut self, now: u64, id: TaskId, reason: &str) -> Cancelled;
    async fn report(&mut self, now: u64, token: LeaseToken, kind: LogKind, payload: Bytes) -> Reported;
    /// Reaped tasks come back without delay.
    async fn tick(&mut self, now: u64, reap: bool) -> Ticked;
    async fn pause(&mut self, queue: &str, paused: bool);
    async fn snapshot(&mut self, id: TaskId) -> Option<Snapshot>;
    async fn log(&mut self, id: TaskId) -> Vec<LogEntry>;
    async fn counters(&mut self, queue: &str) -> Counters;

    /// State of a task that must exist.
    async fn state(&mut self, id: TaskId) -> TaskState {
        self.snapshot(id).await.unwrap().header.state
    }

    /// Enqueues a task and leases it.
    async fn running(&mut self, now: u64, task: NewTask) -> LeaseToken {
        let only = line(task.record.queue.as_str(), task.record.kind.as_str());
        let number = task.id.as_bytes()[14] ^ task.id.as_bytes()[15];
        assert!(matches!(
            self.enqueue(now, task).await,
            Enqueued::Stored(TaskState::Queued)
        ));
        self.lease(now, &request(number.wrapping_add(7), &[only], 1)).await[0].token
    }
}

pub(crate) struct Reference(pub(crate) ReferenceQueue);

impl Reference {
    pub(crate) fn new() -> Self {
        Self(ReferenceQueue::new(rules()))
    }
}

impl Subject for Reference {
    async fn enqueue(&mut self, now: u64, task: NewTask) -> Enqueued {
        self.0.enqueue(now, task)
    }
    async fn lease(&mut self, now: u64, request: &LeaseRequest) -> Vec<Leased> {
        self.0.lease(now, request)
    }
    async fn heartbeat(&mut self, now: u64, heartbeat: Heartbeat) -> Renewal {
        self.0.heartbeat(now, &heartbeat)
    }
    async fn settle(&mut self, now: u64, token: LeaseToken, settle: Settle) -> Settlement {
        self.0.settle(now, &token, settle)
    }
    async fn cancel(&mut self, now: u64, id: TaskId, reason: &str) -> Cancelled {
        self.0
            .cancel(now, &namespace(), &id, &tidemill_model::wire::outcome_cancel(reason))
    }
    async fn report(&mut self, now: u64, token: LeaseToken, kind: LogKind, payload: Bytes) -> Reported {
        self.0.report(now, &token, kind, payload)
    }
    async fn tick(&mut self, now: u64, reap: bool) -> Ticked {
        self.0.tick(now, reap, |_| 0)
    }
    async fn pause(&mut self, queue: &str, paused: bool) {
        self.0.set_paused(&namespace(), &name(queue), paused);
    }
    async fn snapshot(&mut self, id: TaskId) -> Option<Snapshot> {
        self.0.record(&id).map(Snapshot::comparable)
    }
    async fn log(&mut self, id: TaskId) -> Vec<LogEntry> {
        self.0.log(&id)
    }
    async fn counters(&mut self, queue: &str) -> Counters {
        self.0.counters(&namespace(), &name(queue))
    }
}

/// The store on a server of its own.
pub(crate) struct OnRedis {
    pub(crate) store: Store,
    pub(crate) connection: redis::aio::MultiplexedConnection,
    _context: ServerContext,
    _server: TestServer,
}

pub(crate) fn config(url: &str) -> RedisConfig {
    RedisConfig::at(url)
}

impl OnRedis {
    pub(crate) async fn new() -> Self {
        let server = TestServer::start();
        let context = ServerContext::standalone();
        let store = Store::open(&config(&server.url()), rules(), &context.supervisor)
            .await
            .unwrap();
        let client = redis::Client::open(server.url()).unwrap();
        let connection = client.get_multiplexed_async_connection().await.unwrap();
        Self {
            store,
            connection,
            _context: context,
            _server: server,
        }
    }

    async fn at(&mut self, now: u64) {
        redis::cmd("SET")
            .arg("tm:{0}:clock")
            .arg(now)
            .exec_async(&mut self.connection)
            .await
            .unwrap();
    }

    /// Every key but those that are not state: clock, identity, hints, bells, remembered requests.
    pub(crate) async fn keys(&mut self) -> Vec<Vec<u8>> {
        let all: Vec<Vec<u8>> = redis::cmd("KEYS")
            .arg("*")
            .query_async(&mut self.connection)
            .await
            .unwrap();
        let passing = ["clock", "meta", "ev", "sg", "bell", "rq:", "names", "stat"];
        all.into_iter()
            .filter(|key| {
                !passing
                    .iter()
                    .any(|word| key.starts_with(format!("tm:{{0}}:{word}").as_bytes()))
            })
            .collect()
    }

    pub(crate) async fn reading(&mut self, id: TaskId) -> Option<tidemill_store::Reading> {
        let request = ReadRequest {
            namespace: namespace(),
            id,
            with_body: true,
            after: Some(0),
            most_entries: 10_000,
        };
        self.store.read(request).await.unwrap()
    }
}

impl Subject for OnRedis {
    async fn enqueue(&mut self, now: u64, task: NewTask) -> Enqueued {
        self.at(now).await;
        self.store.enqueue(task).await.unwrap()
    }
    async fn lease(&mut self, now: u64, request: &LeaseRequest) -> Vec<Leased> {
        self.at(now).await;
        self.store.lease(request).await.unwrap().0
    }
    async fn heartbeat(&mut self, now: u64, heartbeat: Heartbeat) -> Renewal {
        self.at(now).await;
        self.store.heartbeat(heartbeat).await.unwrap()
    }
    async fn settle(&mut self, now: u64, token: LeaseToken, settle: Settle) -> Settlement {
        self.at(now).await;
        self.store.settle(token, settle).await.unwrap()
    }
    async fn cancel(&mut self, now: u64, id: TaskId, reason: &str) -> Cancelled {
        self.at(now).await;
        self.store
            .cancel(namespace(), id, tidemill_model::wire::outcome_cancel(reason))
            .await
            .unwrap()
    }
    async fn report(&mut self, now: u64, token: LeaseToken, kind: LogKind, payload: Bytes) -> Reported {
        self.at(now).await;
        self.store.report(token, kind, payload).await.unwrap()
    }
    async fn tick(&mut self, now: u64, reap: bool) -> Ticked {
        self.at(now).await;
        self.store
            .tick(
                0,
                TickRequest {
                    reap,
                    random: 0.0,
                    bound: 128,
                    kept_bytes_limit: 0,
                },
            )
            .await
            .unwrap()
    }
    async fn pause(&mut self, queue: &str, paused: bool) {
        let key = format!("tm:{{0}}:q:default/{queue}");
        let mut command = redis::cmd(if paused { "HSET" } else { "HDEL" });
        command.arg(key).arg("paused");
        if paused {
            command.arg(1);
        }
        command.exec_async(&mut self.connection).await.unwrap();
    }
    async fn snapshot(&mut self, id: TaskId) -> Option<Snapshot> {
        let reading = self.reading(id).await?;
        Some(
            Snapshot::of(&Record::parse(&reading.record, true).unwrap())
                .unwrap()
                .comparable(),
        )
    }
    async fn log(&mut self, id: TaskId) -> Vec<LogEntry> {
        self.reading(id).await.map_or_else(Vec::new, |reading| reading.entries)
    }
    async fn counters(&mut self, queue: &str) -> Counters {
        let Some((counters, _)) = self.store.queue(&namespace(), &name(queue)).await.unwrap() else {
            return Counters::default();
        };
        let [scheduled, queued, running, succeeded, failed, cancelled, expired] = counters.by_state;
        let kinds: u64 = counters.kinds.iter().map(|(_, n)| n).sum();
        assert_eq!(kinds, queued, "the depths of the kinds add up to the queue's");
        Counters {
            scheduled,
            queued,
            running,
            succeeded,
            failed,
            cancelled,
            expired,
            bytes: counters.bytes,
        }
    }
}
