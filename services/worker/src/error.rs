//! The errors of this role as a client sees them.

use std::time::Duration;

use tidemill_kit::status::{ApiError, Outcome};
use tidemill_model::{id::LeaseToken, record::RecordError, wire::Violations};
use tidemill_proto::v1::ErrorReason;

/// How soon a client should try another replica.
const ELSEWHERE: Duration = Duration::from_millis(200);

pub(crate) fn invalid(violations: Violations) -> ApiError {
    let error = ApiError::new(ErrorReason::InvalidRequest, violations.to_string()).outcome(Outcome::NotApplied);
    let add = |error: ApiError, one: tidemill_model::wire::Violation| error.field(one.field, one.description);
    violations.0.into_iter().fold(error, add)
}

pub(crate) fn lease_lost(token: &LeaseToken) -> ApiError {
    let task = token.task.to_string();
    ApiError::new(ErrorReason::LeaseLost, "the lease was lost; drop the work")
        .precondition(
            "LEASE",
            format!("tasks/{task}"),
            "the token must be of the task's latest lease, not settled otherwise",
        )
        .metadata("task_id", task)
        .outcome(Outcome::NotApplied)
}

pub(crate) fn draining() -> ApiError {
    ApiError::new(
        ErrorReason::Draining,
        "this process is shutting down; another replica will serve the call",
    )
    .retry_after(ELSEWHERE)
    .outcome(Outcome::NotApplied)
}

/// The closed list has no reason of its own for it; what the client should do is the same: go to another replica.
pub(crate) fn too_many_streams(most: usize) -> ApiError {
    ApiError::new(
        ErrorReason::Draining,
        format!("this process holds {most} streams, as many as it may; use another replica"),
    )
    .retry_after(Duration::from_secs(1))
    .outcome(Outcome::NotApplied)
}

pub(crate) fn silent(silence: Duration) -> ApiError {
    ApiError::new(
        ErrorReason::StreamSilent,
        format!("no message came for {silence:.1?}; echo every ping, and open another stream with what is held"),
    )
    .retry_after(ELSEWHERE)
    .outcome(Outcome::NotApplied)
}

pub(crate) fn violation(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorReason::ProtocolViolation, message).outcome(Outcome::NotApplied)
}

pub(crate) fn damaged(error: &RecordError) -> ApiError {
    ApiError::internal(error).outcome(Outcome::Unknown)
}
