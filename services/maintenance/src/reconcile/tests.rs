use tidemill_model::{op::Start, state::TaskState};

use super::*;
use crate::testing::{SHORT, World};

fn reconciler(world: &World) -> Reconciler {
    Reconciler {
        second_look: Duration::from_millis(10),
        ..Reconciler::new(world.store.clone(), 0, Duration::from_millis(100), world.counts.clone())
    }
}

/// The pass of a hundred milliseconds ago may still be claimed.
async fn pass(reconciler: &Reconciler, shutdown: &Shutdown) -> usize {
    sleep(Duration::from_millis(150)).await;
    reconciler.run_once(shutdown).await.unwrap()
}

#[tokio::test]
async fn mends_an_index_that_lost_a_task() {
    let world = World::new(SHORT).await;
    let task = world.enqueue(Start::After(60_000), 0, 1).await;
    let (reconciler, shutdown) = (reconciler(&world), Shutdown::new());
    assert_eq!(pass(&reconciler, &shutdown).await, 0);
    assert_eq!(world.server.ask("DEL tm:{0}:due").as_deref(), Some(":1"));
    assert_eq!(pass(&reconciler, &shutdown).await, 1);
    assert_eq!(pass(&reconciler, &shutdown).await, 0);
    assert_eq!(world.server.ask("ZCARD tm:{0}:due").as_deref(), Some(":1"));
    assert_eq!(world.state(task).await, Some(TaskState::Scheduled));
    assert_eq!(world.counts.reconciled.get(), 1);
}

#[tokio::test]
async fn finds_every_lost_task_of_many_pages() {
    let world = World::new(SHORT).await;
    for n in 1..=500 {
        world.enqueue(Start::After(60_000), 0, n).await;
    }
    assert_eq!(world.server.ask("DEL tm:{0}:due").as_deref(), Some(":1"));
    let (reconciler, shutdown) = (reconciler(&world), Shutdown::new());
    assert_eq!(pass(&reconciler, &shutdown).await, 500);
    assert_eq!(pass(&reconciler, &shutdown).await, 0);
}

#[tokio::test]
async fn a_lost_line_serves_again() {
    let world = World::new(SHORT).await;
    world.enqueue(Start::Now, 0, 1).await;
    assert_eq!(
        world.server.ask("DEL tm:{0}:r:default/default/k/2").as_deref(),
        Some(":1")
    );
    let (reconciler, shutdown) = (reconciler(&world), Shutdown::new());
    assert_eq!(pass(&reconciler, &shutdown).await, 1);
    assert!(world.lease(1).await.is_some());
}

#[tokio::test]
async fn one_process_makes_a_pass() {
    let world = World::new(SHORT).await;
    let first = Reconciler {
        interval: Duration::from_secs(60),
        ..reconciler(&world)
    };
    world.enqueue(Start::After(60_000), 0, 1).await;
    let shutdown = Shutdown::new();
    assert_eq!(first.run_once(&shutdown).await.unwrap(), 0);
    world.server.ask("DEL tm:{0}:due").unwrap();
    assert_eq!(first.clone().run_once(&shutdown).await.unwrap(), 0);
}
