//! attempt_timeout.

use std::time::{Duration, Instant};

use tidemill_model::{state::TaskState, wire};
use tidemill_proto::v1::{self, ErrorReason, TaskState as State, work_response};

use crate::common::*;

fn hasty() -> v1::EnqueueRequest {
    v1::EnqueueRequest {
        attempt_timeout: Some(wire::duration(1_000)),
        ..request("work", "in")
    }
}

#[tokio::test]
async fn an_attempt_that_runs_too_long_is_asked_to_stop_and_then_fails() {
    let fixture = Fixture::start().await;
    let id = fixture.enqueue(hasty()).await;
    let (mut handler, _) = Handler::register(&mut fixture.client().await, register(1)).await;
    let task = handler.task().await;
    let work_response::Message::CancelRequested(cancel) = handler.next().await else {
        panic!("no cancel")
    };
    assert_eq!(cancel.cause(), v1::CancelCause::AttemptTimeout);
    let begun = Instant::now();
    let work_response::Message::LeaseLost(lost) = handler.next().await else {
        panic!("not lost")
    };
    assert_eq!(lost.lease_token, task.lease_token);
    assert!(begun.elapsed() >= Duration::from_millis(200), "the grace was not given");
    let record = fixture.record(id).await;
    assert_eq!(record.header.state, TaskState::Scheduled);
    let error = record.outcome().unwrap().error.unwrap();
    assert_eq!(
        (error.reason(), record.header.failures),
        (ErrorReason::AttemptTimeout, 1)
    );
    assert_eq!(fixture.metric("tidemill_worker_credits_free"), Some(1.0));
}

#[tokio::test]
async fn a_handler_that_stops_in_time_settles_itself() {
    let fixture = Fixture::start().await;
    fixture.enqueue(hasty()).await;
    let (mut handler, _) = Handler::register(&mut fixture.client().await, register(1)).await;
    let task = handler.task().await;
    assert!(matches!(
        handler.next().await,
        work_response::Message::CancelRequested(_)
    ));
    handler.complete(&task.lease_token, "just in time");
    assert_eq!(handler.settled().await.state(), State::Succeeded);
    handler.is_quiet(Duration::from_millis(600)).await;
}

/// Otherwise a task that always runs too long would do so for ever.
#[tokio::test]
async fn a_handler_that_agrees_to_stop_has_failed() {
    let fixture = Fixture::start().await;
    let policy = v1::RetryPolicy {
        initial_backoff: Some(wire::duration(3_600_000)),
        max_backoff: Some(wire::duration(3_600_000)),
        ..Default::default()
    };
    let request = v1::EnqueueRequest {
        retry_policy: Some(policy),
        ..hasty()
    };
    let id = fixture.enqueue(request).await;
    let (mut handler, _) = Handler::register(&mut fixture.client().await, register(1)).await;
    let task = handler.task().await;
    assert!(matches!(
        handler.next().await,
        work_response::Message::CancelRequested(_)
    ));
    handler.release(&task.lease_token, true);
    assert_eq!(handler.settled().await.state(), State::Scheduled);
    let record = fixture.record(id).await;
    let error = record.outcome().unwrap().error.unwrap();
    assert_eq!(
        (error.reason(), record.header.failures, record.header.releases),
        (ErrorReason::AttemptTimeout, 1, 0)
    );
    // The delay is the policy's: none is a chance of one in 3,600,000.
    assert!(record.header.deadline_ms > record.events.last().unwrap().time_ms);
    let queue = "tidemill_tasks_settled_total{queue=\"default\",outcome=\"retry\"}";
    assert_eq!(fixture.metric(queue), Some(1.0));
}

#[tokio::test]
async fn a_heartbeat_call_fails_an_attempt_that_is_over() {
    let fixture = Fixture::start().await;
    let id = fixture.enqueue(hasty()).await;
    let mut client = fixture.client().await;
    let call = v1::LeaseTasksRequest {
        kinds: vec!["work".into()],
        ..Default::default()
    };
    let task = client
        .lease_tasks(call)
        .await
        .unwrap()
        .into_inner()
        .assignments
        .remove(0);
    let beat = v1::HeartbeatTasksRequest {
        lease_tokens: vec![task.lease_token],
    };
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let outcome = client
        .heartbeat_tasks(beat.clone())
        .await
        .unwrap()
        .into_inner()
        .outcomes
        .remove(0);
    assert_eq!(
        (outcome.lease_lost, outcome.cancel_cause()),
        (false, v1::CancelCause::AttemptTimeout)
    );
    tokio::time::sleep(Duration::from_millis(400)).await;
    let outcome = client
        .heartbeat_tasks(beat)
        .await
        .unwrap()
        .into_inner()
        .outcomes
        .remove(0);
    assert!(outcome.lease_lost);
    assert_eq!(fixture.record(id).await.header.state, TaskState::Scheduled);
}
