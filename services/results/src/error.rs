//! Every error of this role.

use std::time::Duration;

use tidemill_kit::status::ApiError;
use tidemill_model::{id::TaskId, record::RecordError, wire::Violations};
use tidemill_proto::v1::ErrorReason;

/// When a client should try again that was sent away by a full or draining process.
const TRY_ELSEWHERE: Duration = Duration::from_millis(200);
/// When a client should come back that was too slow.
const COME_BACK: Duration = Duration::from_secs(1);

pub(crate) fn invalid(violations: Violations) -> ApiError {
    let error = ApiError::new(
        ErrorReason::InvalidRequest,
        "the request breaks rules; each one is named",
    );
    let add = |error: ApiError, v: tidemill_model::wire::Violation| error.field(v.field, v.description);
    violations.0.into_iter().fold(error, add)
}

/// The client's messages could not be read any further.
pub(crate) fn unreadable() -> ApiError {
    ApiError::new(
        ErrorReason::InvalidRequest,
        "a message of the request stream could not be read",
    )
}

pub(crate) fn not_found(id: &TaskId) -> ApiError {
    let text = "there is no such task, or its retention is over";
    ApiError::new(ErrorReason::TaskNotFound, text).resource("task", id.to_string())
}

/// The cursor is beyond the last event. Also of a task that is not finished: such a cursor comes from another task or from a store
/// that has lost its latest writes, and waiting for the number would skip what is stored under it.
pub(crate) fn sequence_ahead(id: &TaskId, last: u32) -> ApiError {
    ApiError::new(
        ErrorReason::SequenceAhead,
        "after_sequence is beyond the last event of the task",
    )
    .metadata("last_sequence", last.to_string())
    .precondition(
        "SEQUENCE",
        id.to_string(),
        format!("the last event has the number {last}"),
    )
}

pub(crate) fn stream_is_full(most: usize) -> ApiError {
    ApiError::new(
        ErrorReason::WatchLimit,
        "this stream watches as many tasks as it may; open another one",
    )
    .quota("stream", format!("at most {most} watched tasks"))
}

pub(crate) fn process_is_full(most: usize) -> ApiError {
    ApiError::new(
        ErrorReason::WatchLimit,
        "this process watches as many tasks as it may; another replica may have room",
    )
    .quota("process", format!("at most {most} watched tasks"))
    .retry_after(COME_BACK)
}

/// The client of a stream took nothing for too long. `resume_after`: the last sequence that was handed out, if the stream has just one task.
pub(crate) fn stalled(resume_after: Option<i64>) -> ApiError {
    let text = "the client took no event for too long; resume after the last one received";
    let error = ApiError::new(ErrorReason::WatchLimit, text).retry_after(COME_BACK);
    match resume_after {
        Some(sequence) => error.metadata("resume_after_sequence", sequence.to_string()),
        None => error,
    }
}

pub(crate) fn draining() -> ApiError {
    ApiError::new(
        ErrorReason::Draining,
        "this server is shutting down; resume at another replica",
    )
    .retry_after(TRY_ELSEWHERE)
}

/// A stored record that this release cannot read. `retry_after`: none, it will not change.
pub(crate) fn damaged(id: &TaskId, error: &RecordError) -> ApiError {
    ApiError::internal(format!("task {id}: {error}"))
}
