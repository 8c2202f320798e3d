use tidemill_proto::v1::{OutputChunk, Progress, TaskResult, TaskState, Truncated};

use super::*;
use crate::testing;

fn line(sequence: i64, what: Event) -> String {
    event(&testing::event(sequence, what))
}

fn change(state: TaskState, cause: StateCause) -> Event {
    Event::StateChanged(StateChanged {
        state: state as i32,
        cause: cause as i32,
    })
}

fn chunk(content: Content) -> Event {
    Event::OutputChunk(OutputChunk {
        payload: Some(Payload {
            content_type: "image/png".into(),
            content: Some(content),
        }),
    })
}

#[test]
fn events() {
    assert_eq!(line(1, change(TaskState::Queued, StateCause::Enqueued)), "#1 QUEUED");
    assert_eq!(
        line(3, change(TaskState::Running, StateCause::Leased)),
        "#3 RUNNING attempt 1"
    );
    assert_eq!(
        line(4, change(TaskState::Scheduled, StateCause::Retry)),
        "#4 SCHEDULED after attempt 1 failed"
    );
    assert_eq!(
        line(4, change(TaskState::Running, StateCause::CancelRequested)),
        "#4 RUNNING attempt 1, asked to cancel"
    );
    assert_eq!(
        line(
            4,
            Event::Progress(Progress {
                fraction: 0.4,
                message: "half way".into()
            })
        ),
        "#4 progress 40 % half way"
    );
    assert_eq!(
        line(
            4,
            Event::Progress(Progress {
                fraction: 1.0,
                message: String::new()
            })
        ),
        "#4 progress 100 %"
    );
    assert_eq!(line(5, chunk(Content::Text("hello".into()))), "#5 chunk hello");
    assert_eq!(
        line(5, chunk(Content::Data(vec![1, 2].into()))),
        "#5 chunk <2 bytes, image/png>"
    );
    assert_eq!(
        line(
            9,
            Event::Truncated(Truncated {
                from_sequence: 5,
                to_sequence: 9
            })
        ),
        "#9 truncated: events 5 to 9 were cut from the log"
    );
    assert!(
        event(&TaskEvent {
            sequence: 2,
            ..TaskEvent::default()
        })
        .starts_with("#2 an event")
    );
}

#[test]
fn results() {
    assert_eq!(event(&testing::ended(7, TaskState::Succeeded)), "#7 SUCCEEDED");
    let error = TaskError {
        reason: 20,
        message: "no\nluck".into(),
        r#type: "ValueError".into(),
        permanent: true,
    };
    let failed = TaskResult {
        state: TaskState::Failed as i32,
        output: None,
        error: Some(error),
    };
    assert_eq!(
        line(8, Event::Result(failed)),
        "#8 FAILED in attempt 1: HANDLER_FAILED: no\\nluck (ValueError, permanent)"
    );
}

#[test]
fn get_result() {
    let mut response = GetResultResponse {
        state: TaskState::Running as i32,
        attempt: 2,
        start_time: Some(Timestamp { seconds: 0, nanos: 0 }),
        cancel_requested: true,
        error: Some(TaskError {
            reason: 20,
            ..TaskError::default()
        }),
        ..GetResultResponse::default()
    };
    assert_eq!(
        result(&response),
        "RUNNING attempt 2, started 1970-01-01T00:00:00Z, asked to cancel; last error: HANDLER_FAILED"
    );
    response.state = TaskState::Succeeded as i32;
    response.finish_time = Some(Timestamp { seconds: 1, nanos: 0 });
    response.error = None;
    assert_eq!(result(&response), "SUCCEEDED attempt 2, finished 1970-01-01T00:00:01Z");
}

#[test]
fn tables() {
    let paused = Queue {
        name: "mail".into(),
        queued: 3,
        paused: true,
        ..Queue::default()
    };
    let row = queue(&paused, 6);
    assert!(row.starts_with("mail   ") && row.ends_with("paused"), "{row}");
    assert_eq!(queue_header(6).len(), queue(&Queue::default(), 6).len());
    let failed = Task {
        task_id: "T1".into(),
        kind: "fail".into(),
        state: TaskState::Failed as i32,
        priority: 2,
        attempt: 2,
        error: Some(TaskError {
            reason: 20,
            message: "boom".into(),
            ..TaskError::default()
        }),
        ..Task::default()
    };
    assert_eq!(task(&failed), "T1 fail FAILED NORMAL, attempt 2; HANDLER_FAILED: boom");
}

#[test]
fn control_characters_cannot_leave_the_line() {
    assert_eq!(one_line("a\u{1b}[2J\tü"), "a\\u{1b}[2J\\tü");
}
