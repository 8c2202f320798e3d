//! WatchResult: joined before, during or after, everybody sees the same log.

use tidemill_model::id::TaskId;
use tidemill_proto::v1::{StateCause, TaskState, task_event::Event};
use tidemill_results::Config;
use tonic::Code;
use tonic_types::StatusExt;

use crate::common::*;

#[tokio::test]
async fn before_during_and_after_see_the_same() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut client = replica.client().await;
    let id = world.enqueue_to("jobs", 0).await;
    let mut before = watch(&mut client, id, 0).await;
    assert_eq!(next(&mut before).await.sequence, 1);

    let token = world.lease("jobs", 1).await[0];
    assert_eq!(world.progress(token, 0.5).await, 3);
    assert_eq!(world.chunk(token, "a").await, 4);
    let seen = take(&mut before, 3).await;
    assert_eq!(numbers(&seen), [2, 3, 4], "live, before the task has finished");
    world.release(token).await;
    let token = world.lease("jobs", 1).await[0];
    let mut during = watch(&mut client, id, 2).await;
    assert_eq!(next(&mut during).await.sequence, 3);
    world.chunk(token, "b").await;
    world.complete(token).await;

    let after = log(&mut client, id, 0).await;
    assert_eq!(numbers(&after), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(seen, after[1..4]);
    let (rest_before, end) = rest(&mut before).await;
    end.unwrap();
    assert_eq!(rest_before, after[4..]);
    let (rest_during, end) = rest(&mut during).await;
    end.unwrap();
    assert_eq!(rest_during, after[3..]);

    let Some(Event::StateChanged(change)) = &after[4].event else {
        panic!("{:?}", after[4])
    };
    assert_eq!(
        (change.state(), change.cause()),
        (TaskState::Queued, StateCause::Released)
    );
    assert!(matches!(&after[2].event, Some(Event::Progress(progress)) if progress.fraction == 0.5));
    assert!(matches!(&after[3].event, Some(Event::OutputChunk(chunk)) if chunk.payload == Some(text("a"))));
    let Some(Event::Result(result)) = &after[7].event else {
        panic!("{:?}", after[7])
    };
    assert_eq!(
        (result.state(), result.output.clone()),
        (TaskState::Succeeded, Some(text("output")))
    );
    assert!(after.iter().all(|event| event.time.is_some()));
    replica.metric("tidemill_watch_streams", 0).await;
    replica.metric("tidemill_watched_tasks", 0).await;
}

#[tokio::test]
async fn a_failed_task_ends_with_its_error() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let (id, token) = world.running().await;
    world.fail(token, true).await;
    let events = log(&mut replica.client().await, id, 0).await;
    let Some(Event::Result(result)) = &events[2].event else {
        panic!("{events:?}")
    };
    assert_eq!(result.state(), TaskState::Failed);
    assert_eq!(result.error.as_ref().unwrap().message, "no");
}

#[tokio::test]
async fn a_watcher_that_leaves_leaves_nothing_behind() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut client = replica.client().await;
    let (id, _) = world.running().await;
    let mut stream = watch(&mut client, id, 0).await;
    next(&mut stream).await;
    replica.metric("tidemill_watched_tasks", 1).await;
    replica.metric("tidemill_watch_streams", 1).await;
    drop(stream);
    replica.metric("tidemill_watched_tasks", 0).await;
    replica.metric("tidemill_watch_streams", 0).await;
}

#[tokio::test]
async fn bad_requests_are_named() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut client = replica.client().await;
    let bad = watch_from(&mut client, "nonsense", -1).await.unwrap_err();
    assert_reason(&bad, Code::InvalidArgument, "INVALID_REQUEST");
    let details = bad.get_error_details();
    let fields: Vec<_> = details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|v| v.field.as_str())
        .collect();
    assert_eq!(fields, ["task_id", "after_sequence"]);

    let unknown = TaskId::new(1, 2, 3);
    let (events, end) = rest(&mut watch(&mut client, unknown, 0).await).await;
    assert!(events.is_empty());
    let status = end.unwrap_err();
    assert_reason(&status, Code::NotFound, "TASK_NOT_FOUND");
    assert_eq!(
        status.get_error_details().resource_info().unwrap().resource_name,
        unknown.to_string()
    );

    let (id, token) = world.running().await;
    for cursor in [3, i64::from(u32::MAX), i64::MAX] {
        let mut stream = watch_from(&mut client, &id.to_string(), cursor).await.unwrap();
        let status = rest(&mut stream).await.1.unwrap_err();
        assert_reason(&status, Code::FailedPrecondition, "SEQUENCE_AHEAD");
        assert_eq!(info(&status).metadata["last_sequence"], "2");
    }
    world.complete(token).await;
    let status = rest(&mut watch(&mut client, id, 4).await).await.1.unwrap_err();
    assert_reason(&status, Code::FailedPrecondition, "SEQUENCE_AHEAD");
}

#[tokio::test]
async fn the_process_watches_no_more_than_it_may() {
    let world = World::new().await;
    let replica = world
        .replica(Config {
            max_watches: 2,
            ..Config::default()
        })
        .await;
    let mut client = replica.client().await;
    let (id, _) = world.running().await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = watch(&mut client, id, 0).await;
        next(&mut stream).await;
        open.push(stream);
    }
    let status = rest(&mut watch(&mut client, id, 0).await).await.1.unwrap_err();
    assert_reason(&status, Code::ResourceExhausted, "WATCH_LIMIT");
    assert!(status.get_error_details().retry_info().is_some());
    open.pop();
    replica.metric("tidemill_watched_tasks", 1).await;
    assert_eq!(next(&mut watch(&mut client, id, 0).await).await.sequence, 1);
}
