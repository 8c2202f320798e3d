//! echo, sleep and fail.

use tidemill_model::{id::Namespace, state::TaskState, wire};
use tidemill_proto::v1::{self, ErrorReason};

use crate::common::*;

async fn start() -> Fixture {
    let config = tidemill_worker::Config {
        builtin_kinds: vec!["echo".into(), "sleep".into(), "fail".into()],
        ..config()
    };
    Fixture::with(config, rules()).await
}

#[tokio::test]
async fn echo_answers_its_input() {
    let fixture = start().await;
    let id = fixture.enqueue(request("echo", "hello")).await;
    let record = fixture.reaches(id, TaskState::Succeeded).await;
    assert_eq!(text_of(record.outcome().unwrap().output.as_ref()), "hello");
}

#[tokio::test]
async fn sleep_reports_and_honours_a_cancel() {
    let fixture = start().await;
    let bad = fixture.enqueue(request("sleep", "soon")).await;
    let error = fixture
        .reaches(bad, TaskState::Failed)
        .await
        .outcome()
        .unwrap()
        .error
        .unwrap();
    assert!(error.permanent && error.message.contains("seconds"), "{error:?}");
    let short = fixture.enqueue(request("sleep", "0.1")).await;
    let record = fixture.reaches(short, TaskState::Succeeded).await;
    assert!(record.header.sequence > record.header.version, "no progress");
    let long = fixture.enqueue(request("sleep", "60")).await;
    fixture.reaches(long, TaskState::Running).await;
    fixture
        .store
        .cancel(Namespace::default(), long, wire::outcome_cancel("enough"))
        .await
        .unwrap();
    fixture.reaches(long, TaskState::Cancelled).await;
}

#[tokio::test]
async fn fail_fails_as_often_as_it_is_told() {
    let fixture = start().await;
    let policy = v1::RetryPolicy {
        initial_backoff: Some(wire::duration(1)),
        max_backoff: Some(wire::duration(1)),
        ..Default::default()
    };
    let id = fixture
        .enqueue(v1::EnqueueRequest {
            retry_policy: Some(policy),
            ..request("fail", "1")
        })
        .await;
    let record = fixture.reaches(id, TaskState::Scheduled).await;
    assert_eq!(
        record.outcome().unwrap().error.unwrap().reason(),
        ErrorReason::HandlerFailed
    );
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    fixture.tick().await;
    let record = fixture.reaches(id, TaskState::Succeeded).await;
    assert_eq!(
        text_of(record.outcome().unwrap().output.as_ref()),
        "succeeded at attempt 2"
    );
}
