//! Coming back with a cursor, to the same replica or another; and what a cut log looks like.

use tidemill_model::id::{LeaseToken, TaskId};
use tidemill_proto::v1::{TaskEvent, task_event::Event};
use tidemill_results::Config;
use tokio::task::JoinSet;

use crate::common::*;

#[tokio::test]
async fn from_every_sequence_the_same_rest_at_every_replica() {
    let world = World::new().await;
    let (a, b) = (
        world.replica(Config::default()).await,
        world.replica(Config::default()).await,
    );
    let (mut a, mut b) = (a.client().await, b.client().await);
    let (id, token) = world.running().await;
    // More than one page.
    for n in 0..40 {
        world.chunk(token, n.to_string()).await;
    }
    let mut live = watch(&mut b, id, 0).await;
    let begun = take(&mut live, 42).await;
    world.complete(token).await;
    let all = log(&mut a, id, 0).await;
    assert_eq!(numbers(&all), (1..=43).collect::<Vec<_>>());
    assert_eq!(begun, all[..42]);
    assert_eq!(rest(&mut live).await.0, all[42..]);
    for cursor in 0..=43_u32 {
        let expected = &all[(cursor as usize).min(42)..];
        assert_eq!(log(&mut a, id, cursor).await, expected, "after {cursor}");
        assert_eq!(log(&mut b, id, cursor).await, expected, "after {cursor}");
    }
}

#[tokio::test]
async fn a_broken_stream_goes_on_at_another_replica() {
    let world = World::new().await;
    let (a, b) = (
        world.replica(Config::default()).await,
        world.replica(Config::default()).await,
    );
    let (mut at_a, mut at_b) = (a.client().await, b.client().await);
    let (id, token) = world.running().await;
    let mut stream = watch(&mut at_a, id, 0).await;
    world.chunk(token, "one").await;
    let seen = take(&mut stream, 3).await;
    drop(stream);
    world.chunk(token, "two").await;
    let mut stream = watch(&mut at_b, id, seen[2].sequence as u32).await;
    assert_eq!(next(&mut stream).await.sequence, 4);
    world.complete(token).await;
    let (events, end) = rest(&mut stream).await;
    end.unwrap();
    assert_eq!(numbers(&events), [5]);
    assert!(is_result(&events[0]));
}

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Follows a task to its end through many streams: each is dropped after a few events and resumed at one of the replicas.
async fn follow(mut clients: Vec<Client>, id: TaskId, seed: u64) -> Vec<TaskEvent> {
    let (mut dice, mut events) = (Dice(seed), Vec::<TaskEvent>::new());
    loop {
        let after = events.last().map_or(0, |event| event.sequence) as u32;
        let at = dice.roll(clients.len() as u64) as usize;
        let mut stream = watch(&mut clients[at], id, after).await;
        for _ in 0..=dice.roll(9) {
            events.push(next(&mut stream).await);
            if events.last().is_some_and(is_result) {
                rest(&mut stream).await.1.unwrap();
                return events;
            }
        }
    }
}

#[tokio::test]
async fn whoever_comes_and_goes_misses_nothing() {
    let world = World::new().await;
    let (a, b) = (
        world.replica(Config::default()).await,
        world.replica(Config::default()).await,
    );
    let clients = vec![a.client().await, b.client().await];
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(world.enqueue_to(&format!("busy{n}"), 0).await);
    }
    let mut watchers = JoinSet::new();
    for (n, id) in ids.iter().enumerate() {
        for seed in 0..3 {
            let (clients, id) = (clients.clone(), *id);
            watchers.spawn(async move { (id, follow(clients, id, (n as u64) << 8 | seed).await) });
        }
    }
    let mut dice = Dice(7);
    let mut tokens: Vec<Option<LeaseToken>> = vec![None; ids.len()];
    let mut open: Vec<usize> = (0..ids.len()).collect();
    while !open.is_empty() {
        let n = open[dice.roll(open.len() as u64) as usize];
        match (tokens[n], dice.roll(20)) {
            (None, _) => tokens[n] = world.lease(&format!("busy{n}"), 1).await.first().copied(),
            (Some(token), 0) => {
                world.complete(token).await;
                open.retain(|other| *other != n);
            }
            (Some(token), 1..4) => {
                world.release(token).await;
                tokens[n] = None;
            }
            (Some(token), 4..8) => drop(world.progress(token, 0.5).await),
            (Some(token), _) => drop(world.chunk(token, "c").await),
        }
    }
    let mut client = clients[0].clone();
    while let Some(watched) = watchers.join_next().await {
        let (id, events) = watched.unwrap();
        assert_eq!(numbers(&events), (1..=events.len() as i64).collect::<Vec<_>>());
        assert_eq!(events, log(&mut client, id, 0).await);
    }
    a.metric("tidemill_watched_tasks", 0).await;
    b.metric("tidemill_watched_tasks", 0).await;
}

/// Checks that a log tells everything after `cursor` or says exactly what is missing, and that only numbers of chunks are.
fn check(events: &[TaskEvent], cursor: i64, chunks: std::ops::RangeInclusive<i64>) -> Vec<(i64, i64)> {
    let (mut expected, mut cuts) = (cursor + 1, Vec::new());
    for event in events {
        if let Some(Event::Truncated(cut)) = &event.event {
            assert_eq!((cut.from_sequence, cut.to_sequence), (expected, event.sequence));
            assert!(
                chunks.contains(&cut.from_sequence) && chunks.contains(&cut.to_sequence),
                "{cut:?}"
            );
            cuts.push((cut.from_sequence, cut.to_sequence));
        } else {
            assert_eq!(event.sequence, expected);
        }
        expected = event.sequence + 1;
    }
    cuts
}

#[tokio::test]
async fn more_than_a_thousand_entries_are_cut_and_said_to_be() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut client = replica.client().await;
    let (id, token) = world.running().await;
    for n in 0..1_100 {
        world.chunk(token, n.to_string()).await;
    }
    world.complete(token).await;
    let all = log(&mut client, id, 0).await;
    assert_eq!(check(&all, 0, 3..=1_102), [(3, 102)]);
    assert_eq!(all.len(), 2 + 1 + 1_000 + 1);
    replica.metric("tidemill_watch_truncated_total", 1).await;
    replica.metric("tidemill_watch_events_total", 1_004).await;
    for cursor in [2_u32, 50, 101, 102, 103, 500] {
        let events = log(&mut client, id, cursor).await;
        let cut = (cursor < 102).then_some((i64::from(cursor) + 1, 102));
        assert_eq!(
            check(&events, i64::from(cursor), 3..=1_102),
            cut.into_iter().collect::<Vec<_>>()
        );
        assert!(is_result(events.last().unwrap()));
    }
}

#[tokio::test]
async fn more_than_a_mebibyte_is_cut_and_state_events_between_stay() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let id = world.enqueue_to("big", 0).await;
    for _ in 0..2 {
        let token = world.lease("big", 1).await[0];
        for _ in 0..15 {
            world.chunk(token, "x".repeat(60 << 10)).await;
        }
        world.release(token).await;
    }
    let token = world.lease("big", 1).await[0];
    world.complete(token).await;
    // 1 enqueued, 2 leased, 3..=17, 18 released, 19 leased, 20..=34, 35 released, 36 leased, 37 result
    let all = log(&mut replica.client().await, id, 0).await;
    let cuts = check(&all, 0, 3..=34);
    assert_eq!(cuts.len(), 1, "{cuts:?}");
    assert!(cuts[0].0 == 3 && cuts[0].1 < 17, "{cuts:?}");
    for kept in [18, 19, 35, 36, 37] {
        assert!(numbers(&all).contains(&kept), "{kept}");
    }
    assert!(is_result(all.last().unwrap()));
}
