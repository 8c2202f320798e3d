//! What a stream hands out, and how it ends.

use std::sync::Arc;

use tidemill_kit::status::ApiError;
use tidemill_proto::v1::TaskEvent;
use tidemill_store::StoreError;

use crate::error;

/// What a client gets next of a task: an event, or why the task is not watched any more.
#[derive(Debug)]
pub(crate) struct Item {
    /// The task, as the client has named it.
    pub(crate) name: Arc<str>,
    pub(crate) what: Result<TaskEvent, ApiError>,
}

/// What a turn has brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something to hand out.
    Items,
    /// No task is watched.
    Empty,
}

/// Why the whole stream ends early.
#[derive(Debug)]
pub(crate) enum End {
    /// The process shuts down.
    Draining,
    /// The client took nothing for too long.
    Stalled,
    /// The store is away for longer than a stream is kept, or is another one.
    Store(StoreError),
}

impl End {
    /// `resume_after`: the last sequence that was handed out, if the stream has just one task.
    pub(crate) fn into_error(self, resume_after: Option<i64>) -> ApiError {
        match self {
            Self::Draining => error::draining(),
            Self::Stalled => error::stalled(resume_after),
            Self::Store(error) => error.to_api(false),
        }
    }
}
