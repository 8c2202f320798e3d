//! The store against servers that are unfit, full, emptied, restarted or forgetful.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use bytes::Bytes;
use tidemill_kit::{config::ByteSize, grpc::ServerContext};
use tidemill_model::{
    id::{Name, Namespace, TaskId, route},
    op::{Enqueued, LeaseRequest, Leased, Line, NewTask, Rules, Settle, Settlement, Start},
    record::{NewRecord, StoredBody},
    state::{Cause, Priority, TaskState},
    wire::LogKind,
};
use tidemill_proto::v1;
use tidemill_store::{Durability, Hint, OpenError, ReadRequest, RedisConfig, Store, StoreError};
use tidemill_test_server::TestServer;

fn config(server: &TestServer) -> RedisConfig {
    RedisConfig::at(server.url())
}

async fn open(server: &TestServer) -> (Store, ServerContext) {
    let context = ServerContext::standalone();
    (
        Store::open(&config(server), Rules::default(), &context.supervisor)
            .await
            .unwrap(),
        context,
    )
}

fn new_task(number: u64, bytes: usize) -> NewTask {
    let queue = Name::new("q").unwrap();
    NewTask {
        id: TaskId::new(1_900_000_000_000, route(&Namespace::default(), &queue), number << 8),
        record: NewRecord {
            namespace: Namespace::default(),
            queue,
            kind: Name::new("k").unwrap(),
            priority: Priority::Normal,
            max_attempts: 4,
            attempt_timeout_ms: 100_000,
            retention_s: 0,
            drop_input: false,
            key_digest: None,
            expires_in_ms: 0,
            body: StoredBody {
                input: Some(v1::Payload {
                    content: Some(v1::payload::Content::Data(vec![7; bytes].into())),
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

async fn lease(store: &Store, number: u8, max: u32) -> Vec<Leased> {
    let lines = vec![Line {
        queue: Name::new("q").unwrap(),
        kind: Name::new("k").unwrap(),
    }];
    let request = LeaseRequest {
        namespace: Namespace::default(),
        lines,
        max,
        max_bytes: 64 << 20,
        request: [number; 16],
        nonce: [number; 16],
    };
    store.lease(&request).await.unwrap().0
}

fn read(number: u64) -> ReadRequest {
    ReadRequest {
        namespace: Namespace::default(),
        id: new_task(number, 0).id,
        with_body: true,
        after: None,
        most_entries: 1,
    }
}

/// Tries until the server answers again.
async fn enqueue_at_last(store: &Store, task: NewTask) -> Enqueued {
    loop {
        match store.enqueue(task.clone()).await {
            Ok(done) => return done,
            Err(StoreError::Unavailable(_) | StoreError::Unknown(_)) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn an_unfit_server_is_refused_with_all_that_is_wrong() {
    let server = TestServer::start_with(&[
        ("maxmemory-policy", "allkeys-lru"),
        ("appendfsync", "everysec"),
        ("maxmemory", "0"),
    ]);
    let context = ServerContext::standalone();
    let error = Store::open(&config(&server), Rules::default(), &context.supervisor)
        .await
        .err()
        .unwrap();
    assert!(matches!(&error, OpenError::Unfit(lines) if lines.len() == 3), "{error}");
    for mend in ["maxmemory-policy noeviction", "appendfsync always", "maxmemory 1gb"] {
        assert!(error.to_string().contains(mend), "{mend} in {error}");
    }
    // `fast` takes everysec, but never eviction.
    let fast = RedisConfig {
        durability: Durability::Fast,
        memory_budget: ByteSize(1 << 30),
        ..config(&server)
    };
    let error = Store::open(&fast, Rules::default(), &context.supervisor)
        .await
        .err()
        .unwrap();
    assert!(matches!(&error, OpenError::Unfit(lines) if lines.len() == 1), "{error}");
}

#[tokio::test]
async fn a_pinned_identity_is_insisted_on() {
    let server = TestServer::start();
    let context = ServerContext::standalone();
    let pinned = RedisConfig {
        store_id: "somebody-else".into(),
        ..config(&server)
    };
    assert!(matches!(
        Store::open(&pinned, Rules::default(), &context.supervisor).await,
        Err(OpenError::Identity(_))
    ));
    let (store, _context) = open(&server).await;
    assert!(matches!(
        Store::open(&pinned, Rules::default(), &context.supervisor).await,
        Err(OpenError::Identity(_))
    ));
    let right = RedisConfig {
        store_id: store.store_id().into(),
        ..config(&server)
    };
    assert!(Store::open(&right, Rules::default(), &context.supervisor).await.is_ok());
}

#[tokio::test]
async fn an_emptied_store_is_not_written_to() {
    let server = TestServer::start();
    let (store, _context) = open(&server).await;
    assert_eq!(server.ask("FLUSHALL").as_deref(), Some("+OK"));
    assert_eq!(store.enqueue(new_task(1, 10)).await, Err(StoreError::Changed));
    assert_eq!(store.check_identity().await, Err(StoreError::Changed));
    assert_eq!(server.ask("DBSIZE").as_deref(), Some(":0"));
}

#[tokio::test]
async fn forgotten_scripts_are_loaded_again() {
    let server = TestServer::start();
    let (store, _context) = open(&server).await;
    for number in 1..4 {
        assert_eq!(server.ask("SCRIPT FLUSH").as_deref(), Some("+OK"));
        assert_eq!(
            store.enqueue(new_task(number, 10)).await,
            Ok(Enqueued::Stored(TaskState::Queued))
        );
    }
}

#[tokio::test]
async fn a_full_server_refuses_enqueues_and_lets_work_drain() {
    let server = TestServer::start();
    let (store, _context) = open(&server).await;
    for number in 1..20 {
        store.enqueue(new_task(number, 100_000)).await.unwrap();
    }
    let held = lease(&store, 1, 5).await;
    assert_eq!(server.ask("CONFIG SET maxmemory 1mb").as_deref(), Some("+OK"));
    assert_eq!(store.enqueue(new_task(50, 10)).await, Err(StoreError::Memory));
    assert_eq!(store.read(read(50)).await, Ok(None), "a refused task leaves no trace");
    for leased in held {
        let settled = store
            .settle(leased.token, Settle::Complete { outcome: Bytes::new() })
            .await;
        assert_eq!(
            settled,
            Ok(Settlement::Done {
                state: TaskState::Succeeded,
                due_ms: 0
            })
        );
    }
    assert_eq!(lease(&store, 2, 1).await.len(), 1);
}

#[tokio::test]
async fn a_server_that_is_away_is_not_applied_and_comes_back() {
    let mut server = TestServer::start();
    let (store, _context) = open(&server).await;
    store.enqueue(new_task(1, 10)).await.unwrap();
    server.kill();
    // The first call may find the broken connection; after that nothing can have been sent.
    let _ = store.enqueue(new_task(2, 10)).await;
    let refused = store.enqueue(new_task(3, 10)).await.unwrap_err();
    assert!(refused.not_applied(), "{refused:?}");
    server.resume();
    assert_eq!(
        enqueue_at_last(&store, new_task(4, 10)).await,
        Enqueued::Stored(TaskState::Queued)
    );
    assert!(store.read(read(1)).await.unwrap().is_some());
}

/// The only hint of a batch, which tells a step of a task.
fn step(batch: &[Hint]) -> (TaskId, u32, Cause) {
    match batch {
        [Hint::Event(task, event)] => (*task, event.sequence, event.cause),
        other => panic!("not one event: {other:?}"),
    }
}

#[tokio::test]
async fn hints_tell_of_changes_and_of_gaps() {
    let mut server = TestServer::start();
    let (store, context) = open(&server).await;
    let (mut events, mut signals) = (store.events(&context.supervisor), store.signals(&context.supervisor));
    assert_eq!(*events.next().await, [Hint::Gap]);
    assert_eq!(*signals.next().await, [Hint::Gap]);
    store.enqueue(new_task(1, 10)).await.unwrap();
    assert_eq!(*signals.next().await, [Hint::Waiting]);
    let token = lease(&store, 1, 1).await[0].token;
    assert_eq!(step(&events.next().await), (token.task, 2, Cause::Leased));
    store
        .cancel(Namespace::default(), token.task, Bytes::new())
        .await
        .unwrap();
    assert_eq!(step(&events.next().await), (token.task, 3, Cause::CancelRequested));
    assert_eq!(*signals.next().await, [Hint::StopRequested(token.task)]);
    store
        .report(token, LogKind::Chunk, Bytes::from_static(b"chunk"))
        .await
        .unwrap();
    assert_eq!(*events.next().await, [Hint::Changed(token.task, 4)]);
    server.kill();
    server.resume();
    assert_eq!(*events.next().await, [Hint::Gap]);
    assert_eq!(*signals.next().await, [Hint::Gap]);
}

#[tokio::test]
async fn a_bell_wakes_a_waiter_and_what_is_left_is_passed_on() {
    let server = TestServer::start();
    let (store, _context) = open(&server).await;
    let namespace = Namespace::default();
    let lines = [Line {
        queue: Name::new("q").unwrap(),
        kind: Name::new("k").unwrap(),
    }];
    let limit = std::time::Duration::from_secs(20);
    let (mut one, mut other) = (store.bell_waiter("one"), store.bell_waiter("other"));
    let enqueue = async {
        for number in 1..3 {
            store.enqueue(new_task(number, 10)).await.unwrap();
        }
    };
    let (rung, ()) = tokio::join!(one.wait(&namespace, &lines, limit), enqueue);
    assert_eq!(rung, Ok(true));
    assert_eq!(lease(&store, 1, 1).await.len(), 1);
    assert_eq!(
        other.wait(&namespace, &lines, limit).await,
        Ok(true),
        "one task is left"
    );
    assert_eq!(lease(&store, 2, 1).await.len(), 1);
    store.ring_self("one").await.unwrap();
    assert_eq!(one.wait(&namespace, &lines, limit).await, Ok(true));
}

#[tokio::test]
async fn concurrent_calls_share_script_calls() {
    let server = TestServer::start();
    let (store, _context) = open(&server).await;
    let calls_before = evalsha_calls(&server);
    let mut joined = tokio::task::JoinSet::new();
    for number in 1..=512 {
        let store = store.clone();
        joined.spawn(async move { store.enqueue(new_task(number, 10)).await });
    }
    while let Some(result) = joined.join_next().await {
        assert_eq!(result.unwrap(), Ok(Enqueued::Stored(TaskState::Queued)));
    }
    let calls = evalsha_calls(&server) - calls_before;
    assert!(calls <= 16, "512 concurrent enqueues took {calls} calls");
}

fn evalsha_calls(server: &TestServer) -> u64 {
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let stats: String = redis::cmd("INFO").arg("commandstats").query(&mut connection).unwrap();
    let line = stats
        .lines()
        .find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    line.and_then(|rest| rest.split(',').next())
        .map_or(0, |calls| calls.parse().unwrap())
}
