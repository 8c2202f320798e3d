use tidemill_client::proto::{self, GetResultResponse, TaskEvent, task_event::Event as What};

use super::*;

const PLAIN: Paint = Paint::PLAIN;

fn line(sequence: i64, what: What) -> String {
    let told = TaskEvent {
        sequence,
        attempt: 1,
        time: None,
        event: Some(what),
    };
    event(&Event::from(told), PLAIN)
}

fn change(state: proto::TaskState, cause: StateCause) -> What {
    What::StateChanged(proto::StateChanged {
        state: state as i32,
        cause: cause as i32,
    })
}

fn chunk(content: Content) -> What {
    What::OutputChunk(proto::OutputChunk {
        payload: Some(proto::Payload {
            content_type: "image/png".into(),
            content: Some(content),
        }),
    })
}

fn progress(fraction: f64, message: &str) -> What {
    What::Progress(proto::Progress {
        fraction,
        message: message.into(),
    })
}

fn failed(error: Option<proto::TaskError>) -> What {
    What::Result(proto::TaskResult {
        state: proto::TaskState::Failed as i32,
        output: None,
        error,
    })
}

#[test]
fn state_changes() {
    use proto::TaskState::{Queued, Running, Scheduled};
    assert_eq!(line(1, change(Queued, StateCause::Enqueued)), "#1 QUEUED");
    assert_eq!(line(3, change(Running, StateCause::Leased)), "#3 RUNNING attempt 1");
    assert_eq!(
        line(4, change(Scheduled, StateCause::Retry)),
        "#4 SCHEDULED after attempt 1 failed"
    );
    assert_eq!(
        line(4, change(Running, StateCause::CancelRequested)),
        "#4 RUNNING attempt 1, asked to cancel"
    );
}

#[test]
fn other_events() {
    assert_eq!(line(4, progress(0.4, "half way")), "#4 progress 40 % half way");
    assert_eq!(line(4, progress(1.0, "")), "#4 progress 100 %");
    assert_eq!(line(5, chunk(Content::Text("hello".into()))), "#5 chunk hello");
    assert_eq!(
        line(5, chunk(Content::Data(vec![1, 2].into()))),
        "#5 chunk <2 bytes, image/png>"
    );
    let cut = proto::Truncated {
        from_sequence: 5,
        to_sequence: 9,
    };
    assert_eq!(
        line(9, What::Truncated(cut)),
        "#9 truncated: events 5 to 9 were cut from the log"
    );
    let newer = TaskEvent {
        sequence: 2,
        ..TaskEvent::default()
    };
    assert!(event(&Event::from(newer), PLAIN).starts_with("#2 an event"));
}

#[test]
fn results() {
    let succeeded = proto::TaskResult {
        state: proto::TaskState::Succeeded as i32,
        ..proto::TaskResult::default()
    };
    assert_eq!(line(7, What::Result(succeeded)), "#7 SUCCEEDED");
    let error = proto::TaskError {
        reason: 20,
        message: "no\nluck".into(),
        r#type: "ValueError".into(),
        permanent: true,
    };
    assert_eq!(
        line(8, failed(Some(error))),
        "#8 FAILED in attempt 1: HANDLER_FAILED: no\\nluck (ValueError, permanent)"
    );
}

#[test]
fn get_result() {
    let mut response = GetResultResponse {
        state: proto::TaskState::Running as i32,
        attempt: 2,
        start_time: Some(Timestamp { seconds: 0, nanos: 0 }),
        cancel_requested: true,
        error: Some(proto::TaskError {
            reason: 20,
            ..proto::TaskError::default()
        }),
        ..GetResultResponse::default()
    };
    let told = |response: &GetResultResponse| result(&TaskSnapshot::from(response.clone()), PLAIN);
    assert_eq!(
        told(&response),
        "RUNNING attempt 2, started 1970-01-01T00:00:00Z, asked to cancel; last error: HANDLER_FAILED"
    );
    response.state = proto::TaskState::Succeeded as i32;
    response.finish_time = Some(Timestamp { seconds: 1, nanos: 0 });
    response.error = None;
    assert_eq!(told(&response), "SUCCEEDED attempt 2, finished 1970-01-01T00:00:01Z");
}

#[test]
fn tables() {
    let paused = Queue {
        name: "mail".into(),
        queued: 3,
        paused: true,
        ..Queue::default()
    };
    let row = queue(&paused, 6, PLAIN);
    assert!(row.starts_with("mail   ") && row.ends_with("paused"), "{row}");
    assert_eq!(queue_header(6, PLAIN).len(), queue(&Queue::default(), 6, PLAIN).len());
    let depth = KindDepth {
        kind: "email".into(),
        queued: 3,
        oldest_age: Some(prost_types::Duration { seconds: 61, nanos: 0 }),
    };
    assert_eq!(kind_header(6, PLAIN), "KIND      QUEUED    OLDEST");
    assert_eq!(kind(&depth, 6), "email          3     1m01s");
}

#[test]
fn a_listed_dead_letter_names_its_error() {
    let failed = Task {
        task_id: "T1".into(),
        kind: "fail".into(),
        state: proto::TaskState::Failed as i32,
        priority: 2,
        attempt: 2,
        error: Some(proto::TaskError {
            reason: 20,
            message: "boom".into(),
            ..proto::TaskError::default()
        }),
        ..Task::default()
    };
    assert_eq!(
        task(&failed, PLAIN),
        "T1 fail FAILED NORMAL, attempt 2; HANDLER_FAILED: boom"
    );
}

#[test]
fn control_characters_cannot_drive_the_terminal() {
    assert_eq!(one_line("a\u{1b}[2J\tü\n"), "a\\u{1b}[2J\\tü\\n");
    assert_eq!(for_terminal("a\u{1b}[2J\tü\n"), "a\\u{1b}[2J\tü\n");
}
