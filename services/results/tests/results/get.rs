//! GetResult and its waiting.

use std::time::Duration;

use tidemill_model::id::TaskId;
use tidemill_proto::v1::{GetResultRequest, GetResultResponse, TaskState};
use tidemill_results::Config;
use tokio::time::timeout;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::common::*;

async fn get(client: &mut Client, id: TaskId, wait_ms: Option<u64>) -> Result<GetResultResponse, Status> {
    let wait = wait_ms.map(tidemill_model::wire::duration);
    let request = GetResultRequest {
        task_id: id.to_string(),
        wait,
    };
    timeout(LIMIT, client.get_result(request))
        .await
        .expect("an answer")
        .map(|response| response.into_inner())
}

#[tokio::test]
async fn the_state_at_once() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut client = replica.client().await;
    let id = world.enqueue_to("jobs", 0).await;
    assert_eq!(get(&mut client, id, None).await.unwrap().state(), TaskState::Queued);
    let token = world.lease("jobs", 1).await[0];
    let running = get(&mut client, id, Some(1)).await.unwrap();
    assert_eq!(
        (running.state(), running.attempt, running.last_sequence),
        (TaskState::Running, 1, 2)
    );
    assert!(running.finish_time.is_none() && running.start_time.is_some());
    world.complete(token).await;
    let done = get(&mut client, id, Some(60_000)).await.unwrap();
    assert_eq!(
        (done.state(), done.output),
        (TaskState::Succeeded, Some(text("output")))
    );
    assert!(done.finish_time.is_some());
    let unknown = get(&mut client, TaskId::new(1, 2, 3), Some(60_000)).await.unwrap_err();
    assert_reason(&unknown, Code::NotFound, "TASK_NOT_FOUND");
    let request = GetResultRequest {
        task_id: "x".into(),
        wait: Some(tidemill_model::wire::duration(60_001)),
    };
    let bad = client.get_result(request).await.unwrap_err();
    assert_eq!(bad.get_error_details().bad_request().unwrap().field_violations.len(), 2);
}

#[tokio::test]
async fn a_wait_ends_with_the_task() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut client = replica.client().await;
    let (id, token) = world.running().await;
    let finish = async {
        replica.metric("tidemill_watched_tasks", 1).await;
        world.chunk(token, "not the end").await;
        world.complete(token).await;
    };
    let (answer, ()) = tokio::join!(get(&mut client, id, Some(60_000)), finish);
    assert_eq!(answer.unwrap().state(), TaskState::Succeeded);
    replica.metric("tidemill_watched_tasks", 0).await;
}

#[tokio::test]
async fn a_caller_that_goes_away_is_forgotten() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut client = replica.client().await;
    let (id, _) = world.running().await;
    tokio::select! {
        answer = get(&mut client, id, Some(60_000)) => panic!("{answer:?}"),
        () = replica.metric("tidemill_watched_tasks", 1) => {}
    }
    replica.metric("tidemill_watched_tasks", 0).await;
}

#[tokio::test]
async fn draining_ends_waits_and_streams_and_takes_no_new_ones() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut client = replica.client().await;
    let (id, token) = world.running().await;
    let mut stream = watch(&mut client, id, 0).await;
    take(&mut stream, 2).await;
    let drain = async {
        replica.metric("tidemill_watched_tasks", 2).await;
        timeout(Duration::from_secs(30), replica.service.drain()).await.unwrap();
    };
    let mut other = client.clone();
    let (answer, (), (events, end)) = tokio::join!(get(&mut client, id, Some(60_000)), drain, rest(&mut stream));
    assert!(events.is_empty());
    for status in [answer.unwrap_err(), end.unwrap_err()] {
        assert_reason(&status, Code::Unavailable, "DRAINING");
        assert!(status.get_error_details().retry_info().is_some());
    }
    let status = watch_from(&mut other, &id.to_string(), 0).await.unwrap_err();
    assert_reason(&status, Code::Unavailable, "DRAINING");
    // What can be answered at once still is.
    assert_eq!(get(&mut client, id, None).await.unwrap().state(), TaskState::Running);
    // The watch goes on elsewhere.
    let elsewhere = world.replica(Config::default()).await;
    let mut stream = watch(&mut elsewhere.client().await, id, 2).await;
    world.complete(token).await;
    assert_eq!(numbers(&rest(&mut stream).await.0), [3]);
}

#[tokio::test]
async fn the_shutdown_drains_too() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let (id, _) = world.running().await;
    let mut stream = watch(&mut replica.client().await, id, 0).await;
    take(&mut stream, 2).await;
    replica.context.shutdown.begin();
    assert_reason(&rest(&mut stream).await.1.unwrap_err(), Code::Unavailable, "DRAINING");
}
