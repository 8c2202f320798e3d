//! What a worker is at, for whoever asks while it runs.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// What a worker is at. Only one that is [`Serving`](WorkerStatus::Serving) can receive tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WorkerStatus {
    /// [`Worker::run`](super::Worker::run) was not called yet.
    New,
    /// It has no stream to get tasks over, and tries to get one: the server is away, or the replica that it was connected to drains. What
    /// runs goes on.
    Connecting,
    /// It is registered, hears the server's pings, and has places to run tasks in, taken or free.
    Serving,
    /// It is registered and can run nothing: every place is kept by a handler that was stopped and does not yield; or handlers block all
    /// threads of the runtime, so that others do not begin for 5 s; or nothing was heard of the server for three ping intervals; or the
    /// session itself does not go on, e.g. because an event's listener blocks it.
    Stuck,
    /// It was told to stop, and takes no more.
    Draining,
    /// It has ended in order.
    Stopped,
    /// It has ended by itself, or could not give back everything.
    Failed,
}

impl fmt::Display for WorkerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "NEW",
            Self::Connecting => "CONNECTING",
            Self::Serving => "SERVING",
            Self::Stuck => "STUCK",
            Self::Draining => "DRAINING",
            Self::Stopped => "STOPPED",
            Self::Failed => "FAILED",
        })
    }
}

/// Asks a worker how it is, from any thread and while it runs; see [`Worker::handle`](super::Worker::handle). Cheap to clone, and keeps
/// nothing alive.
#[derive(Debug, Clone)]
pub struct WorkerHandle(Arc<Mutex<Seen>>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    status: WorkerStatus,
    /// From then on what was seen does not hold any more.
    until: Option<Instant>,
}

impl WorkerHandle {
    pub(super) fn new() -> Self {
        let seen = Seen {
            status: WorkerStatus::New,
            until: None,
        };
        Self(Arc::new(Mutex::new(seen)))
    }

    /// What the worker is at.
    #[must_use]
    pub fn status(&self) -> WorkerStatus {
        let seen = *self.seen();
        // Should the session hang, or the whole process have been paused, nobody else would notice.
        let overdue = seen.until.is_some_and(|until| Instant::now() >= until);
        if seen.status == WorkerStatus::Serving && overdue {
            WorkerStatus::Stuck
        } else {
            seen.status
        }
    }

    /// True only while the worker can receive tasks, [`WorkerStatus::Serving`]: for a readiness probe. One that is merely busy is healthy.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.status() == WorkerStatus::Serving
    }

    /// The session has looked. `until`: when it must have looked again.
    pub(super) fn set(&self, status: WorkerStatus, until: Option<Instant>) {
        *self.seen() = Seen { status, until };
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn serving_holds_only_as_long_as_the_server_was_heard() {
        let handle = WorkerHandle::new();
        assert_eq!((handle.status(), handle.is_healthy()), (WorkerStatus::New, false));
        handle.set(WorkerStatus::Serving, Some(Instant::now() + Duration::from_secs(3_600)));
        assert_eq!((handle.status(), handle.is_healthy()), (WorkerStatus::Serving, true));
        handle.set(WorkerStatus::Serving, Some(Instant::now()));
        assert_eq!((handle.status(), handle.is_healthy()), (WorkerStatus::Stuck, false));
        handle.set(WorkerStatus::Draining, Some(Instant::now()));
        assert_eq!(handle.status(), WorkerStatus::Draining);
        assert_eq!(WorkerStatus::Stuck.to_string(), "STUCK");
    }
}
