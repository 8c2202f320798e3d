//! A watch of the Rust client yields every number exactly once, whatever happens to the results role and to the connection.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise, and spawns what it drives"
)]

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tidemill_client::{Client, Context, Event, EventKind, Task, TaskState, Worker};
use tidemill_e2e::{Cluster, LIMIT, Proxy, Role};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

const RESTARTS: usize = 20;
const CUTS: usize = 10;
/// Tasks watched over one stream.
const MANY: usize = 20;

/// Chunks are produced until the faults are over, at a rate that the bounded log keeps whole.
fn start_worker(client: &Client, over: &Arc<AtomicBool>) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel();
    let over = Arc::clone(over);
    let worker = Worker::builder(client)
        .concurrency(100)
        .handle("stream", move |task: Context| {
            let over = Arc::clone(&over);
            async move {
                let mut piece = 0;
                while !over.load(Ordering::Relaxed) {
                    task.chunk(format!("piece {piece}")).await?;
                    piece += 1;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Ok(piece.to_string())
            }
        });
    let worker = worker.build().expect("a worker");
    let shutdown = async { drop(stopped.await) };
    let ended = tokio::spawn(async move { worker.run(shutdown).await.expect("in order") });
    (stop, ended)
}

/// Every number once and in order, the pieces whole, the result at the end.
fn check(log: &[Event]) {
    let numbers: Vec<i64> = log.iter().map(|event| event.sequence).collect();
    assert_eq!(
        numbers,
        (1..).take(log.len()).collect::<Vec<i64>>(),
        "missing, doubled or out of order"
    );
    let pieces: Vec<&str> = log
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::OutputChunk(piece) => piece.as_text(),
            _ => None,
        })
        .collect();
    let Some(EventKind::Result(result)) = log.last().map(|event| &event.kind) else {
        panic!("no result at the end: {:?}", log.last());
    };
    assert_eq!(result.state, TaskState::Succeeded);
    let produced = result
        .output
        .as_ref()
        .and_then(|output| output.as_text())
        .expect("a number");
    assert_eq!(pieces.len().to_string(), produced, "as many as the handler sent");
    let whole: Vec<String> = (0..pieces.len()).map(|piece| format!("piece {piece}")).collect();
    assert_eq!(pieces, whole);
}

async fn follow(client: Client, task_id: String, breaks: Arc<AtomicUsize>) -> Vec<Event> {
    let watch = client.watch(task_id);
    let mut watch = watch.on_break(move |_| {
        breaks.fetch_add(1, Ordering::Relaxed);
    });
    let mut log = Vec::new();
    while let Some(event) = watch.next().await {
        log.push(event.expect("a break is mended"));
    }
    log
}

async fn follow_many(client: Client, ids: Vec<String>) -> HashMap<String, Vec<Event>> {
    let (watches, mut watch) = client.watch_many();
    ids.iter().for_each(|id| watches.add(id, 0));
    drop(watches);
    let mut logs: HashMap<String, Vec<Event>> = HashMap::new();
    while let Some(watched) = watch.next().await {
        let event = watched.event.expect("a break is mended");
        logs.entry(watched.task_id).or_default().push(event);
    }
    logs
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_restarts_and_cut_connections_lose_and_double_nothing() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let proxy = Proxy::start(cluster.get(Role::Results, 0).port).await;
    let builder = cluster.rust_client();
    let client = builder.results_url(format!("http://127.0.0.1:{}", proxy.port));
    let client = client.build().expect("a client");
    let over = Arc::new(AtomicBool::new(false));
    let (stop, worker) = start_worker(&client, &over);

    let mut ids = Vec::new();
    for _ in 0..=MANY {
        ids.push(client.enqueue(Task::new("stream")).await.expect("stored").task_id);
    }
    let breaks = Arc::new(AtomicUsize::new(0));
    let single = tokio::spawn(follow(client.clone(), ids.pop().expect("one"), Arc::clone(&breaks)));
    let many = tokio::spawn(follow_many(client.clone(), ids.clone()));

    for restart in 0..RESTARTS {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let role = cluster.get(Role::Results, 0);
        // Half of them die, half of them drain.
        if restart % 2 == 0 {
            role.kill();
        } else {
            role.signal("TERM");
            role.wait_clean_end().await;
        }
        role.start();
        role.wait_ready().await;
    }
    for _ in 0..CUTS {
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxy.cut();
    }
    over.store(true, Ordering::Relaxed);

    let log = timeout(LIMIT, single).await.expect("it ends").expect("no panic");
    check(&log);
    let logs = timeout(LIMIT, many).await.expect("they end").expect("no panic");
    assert_eq!(logs.len(), MANY);
    logs.values().for_each(|log| check(log));
    let breaks = breaks.load(Ordering::Relaxed);
    assert!(breaks >= RESTARTS + CUTS, "the faults hit the watch: {breaks} breaks");
    assert!(proxy.cuts() >= CUTS, "{} connections were cut", proxy.cuts());
    let _ = stop.send(());
    worker.await.expect("no panic");
    cluster.check_logs(true);
}

#[tokio::test]
async fn one_bad_id_does_not_end_the_others_and_tasks_can_be_removed() {
    let cluster = Cluster::of(1, 0, 1).start().await;
    let client = cluster.rust_client().build().expect("a client");
    let good = client.enqueue(Task::new("nobody")).await.expect("stored").task_id;
    let dull = client.enqueue(Task::new("nobody")).await.expect("stored").task_id;
    let unknown = "019a0000-0000-7000-8000-000000000000";
    let (watches, mut watch) = client.watch_many();
    for id in [good.as_str(), dull.as_str(), unknown, "no id"] {
        watches.add(id, 0);
    }
    let mut errors = HashMap::new();
    let mut events = 0;
    while errors.len() < 2 || events < 2 {
        let watched = timeout(LIMIT, watch.next())
            .await
            .expect("in time")
            .expect("not the end");
        match watched.event {
            Ok(_) => events += 1,
            Err(error) => drop(errors.insert(watched.task_id, error.reason_name().to_owned())),
        }
    }
    assert_eq!(errors[unknown], "TASK_NOT_FOUND");
    assert_eq!(errors["no id"], "INVALID_REQUEST");
    watches.remove(dull.as_str());
    client.cancel(&good, "").await.expect("known");
    drop(watches);
    let last = timeout(LIMIT, watch.next())
        .await
        .expect("in time")
        .expect("the result");
    assert_eq!(last.task_id, good);
    assert!(matches!(last.event.expect("an event").kind, EventKind::Result(_)));
    assert!(
        timeout(LIMIT, watch.next()).await.expect("in time").is_none(),
        "nothing is left"
    );
}
