use std::future::poll_fn;

use tidemill_model::{op::Start, state::TaskState};
use tokio::time::timeout;

use super::*;
use crate::testing::{LIMIT, SHORT, World};

fn ticker(world: &World) -> Ticker {
    Ticker::new(world.store.clone(), 0, 0.25, world.counts.clone())
}

/// Steps until one did what is asked for: time passes at the server only.
async fn tick_until(ticker: &mut Ticker, done: impl Fn(&Ticked) -> bool) -> Ticked {
    let steps = async {
        loop {
            let ticked = ticker.run_once().await.unwrap();
            if done(&ticked) {
                return ticked;
            }
        }
    };
    timeout(LIMIT, steps).await.unwrap()
}

#[tokio::test]
async fn promotes_what_is_due_and_names_the_next_deadline() {
    let world = World::new(SHORT).await;
    let mut ticker = ticker(&world);
    let soon = world.enqueue(Start::After(50), 0, 1).await;
    let later = world.enqueue(Start::After(60_000), 0, 2).await;
    let ticked = tick_until(&mut ticker, |t| t.promoted == 1).await;
    assert_eq!(world.state(soon).await, Some(TaskState::Queued));
    assert_eq!(world.state(later).await, Some(TaskState::Scheduled));
    assert!(ticked.next_ms > ticked.now_ms + 50_000 && !ticked.more, "{ticked:?}");
    let text = world.context.metrics.encode();
    assert!(
        text.contains("tidemill_maintenance_tasks_total{action=\"promoted\"} 1"),
        "{text}"
    );
}

#[tokio::test]
async fn reaps_expires_and_purges() {
    let world = World::new(SHORT).await;
    let mut ticker = ticker(&world);
    let crashed = world.enqueue(Start::Now, 0, 1).await;
    world.lease(1).await.unwrap();
    tick_until(&mut ticker, |t| t.reaped == 1).await;
    tick_until(&mut ticker, |t| t.promoted == 1).await;
    assert_eq!(world.state(crashed).await, Some(TaskState::Queued));

    let leased = world.lease(2).await.unwrap();
    world.complete(&leased).await;
    tick_until(&mut ticker, |t| t.purged == 1).await;
    assert_eq!(world.state(crashed).await, None);

    let expiring = world.enqueue(Start::Now, 1, 3).await;
    tick_until(&mut ticker, |t| t.expired == 1).await;
    assert!(matches!(world.state(expiring).await, Some(TaskState::Expired) | None));
}

#[tokio::test]
async fn after_the_store_was_away_live_workers_renew_first() {
    let mut world = World::new(SHORT).await;
    let mut ticker = ticker(&world);
    let task = world.enqueue(Start::Now, 0, 1).await;
    world.lease(1).await.unwrap();
    ticker.run_once().await.unwrap();

    world.server.kill();
    assert!(ticker.run_once().await.is_err());
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    world.server.resume();
    let ticked = tick_until(&mut ticker, |_| true).await;
    assert_eq!((ticked.reaped, ticked.crashed_out), (0, 0));
    assert_eq!(world.state(task).await, Some(TaskState::Running));
    assert_eq!(world.counts.hold_offs.get(), 1);
    // It wakes by itself when the hold-off is over.
    let wake = ticker.next_step(&ticked);
    assert!(wake <= Instant::now() + Duration::from_secs(2));
    tick_until(&mut ticker, |t| t.reaped == 1).await;
}

#[tokio::test]
async fn a_reaper_that_starts_fresh_does_not_hold_off() {
    let world = World::new(SHORT).await;
    world.enqueue(Start::Now, 0, 1).await;
    world.lease(1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(ticker(&world).run_once().await.unwrap().reaped, 1);
}

#[tokio::test]
async fn the_loop_is_woken_by_a_hint_and_ends_with_the_shutdown() {
    let world = World::new(SHORT).await;
    let shutdown = world.context.shutdown.clone();
    let hints = world.store.signals(&world.context.supervisor);
    let mut seen = world.store.signals(&world.context.supervisor);
    let mut running = Box::pin(ticker(&world).run(hints, shutdown.clone()));
    let scenario = async {
        // Both readers have begun once the first gap is announced.
        seen.next().await;
        let task = world.enqueue(Start::After(300), 0, 1).await;
        while world.state(task).await != Some(TaskState::Queued) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        shutdown.begin();
    };
    let both = async {
        let mut scenario = Box::pin(scenario);
        let mut over = false;
        poll_fn(|cx| {
            over = over || scenario.as_mut().poll(cx).is_ready();
            let ended = running.as_mut().poll(cx).is_ready();
            if ended && over {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    };
    // Without the hint it would sleep for nine seconds at least.
    timeout(Duration::from_secs(8), both).await.unwrap();
}
