//! What a call is refused with. Codes and details follow from the reason, in `kit`.

use std::time::Duration;

use tidemill_kit::status::{ApiError, Outcome};
use tidemill_model::{
    id::{Name, TaskId},
    record::RecordError,
    wire::Violations,
};
use tidemill_proto::v1::ErrorReason;
use tidemill_store::StoreError;

/// A full queue drains as fast as its handlers work; sooner than this is of no use.
const RETRY_FULL: Duration = Duration::from_secs(1);
/// Memory is freed by finishing and purging, which takes longer.
const RETRY_MEMORY: Duration = Duration::from_secs(5);
/// Another replica takes the call at once.
const RETRY_DRAINING: Duration = Duration::from_millis(100);

/// Every broken rule of a request.
pub(crate) fn invalid(violations: Violations) -> ApiError {
    let rules = violations.0.len();
    let message = match violations.0.first() {
        Some(only) if rules == 1 => format!("the request is not valid: {} {}", only.field, only.description),
        _ => format!("the request is not valid: {rules} fields break a rule, see the details"),
    };
    let error = ApiError::new(ErrorReason::InvalidRequest, message);
    violations
        .0
        .into_iter()
        .fold(error, |error, one| error.field(one.field, one.description))
}

/// One broken rule.
pub(crate) fn invalid_field(field: &str, description: impl Into<String>) -> ApiError {
    invalid(Violations(vec![tidemill_model::wire::Violation {
        field: field.to_owned(),
        description: description.into(),
    }]))
}

pub(crate) fn task_not_found(id: &TaskId) -> ApiError {
    ApiError::new(
        ErrorReason::TaskNotFound,
        "there is no such task, or its retention is over",
    )
    .resource("task", id.to_string())
}

pub(crate) fn queue_not_found(queue: &Name) -> ApiError {
    ApiError::new(ErrorReason::QueueNotFound, "no task was ever enqueued to this queue")
        .resource("queue", queue.to_string())
}

pub(crate) fn key_reused(first: &TaskId) -> ApiError {
    ApiError::new(
        ErrorReason::IdempotencyKeyReused,
        "the idempotency key was used for a task with other content",
    )
    .resource("task", first.to_string())
    .metadata("task_id", first.to_string())
    .outcome(Outcome::NotApplied)
}

pub(crate) fn queue_full(queue: &Name, limit: u64) -> ApiError {
    ApiError::new(
        ErrorReason::QueueFull,
        "the queue holds as many unfinished tasks as it may",
    )
    .retry_after(RETRY_FULL)
    .quota(format!("queues/{queue}"), format!("at most {limit} unfinished tasks"))
    .outcome(Outcome::NotApplied)
}

pub(crate) fn queue_bytes(queue: &Name, limit: u64) -> ApiError {
    ApiError::new(
        ErrorReason::QueueBytesExceeded,
        "the unfinished tasks of the queue hold as many bytes as they may",
    )
    .retry_after(RETRY_FULL)
    .quota(
        format!("queues/{queue}"),
        format!("at most {limit} bytes of unfinished tasks"),
    )
    .outcome(Outcome::NotApplied)
}

pub(crate) fn memory(watermark: f64) -> ApiError {
    ApiError::new(
        ErrorReason::MemoryExhausted,
        "the store's memory is above the watermark; enqueues stop until tasks have finished",
    )
    .retry_after(RETRY_MEMORY)
    .quota(
        "memory",
        format!(
            "enqueues stop at {:.0} % of the store's memory limit",
            watermark * 100.0
        ),
    )
    .outcome(Outcome::NotApplied)
}

pub(crate) fn draining() -> ApiError {
    ApiError::new(
        ErrorReason::Draining,
        "this server is shutting down; another one will take the call",
    )
    .retry_after(RETRY_DRAINING)
}

/// A failure of the store in a call that changes something.
pub(crate) fn mutating(error: &StoreError) -> ApiError {
    note(error);
    error.to_api(true)
}

/// A failure of the store in a call that reads, or before anything was changed.
pub(crate) fn reading(error: &StoreError) -> ApiError {
    note(error);
    error.to_api(false)
}

/// The client gets no internals; the log does, but not each passing failure of each call.
fn note(error: &StoreError) {
    match error {
        StoreError::Internal(_) => tracing::error!(%error, "the store failed"),
        _ => tracing::debug!(%error, "the store failed"),
    }
}

/// A record that this release cannot read.
pub(crate) fn record(id: &TaskId, error: &RecordError) -> ApiError {
    ApiError::internal(format!("task {id}: {error}"))
}
