//! Where a task stands.

use std::fmt;

use tidemill_proto::v1;

/// Where a task stands. The four terminal states never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskState {
    /// Not before a time: delayed, or waiting for its next attempt.
    Scheduled,
    /// Ready: runs as soon as a handler process with a free credit serves its queue and kind.
    Queued,
    /// Leased by a handler process.
    Running,
    /// Terminal: completed; the output is kept for the retention.
    Succeeded,
    /// Terminal: a dead letter.
    Failed,
    /// Terminal: cancelled by a client.
    Cancelled,
    /// Terminal: not finished within `expires_in`.
    Expired,
    /// A state that this version of the crate does not know; the number of the contract.
    Unknown(i32),
}

impl TaskState {
    /// True for the states that never change.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled | Self::Expired)
    }

    /// The state of the contract's number.
    #[must_use]
    pub fn from_proto(number: i32) -> Self {
        match v1::TaskState::try_from(number) {
            Ok(v1::TaskState::Scheduled) => Self::Scheduled,
            Ok(v1::TaskState::Queued) => Self::Queued,
            Ok(v1::TaskState::Running) => Self::Running,
            Ok(v1::TaskState::Succeeded) => Self::Succeeded,
            Ok(v1::TaskState::Failed) => Self::Failed,
            Ok(v1::TaskState::Cancelled) => Self::Cancelled,
            Ok(v1::TaskState::Expired) => Self::Expired,
            Ok(v1::TaskState::Unspecified) | Err(_) => Self::Unknown(number),
        }
    }

    /// The contract's number.
    #[must_use]
    pub fn to_proto(self) -> i32 {
        match self {
            Self::Scheduled => v1::TaskState::Scheduled as i32,
            Self::Queued => v1::TaskState::Queued as i32,
            Self::Running => v1::TaskState::Running as i32,
            Self::Succeeded => v1::TaskState::Succeeded as i32,
            Self::Failed => v1::TaskState::Failed as i32,
            Self::Cancelled => v1::TaskState::Cancelled as i32,
            Self::Expired => v1::TaskState::Expired as i32,
            Self::Unknown(number) => number,
        }
    }
}

/// The contract's name without its prefix, e.g. `SUCCEEDED`.
impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Scheduled => "SCHEDULED",
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
            Self::Unknown(number) => return write!(f, "TASK_STATE_{number}"),
        };
        f.pad(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_the_contract_and_unknown_ones_survive() {
        for number in -1..10 {
            let state = TaskState::from_proto(number);
            assert_eq!(state.to_proto(), number);
            let known = v1::TaskState::try_from(number).ok().filter(|_| number != 0);
            let name = known.map_or(format!("TASK_STATE_{number}"), |known| {
                known.as_str_name().replace("TASK_STATE_", "")
            });
            assert_eq!(state.to_string(), name);
            assert_eq!(state.is_terminal(), (4..=7).contains(&number));
        }
    }
}
