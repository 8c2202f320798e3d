//! How a task stands, and how it ended.

use std::{fmt, time::SystemTime};

use tidemill_proto::v1::{self, ErrorReason};

use crate::{Payload, TaskState, proto_time::time};

/// How a task ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TaskResult {
    /// A terminal state.
    pub state: TaskState,
    /// The output, if it succeeded.
    pub output: Option<Payload>,
    /// The error, if it failed.
    pub error: Option<TaskError>,
}

/// How a task stands: the answer to [`Client::result`](crate::Client::result).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TaskSnapshot {
    /// The task.
    pub task_id: String,
    /// Its state.
    pub state: TaskState,
    /// The attempt that runs or ran last, from 1; 0: not leased yet.
    pub attempt: i32,
    /// The output, if it succeeded.
    pub output: Option<Payload>,
    /// The error, if it failed; otherwise that of the latest attempt that failed, if any.
    pub error: Option<TaskError>,
    /// When it was enqueued.
    pub create_time: Option<SystemTime>,
    /// When its current or last attempt was leased.
    pub start_time: Option<SystemTime>,
    /// When it finished.
    pub finish_time: Option<SystemTime>,
    /// Number of the last event of its log.
    pub last_sequence: i64,
    /// True if a cancel request waits for the handler's answer.
    pub cancel_requested: bool,
}

/// Why an attempt or a task failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskError(v1::TaskError);

impl TaskError {
    /// The cause; `None`: one that this version of the crate does not know.
    #[must_use]
    pub fn reason(&self) -> Option<ErrorReason> {
        ErrorReason::try_from(self.0.reason).ok()
    }

    /// The cause's name, e.g. `HANDLER_FAILED`.
    #[must_use]
    pub fn reason_name(&self) -> String {
        self.reason().map_or_else(
            || format!("ERROR_REASON_{}", self.0.reason),
            |reason| reason.as_str_name().replacen("ERROR_REASON_", "", 1),
        )
    }

    /// What the handler said, or the server's words.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The handler's own error type; empty if it named none.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.0.r#type
    }

    /// True if the handler said that another attempt would be of no use.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.0.permanent
    }

    /// The message of the contract.
    #[must_use]
    pub fn as_proto(&self) -> &v1::TaskError {
        &self.0
    }
}

/// `HANDLER_FAILED: boom (ValueError)`.
impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason_name(), self.message())?;
        match self.type_name() {
            "" => Ok(()),
            name => write!(f, " ({name})"),
        }
    }
}

impl std::error::Error for TaskError {}

impl From<v1::TaskError> for TaskError {
    fn from(error: v1::TaskError) -> Self {
        Self(error)
    }
}

impl From<v1::TaskResult> for TaskResult {
    fn from(result: v1::TaskResult) -> Self {
        Self {
            state: TaskState::from_proto(result.state),
            output: result.output.map(Payload::from),
            error: result.error.map(TaskError),
        }
    }
}

impl From<v1::GetResultResponse> for TaskSnapshot {
    fn from(answer: v1::GetResultResponse) -> Self {
        Self {
            task_id: answer.task_id,
            state: TaskState::from_proto(answer.state),
            attempt: answer.attempt,
            output: answer.output.map(Payload::from),
            error: answer.error.map(TaskError),
            create_time: time(answer.create_time.as_ref()),
            start_time: time(answer.start_time.as_ref()),
            finish_time: time(answer.finish_time.as_ref()),
            last_sequence: answer.last_sequence,
            cancel_requested: answer.cancel_requested,
        }
    }
}
