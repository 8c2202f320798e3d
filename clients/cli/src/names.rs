//! Names of the contract's enum values, without their prefix as people read them, and with it as JSON has them.

use serde_json::Value;
use tidemill_proto::v1::{ErrorReason, Priority, StateCause, TaskState};

/// `QUEUED`; a number that this version does not know is shown as such.
pub(crate) fn state(state: i32) -> String {
    short(
        TaskState::try_from(state).map(|state| state.as_str_name()),
        "TASK_STATE_",
        state,
    )
}

/// `HANDLER_FAILED`.
pub(crate) fn reason(reason: i32) -> String {
    short(
        ErrorReason::try_from(reason).map(|reason| reason.as_str_name()),
        "ERROR_REASON_",
        reason,
    )
}

/// `NORMAL`.
pub(crate) fn priority(priority: i32) -> String {
    short(
        Priority::try_from(priority).map(|priority| priority.as_str_name()),
        "PRIORITY_",
        priority,
    )
}

/// True for the four states that never change.
pub(crate) fn is_terminal(state: i32) -> bool {
    [
        TaskState::Succeeded,
        TaskState::Failed,
        TaskState::Cancelled,
        TaskState::Expired,
    ]
    .iter()
    .any(|s| *s as i32 == state)
}

pub(crate) fn json_state(state: i32) -> Value {
    full(TaskState::try_from(state).map(|state| state.as_str_name()), state)
}

pub(crate) fn json_reason(reason: i32) -> Value {
    full(ErrorReason::try_from(reason).map(|reason| reason.as_str_name()), reason)
}

pub(crate) fn json_priority(priority: i32) -> Value {
    full(
        Priority::try_from(priority).map(|priority| priority.as_str_name()),
        priority,
    )
}

pub(crate) fn json_cause(cause: i32) -> Value {
    full(StateCause::try_from(cause).map(|cause| cause.as_str_name()), cause)
}

fn short<E>(name: Result<&'static str, E>, prefix: &str, number: i32) -> String {
    match name {
        Ok(name) => name.strip_prefix(prefix).unwrap_or(name).to_owned(),
        Err(_) => format!("{prefix}{number}"),
    }
}

fn full<E>(name: Result<&'static str, E>, number: i32) -> Value {
    name.map_or_else(|_| Value::from(number), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_unknown_values() {
        assert_eq!(state(2), "QUEUED");
        assert_eq!(state(99), "TASK_STATE_99");
        assert_eq!(reason(20), "HANDLER_FAILED");
        assert_eq!(priority(4), "URGENT");
        assert_eq!(json_state(2), "TASK_STATE_QUEUED");
        assert_eq!(json_cause(99), 99);
        assert_eq!(
            (1..=7).filter(|state| is_terminal(*state)).collect::<Vec<_>>(),
            [4, 5, 6, 7]
        );
    }
}
