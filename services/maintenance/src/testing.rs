//! A store on a server of its own, and tasks in it.

use std::time::Duration;

use tidemill_kit::grpc::ServerContext;
use tidemill_model::{
    id::{Name, Namespace, TaskId, route},
    op::{Enqueued, LeaseRequest, Leased, Line, NewTask, Rules, Settle, Settlement, Start},
    record::{NewRecord, Record, StoredBody},
    state::{Priority, TaskState},
};
use tidemill_store::{ReadRequest, RedisConfig, Store};
use tidemill_test_server::TestServer;

use crate::metrics::Counts;

/// Long enough to be no test of speed.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) store: Store,
    pub(crate) context: ServerContext,
    pub(crate) counts: Counts,
}

pub(crate) const SHORT: Rules = Rules {
    lease_ttl_ms: 150,
    crash_limit: 3,
    release_limit: 100,
    retention_ms: 100,
    failed_retention_ms: 60_000,
    key_retention_ms: 100,
    reap_delay_ms: 1,
    timeout_grace_ms: 1_000,
    log_entries: 10,
    log_bytes: 1_000,
};

pub(crate) fn redis_config(server: &TestServer) -> RedisConfig {
    RedisConfig::at(server.url())
}

impl World {
    pub(crate) async fn new(rules: Rules) -> Self {
        let server = TestServer::start();
        let context = ServerContext::standalone();
        let store = Store::open(&redis_config(&server), rules, &context.supervisor)
            .await
            .unwrap();
        let counts = Counts::new(&context.metrics);
        Self {
            server,
            store,
            context,
            counts,
        }
    }

    pub(crate) async fn enqueue(&self, start: Start, expires_in_ms: u64, random: u64) -> TaskId {
        let (namespace, queue) = (Namespace::default(), Name::default_queue());
        let now = self.store.time_ms().await.unwrap();
        let id = TaskId::new(now, route(&namespace, &queue), random << 2);
        let record = NewRecord {
            namespace,
            queue,
            kind: Name::new("k").unwrap(),
            priority: Priority::Normal,
            max_attempts: 4,
            attempt_timeout_ms: 60_000,
            retention_s: 0,
            drop_input: false,
            key_digest: None,
            expires_in_ms,
            body: StoredBody::default(),
        };
        let task = NewTask {
            id,
            record,
            start,
            idempotency: None,
            queue_limit: 0,
            queue_bytes_limit: 0,
        };
        assert!(matches!(self.store.enqueue(task).await.unwrap(), Enqueued::Stored(_)));
        id
    }

    pub(crate) async fn lease(&self, random: u8) -> Option<Leased> {
        let line = Line {
            queue: Name::default_queue(),
            kind: Name::new("k").unwrap(),
        };
        let request = LeaseRequest {
            namespace: Namespace::default(),
            lines: vec![line],
            max: 1,
            max_bytes: 1 << 20,
            request: [random; 16],
            nonce: [random; 16],
        };
        self.store.lease(&request).await.unwrap().0.pop()
    }

    pub(crate) async fn complete(&self, leased: &Leased) {
        let outcome = Settle::Complete { outcome: vec![].into() };
        let settled = self.store.settle(leased.token, outcome).await.unwrap();
        assert!(matches!(
            settled,
            Settlement::Done {
                state: TaskState::Succeeded,
                ..
            }
        ));
    }

    /// The state of a task; `None`: it is gone.
    pub(crate) async fn state(&self, id: TaskId) -> Option<TaskState> {
        let request = ReadRequest {
            namespace: Namespace::default(),
            id,
            with_body: false,
            after: None,
            most_entries: 0,
        };
        let reading = self.store.read(request).await.unwrap()?;
        Some(Record::parse(&reading.record, false).unwrap().header.state)
    }
}
