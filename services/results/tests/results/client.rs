//! What a client does with a watch.

use tidemill_model::id::TaskId;
use tidemill_proto::v1::{TaskEvent, WatchResultRequest, WatchResultResponse, task_event::Event};
use tokio::time::timeout;
use tonic::{Code, Status, Streaming};
use tonic_types::{ErrorInfo, StatusExt};

use crate::common::{Client, LIMIT};

/// Opens a watch.
pub(crate) async fn watch(client: &mut Client, id: TaskId, after: u32) -> Streaming<WatchResultResponse> {
    watch_from(client, &id.to_string(), i64::from(after)).await.unwrap()
}

pub(crate) async fn watch_from(
    client: &mut Client,
    task_id: &str,
    after_sequence: i64,
) -> Result<Streaming<WatchResultResponse>, Status> {
    let request = WatchResultRequest {
        task_id: task_id.to_owned(),
        after_sequence,
    };
    client.watch_result(request).await.map(|response| response.into_inner())
}

/// The next event.
pub(crate) async fn next(stream: &mut Streaming<WatchResultResponse>) -> TaskEvent {
    let message = timeout(LIMIT, stream.message()).await.expect("an event").unwrap();
    message.expect("the stream goes on").event.unwrap()
}

pub(crate) async fn take(stream: &mut Streaming<WatchResultResponse>, count: usize) -> Vec<TaskEvent> {
    let mut events = Vec::new();
    for _ in 0..count {
        events.push(next(stream).await);
    }
    events
}

/// All events until the stream ends, and how.
pub(crate) async fn rest(stream: &mut Streaming<WatchResultResponse>) -> (Vec<TaskEvent>, Result<(), Status>) {
    let mut events = Vec::new();
    loop {
        match timeout(LIMIT, stream.message()).await.expect("an event or the end") {
            Ok(Some(message)) => events.push(message.event.unwrap()),
            Ok(None) => return (events, Ok(())),
            Err(status) => return (events, Err(status)),
        }
    }
}

/// The whole log after a cursor of a finished task.
pub(crate) async fn log(client: &mut Client, id: TaskId, after: u32) -> Vec<TaskEvent> {
    let (events, end) = rest(&mut watch(client, id, after).await).await;
    end.unwrap();
    events
}

pub(crate) fn numbers(events: &[TaskEvent]) -> Vec<i64> {
    events.iter().map(|event| event.sequence).collect()
}

pub(crate) fn is_result(event: &TaskEvent) -> bool {
    matches!(event.event, Some(Event::Result(_)))
}

pub(crate) fn info(status: &Status) -> ErrorInfo {
    status
        .get_error_details()
        .error_info()
        .cloned()
        .expect("every error has an ErrorInfo")
}

#[track_caller]
pub(crate) fn assert_reason(status: &Status, code: Code, reason: &str) {
    assert_eq!(
        (status.code(), info(status).reason.as_str()),
        (code, reason),
        "{status:?}"
    );
    assert_eq!(info(status).domain, "tidemill.dev");
}
