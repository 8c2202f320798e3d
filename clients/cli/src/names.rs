//! Names of the contract's enum values, without their prefix as people read them, and with it as JSON has them.

use serde_json::Value;
use tidemill_client::{
    StateCause, TaskState,
    proto::{self, ErrorReason, Priority},
};

/// `NORMAL`; a number that this version does not know is shown as such.
pub(crate) fn priority(priority: i32) -> String {
    match Priority::try_from(priority) {
        Ok(known) => known.as_str_name().replacen("PRIORITY_", "", 1),
        Err(_) => format!("PRIORITY_{priority}"),
    }
}

pub(crate) fn json_state(state: TaskState) -> Value {
    let number = state.to_proto();
    full(
        proto::TaskState::try_from(number).map(|state| state.as_str_name()),
        number,
    )
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

pub(crate) fn json_cause(cause: StateCause) -> Value {
    Value::from(cause.as_str_name())
}

fn full<E>(name: Result<&'static str, E>, number: i32) -> Value {
    name.map_or_else(|_| Value::from(number), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_unknown_values() {
        assert_eq!(
            (priority(4), priority(99)),
            ("URGENT".to_owned(), "PRIORITY_99".to_owned())
        );
        assert_eq!(json_state(TaskState::Queued), "TASK_STATE_QUEUED");
        assert_eq!(json_state(TaskState::Unknown(99)), 99);
        assert_eq!(json_cause(StateCause::Leased), "STATE_CAUSE_LEASED");
        assert_eq!(json_reason(20), "ERROR_REASON_HANDLER_FAILED");
    }
}
