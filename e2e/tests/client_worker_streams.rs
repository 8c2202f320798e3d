//! The Rust worker against worker roles that die and drain: what it holds goes on, and nothing is charged.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise, and spawns what it drives"
)]

#[path = "support/worker.rs"]
mod support;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use support::{Running, client};
use tidemill_client::{Task, TaskState, Worker, WorkerEvent};
use tidemill_e2e::{Cluster, LIMIT, Role, until};
use tokio::{sync::Notify, time::timeout};

const SOON: Duration = Duration::from_millis(50);

/// `kill -9` of the worker role in the middle of a handler: the stream to the next life of the role adopts the lease.
#[tokio::test(flavor = "multi_thread")]
async fn held_leases_survive_the_worker_role() {
    let mut cluster = Cluster::of(1, 1, 1).set("rules.lease_ttl", "10s").start().await;
    let client = client(&mut cluster, 0);
    let (go, runs) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (wait, count) = (Arc::clone(&go), Arc::clone(&runs));
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&events);
    let worker = Worker::builder(&client)
        .on_event(move |event| {
            let name = match event {
                WorkerEvent::Connected { .. } => "connected",
                WorkerEvent::Disconnected { .. } => "disconnected",
                WorkerEvent::Settled { .. } => "settled",
                WorkerEvent::LeaseLost { .. } => "lost",
                _ => return,
            };
            heard.lock().expect("lock").push(name);
        })
        .handle("wait", move |_| {
            let (wait, count) = (Arc::clone(&wait), Arc::clone(&count));
            async move {
                count.fetch_add(1, Ordering::Relaxed);
                wait.notified().await;
                Ok("kept")
            }
        });
    let worker = Running::start(worker);
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(client.enqueue(Task::new("wait")).await.expect("stored").task_id);
    }
    let running = async || (runs.load(Ordering::Relaxed) == 4).then_some(());
    until("all run", LIMIT, running).await;
    cluster.get(Role::Worker, 0).kill();
    tokio::time::sleep(SOON).await;
    // Two finish while nobody listens, two after.
    go.notify_one();
    go.notify_one();
    cluster.get(Role::Worker, 0).start();
    cluster.wait_ready().await;
    let connected = || {
        events
            .lock()
            .expect("lock")
            .iter()
            .filter(|name| **name == "connected")
            .count()
    };
    until("it is back", LIMIT, async || (connected() == 2).then_some(())).await;
    go.notify_one();
    go.notify_one();
    for id in ids {
        let task = timeout(LIMIT, client.watch(&id).result())
            .await
            .expect("in time")
            .expect("a result");
        assert_eq!(task.state, TaskState::Succeeded);
        assert_eq!(client.result(&id).await.expect("known").attempt, 1);
    }
    assert_eq!(runs.load(Ordering::Relaxed), 4, "nothing ran twice");
    worker.stop().await;
    let events = events.lock().expect("lock");
    assert!(
        !events.contains(&"lost") && events.contains(&"disconnected"),
        "{events:?}"
    );
}

/// The drain of a worker role hands its streams over; nothing is charged.
#[tokio::test(flavor = "multi_thread")]
async fn a_draining_role_is_left_with_the_leases() {
    let mut cluster = Cluster::of(1, 1, 1).set("worker.drain_grace", "10s").start().await;
    let client = client(&mut cluster, 0);
    let worker = Worker::builder(&client).handle("slow", async |_| {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(())
    });
    let worker = Running::start(worker);
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(client.enqueue(Task::new("slow")).await.expect("stored").task_id);
    }
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let role = cluster.get(Role::Worker, 0);
        role.signal("TERM");
        role.wait_clean_end().await;
        role.start();
    }
    for id in ids {
        let result = timeout(LIMIT, client.watch(&id).result())
            .await
            .expect("in time")
            .expect("a result");
        assert_eq!(result.state, TaskState::Succeeded);
        let task = client.task(&id).await.expect("known");
        assert_eq!((task.attempt, task.failures, task.crashes), (1, 0, 0));
    }
    worker.stop().await;
}
