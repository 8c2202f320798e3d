//! The protocol as single calls.

use std::time::Duration;

use tidemill_model::{id::Namespace, state::TaskState, wire};
use tidemill_proto::v1::{self, TaskState as State, report_progress_request::Report};
use tonic::Code;

use crate::common::*;

fn lease(max: i32) -> v1::LeaseTasksRequest {
    v1::LeaseTasksRequest {
        kinds: vec!["work".into()],
        max,
        ..Default::default()
    }
}

#[tokio::test]
async fn lease_beat_report_complete() {
    let fixture = Fixture::start().await;
    let id = fixture.task("in").await;
    let mut client = fixture.client().await;
    let task = client
        .lease_tasks(lease(0))
        .await
        .unwrap()
        .into_inner()
        .assignments
        .remove(0);
    assert_eq!((task.task_id, task.max_attempts), (id.to_string(), 4));
    let token = task.lease_token;
    let beat = client
        .heartbeat_tasks(v1::HeartbeatTasksRequest {
            lease_tokens: vec![token.clone()],
        })
        .await
        .unwrap();
    let outcome = beat.into_inner().outcomes.remove(0);
    assert!(!outcome.lease_lost && outcome.remaining.unwrap().seconds > 1_700);
    let progress = |fraction| v1::ReportProgressRequest {
        lease_token: token.clone(),
        report: Some(Report::Progress(v1::Progress {
            fraction,
            message: String::new(),
        })),
    };
    assert_eq!(
        client
            .report_progress(progress(0.1))
            .await
            .unwrap()
            .into_inner()
            .sequence,
        3
    );
    assert_eq!(
        client
            .report_progress(progress(0.2))
            .await
            .unwrap()
            .into_inner()
            .sequence,
        0,
        "merged"
    );
    let chunk = v1::ReportProgressRequest {
        lease_token: token.clone(),
        report: Some(Report::OutputChunk(text("piece"))),
    };
    assert_eq!(client.report_progress(chunk).await.unwrap().into_inner().sequence, 4);
    // Merged progress comes later by itself.
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(fixture.record(id).await.header.sequence, 5);
    let complete = v1::CompleteTaskRequest {
        lease_token: token.clone(),
        output: Some(text("out")),
    };
    assert_eq!(
        client
            .complete_task(complete.clone())
            .await
            .unwrap()
            .into_inner()
            .state(),
        State::Succeeded
    );
    assert_eq!(
        client.complete_task(complete).await.unwrap().into_inner().state(),
        State::Succeeded
    );
    let error = client.report_progress(progress(0.9)).await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert_eq!(reason(&error), ("LEASE_LOST".into(), "not_applied".into()));
}

#[tokio::test]
async fn a_repeated_request_id_answers_with_the_same_leases() {
    let fixture = Fixture::start().await;
    for number in 0..4 {
        fixture.task(&number.to_string()).await;
    }
    let mut client = fixture.client().await;
    let call = v1::LeaseTasksRequest {
        request_id: "once".into(),
        ..lease(2)
    };
    let tokens = |answer: v1::LeaseTasksResponse| {
        answer
            .assignments
            .into_iter()
            .map(|task| task.lease_token)
            .collect::<Vec<_>>()
    };
    let first = tokens(client.lease_tasks(call.clone()).await.unwrap().into_inner());
    let again = tokens(client.lease_tasks(call).await.unwrap().into_inner());
    assert_eq!((first.len(), &first), (2, &again));
    let other = tokens(
        client
            .lease_tasks(v1::LeaseTasksRequest {
                request_id: "twice".into(),
                ..lease(9)
            })
            .await
            .unwrap()
            .into_inner(),
    );
    assert_eq!(other.len(), 2);
    assert!(other.iter().all(|token| !first.contains(token)));
}

#[tokio::test]
async fn a_long_poll_is_woken_by_the_bell_and_gives_up_in_the_end() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client().await;
    let wait = |ms| v1::LeaseTasksRequest {
        wait: Some(wire::duration(ms)),
        ..lease(1)
    };
    assert!(
        client
            .lease_tasks(wait(200))
            .await
            .unwrap()
            .into_inner()
            .assignments
            .is_empty()
    );
    let (answer, id) = tokio::join!(client.lease_tasks(wait(15_000)), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        fixture.task("in").await
    });
    assert_eq!(
        answer.unwrap().into_inner().assignments.remove(0).task_id,
        id.to_string()
    );
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_no_lease_behind() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client().await;
    let call = v1::LeaseTasksRequest {
        wait: Some(wire::duration(15_000)),
        ..lease(1)
    };
    let gone = tokio::time::timeout(Duration::from_millis(200), client.lease_tasks(call)).await;
    assert!(gone.is_err());
    let id = fixture.task("in").await;
    let task = client.lease_tasks(lease(1)).await.unwrap().into_inner().assignments;
    assert_eq!(task.first().map(|task| task.task_id.clone()), Some(id.to_string()));
}

#[tokio::test]
async fn an_oversized_output_fails_the_task_and_a_cancel_is_told_by_the_heartbeat() {
    let fixture = Fixture::start().await;
    let (large, stopped) = (fixture.task("a").await, fixture.task("b").await);
    let mut client = fixture.client().await;
    let tasks = client.lease_tasks(lease(2)).await.unwrap().into_inner().assignments;
    let output = Some(text(&"x".repeat(300 << 10)));
    let complete = v1::CompleteTaskRequest {
        lease_token: tasks[0].lease_token.clone(),
        output,
    };
    assert_eq!(
        client.complete_task(complete).await.unwrap().into_inner().state(),
        State::Failed
    );
    let error = fixture.record(large).await.outcome().unwrap().error.unwrap();
    assert_eq!(error.reason(), v1::ErrorReason::OutputTooLarge);
    fixture
        .store
        .cancel(Namespace::default(), stopped, wire::outcome_cancel("enough"))
        .await
        .unwrap();
    let token = tasks[1].lease_token.clone();
    let beat = v1::HeartbeatTasksRequest {
        lease_tokens: vec![token.clone()],
    };
    let outcome = client
        .heartbeat_tasks(beat)
        .await
        .unwrap()
        .into_inner()
        .outcomes
        .remove(0);
    assert_eq!(
        (outcome.cancel_cause(), outcome.cancel_reason.as_str()),
        (v1::CancelCause::Client, "enough")
    );
    let release = v1::ReleaseTaskRequest {
        lease_token: token,
        cancelled: true,
        draining: false,
    };
    assert_eq!(
        client.release_task(release).await.unwrap().into_inner().state(),
        State::Cancelled
    );
    assert_eq!(fixture.record(stopped).await.header.state, TaskState::Cancelled);
}

#[tokio::test]
async fn what_is_malformed_is_named() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client().await;
    let error = client
        .lease_tasks(v1::LeaseTasksRequest {
            max: 999,
            ..Default::default()
        })
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(reason(&error), ("INVALID_REQUEST".into(), "not_applied".into()));
    use tonic_types::StatusExt;
    let details = error.get_error_details();
    let fields: Vec<_> = details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|one| one.field.as_str())
        .collect();
    assert_eq!(fields, ["kinds", "max"]);
}
