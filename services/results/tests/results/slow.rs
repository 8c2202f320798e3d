//! A client that reads slowly, or not at all.

use std::time::Duration;

use tidemill_kit::config::HumanDuration;
use tidemill_model::wire::duration;
use tidemill_proto::v1::GetResultRequest;
use tidemill_results::Config;
use tidemill_store::TickRequest;
use tonic::Code;

use crate::common::*;

const PIECE: usize = 60 << 10;

#[tokio::test]
async fn a_client_that_takes_nothing_is_closed_and_resumes() {
    let world = World::new().await;
    let stall_timeout = HumanDuration(Duration::from_millis(500));
    let replica = world
        .replica(Config {
            stall_timeout,
            ..Config::default()
        })
        .await;
    let mut client = replica.slow_client().await;
    let (id, token) = world.running().await;
    for _ in 0..14 {
        world.chunk(token, "x".repeat(PIECE)).await;
    }
    let mut stream = watch(&mut client, id, 0).await;
    let first = next(&mut stream).await;
    assert_eq!(first.sequence, 1);
    // Not read on until the server has given it up.
    replica.metric("tidemill_watched_tasks", 0).await;
    let (events, end) = rest(&mut stream).await;
    let status = end.unwrap_err();
    assert_reason(&status, Code::ResourceExhausted, "WATCH_LIMIT");
    let last = events.last().unwrap().sequence;
    assert!(last < 16, "everything was sent");
    assert_eq!(info(&status).metadata["resume_after_sequence"], last.to_string());
    let mut stream = watch(&mut client, id, last as u32).await;
    world.complete(token).await;
    let (events, end) = rest(&mut stream).await;
    end.unwrap();
    assert_eq!(numbers(&events), (last + 1..=17).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_idle_stream_is_not_closed_and_a_slow_one_neither() {
    let world = World::new().await;
    let stall_timeout = HumanDuration(Duration::from_millis(1_200));
    let replica = world
        .replica(Config {
            stall_timeout,
            ..Config::default()
        })
        .await;
    let mut client = replica.slow_client().await;
    let (id, token) = world.running().await;
    let mut stream = watch(&mut client, id, 0).await;
    take(&mut stream, 2).await;
    tokio::time::sleep(Duration::from_millis(2_000)).await;
    for _ in 0..14 {
        world.chunk(token, "x".repeat(PIECE)).await;
    }
    for n in 3..=16 {
        assert_eq!(next(&mut stream).await.sequence, n);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    world.complete(token).await;
    assert_eq!(numbers(&rest(&mut stream).await.0), [17]);
}

#[tokio::test]
async fn a_task_purged_while_watched_is_gone() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut client = replica.slow_client().await;
    let id = world.enqueue_to("short", 1).await;
    let token = world.lease("short", 1).await[0];
    // Many pages, of which few fit into the windows.
    for _ in 0..900 {
        world.chunk(token, "x".repeat(1_000)).await;
    }
    let mut stream = watch(&mut client, id, 0).await;
    next(&mut stream).await;
    world.complete(token).await;
    let mut other = replica.client().await;
    let wait = async {
        loop {
            let tick = TickRequest {
                reap: false,
                random: 0.0,
                bound: 128,
                kept_bytes_limit: 0,
            };
            world.store.tick(0, tick).await.unwrap();
            let request = GetResultRequest {
                task_id: id.to_string(),
                wait: Some(duration(0)),
            };
            if let Err(status) = other.get_result(request).await {
                assert_reason(&status, Code::NotFound, "TASK_NOT_FOUND");
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.unwrap();
    let (events, end) = rest(&mut stream).await;
    assert_reason(&end.unwrap_err(), Code::NotFound, "TASK_NOT_FOUND");
    assert_eq!(numbers(&events), (2..2 + events.len() as i64).collect::<Vec<_>>());
}
