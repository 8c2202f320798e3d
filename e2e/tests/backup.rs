//! The backup of docs/operations.md, taken under load, restored into another server: every task that was acknowledged before the copy is
//! there, in a state it had, and runs to its end.

#![expect(clippy::expect_used, reason = "a test may stop at the first surprise")]

use std::{collections::HashSet, fs, path::Path, time::Duration};

use tidemill_client::{Client, Context, EventKind, Failure, RetryPolicy, Task, TaskState, Worker};
use tidemill_e2e::{Cluster, LIMIT, TestServer, until};
use tokio::{sync::oneshot, task::JoinSet, time::timeout};

/// `cp -a`, file by file.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the append-only files") {
        let entry = entry.expect("a file");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

fn worker(
    client: &Client,
) -> (
    oneshot::Sender<()>,
    impl Future<Output = Result<(), tidemill_client::Error>> + use<>,
) {
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = Worker::builder(client)
        .handle("ok", async |task: Context| Ok(task.payload().clone()))
        .handle("bad", async |_| Err::<(), _>(Failure::permanent("no")));
    let worker = worker.build().expect("a worker");
    (stop, worker.run(async { drop(stopped.await) }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_under_load_is_a_store() {
    let cluster = Cluster::of(1, 1, 1).start().await;
    let before = cluster.rust_client().build().expect("a client");
    let (stop, run) = worker(&before);
    let mut working = JoinSet::new();
    working.spawn(run);
    let once = RetryPolicy::default().max_attempts(1);
    let done = before
        .enqueue(Task::new("ok").text("kept"))
        .await
        .expect("stored")
        .task_id;
    let dead = before
        .enqueue(Task::new("bad").retry_policy(once))
        .await
        .expect("stored")
        .task_id;
    for id in [&done, &dead] {
        timeout(LIMIT, before.watch(id).result())
            .await
            .expect("in time")
            .expect("a result");
    }
    let delayed = Task::new("ok").text("later").delay(Duration::from_secs(3_600));
    let delayed = before.enqueue(delayed).await.expect("stored").task_id;

    // The load goes on while the copy is taken.
    let mut load = JoinSet::new();
    let producer = before.clone();
    load.spawn(async move {
        let mut ids = Vec::new();
        for number in 0..2_000 {
            let task = Task::new("waits")
                .text(number.to_string())
                .idempotency_key(format!("key-{number}"));
            ids.push(producer.enqueue(task).await.expect("stored").task_id);
        }
        ids
    });
    until("the load runs", LIMIT, async || {
        (before.queue("default").await.expect("known").queued > 100).then_some(())
    })
    .await;
    let acknowledged = before.queue("default").await.expect("known").queued;
    let ask = |command: &str| cluster.server.reply(command).expect("an answer");
    ask("CONFIG SET auto-aof-rewrite-percentage 0");
    assert!(ask("INFO persistence").contains("aof_rewrite_in_progress:0"));
    let backup = cluster.folder().join("backup");
    copy(&cluster.server.directory().join("appendonlydir"), &backup);
    ask("CONFIG SET auto-aof-rewrite-percentage 100");
    let ids = load.join_next().await.expect("it ran").expect("no panic");
    stop.send(()).expect("it runs");
    working
        .join_next()
        .await
        .expect("it ran")
        .expect("no panic")
        .expect("in order");

    // Another server, another day.
    let mut server = TestServer::start();
    server.kill();
    fs::remove_dir_all(server.directory().join("appendonlydir")).expect("its own, empty one");
    copy(&backup, &server.directory().join("appendonlydir"));
    server.resume();
    let restored = Cluster::of(1, 1, 1).over(server).start().await;
    let after = restored.rust_client().build().expect("a client");
    let found = after.result(&done).await.expect("known");
    assert_eq!(
        (found.state, found.output.expect("an output").as_text()),
        (TaskState::Succeeded, Some("kept"))
    );
    assert_eq!(after.result(&dead).await.expect("known").state, TaskState::Failed);
    assert_eq!(after.result(&delayed).await.expect("known").state, TaskState::Scheduled);
    let queued = after.queue("default").await.expect("known").queued;
    assert!(
        queued >= acknowledged,
        "{queued} of at least {acknowledged} that were acknowledged before the copy"
    );

    // What was acknowledged after the copy is gone, and its keys with it: sending all of it again stores just what is missing.
    for number in 0..2_000 {
        let task = Task::new("waits")
            .text(number.to_string())
            .idempotency_key(format!("key-{number}"));
        let again = after.enqueue(task).await.expect("stored");
        let was_there = i64::from(number) < queued;
        assert_eq!(again.deduplicated, was_there, "task {number} of {queued}");
        assert!(
            !was_there || ids.contains(&again.task_id),
            "a task that was there has the id it had"
        );
    }
    let queue = after.queue("default").await.expect("known");
    assert_eq!(queue.queued, 2_000);

    // And it all runs.
    let (stop, stopped) = oneshot::channel::<()>();
    let running = Worker::builder(&after).handle("waits", async |task: Context| Ok(task.payload().clone()));
    let running = running.build().expect("a worker");
    working.spawn(running.run(async { drop(stopped.await) }));
    let (watches, mut watch) = after.watch_many();
    ids.iter()
        .take(usize::try_from(queued).expect("few"))
        .for_each(|id| watches.add(id, 0));
    drop(watches);
    let mut outputs = HashSet::new();
    while let Some(watched) = timeout(LIMIT, watch.next()).await.expect("in time") {
        if let EventKind::Result(result) = watched.event.expect("an event").kind {
            assert_eq!(result.state, TaskState::Succeeded);
            outputs.insert(result.output.expect("an output").to_bytes());
        }
    }
    assert_eq!(i64::try_from(outputs.len()).expect("few"), queued);
    stop.send(()).expect("it runs");
    working
        .join_next()
        .await
        .expect("it ran")
        .expect("no panic")
        .expect("in order");
    restored.check_logs(true);
}
