//! The log of a task.

use std::time::SystemTime;

use tidemill_proto::v1::{self, task_event};
pub use v1::StateCause;

use crate::{Payload, TaskResult, TaskState, proto_time::time};

/// One numbered entry of a task's log.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// Its number, from 1 without holes but those that a [`EventKind::Truncated`] names. To go on from here, watch after it.
    pub sequence: i64,
    /// The attempt it belongs to; 0 before the first lease.
    pub attempt: i32,
    /// When it was stored, by the store's clock.
    pub time: Option<SystemTime>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// The task entered a state, or was asked to stop while running.
    StateChanged {
        /// The state from here on.
        state: TaskState,
        /// Why.
        cause: StateCause,
    },
    /// How far the running attempt has come.
    Progress {
        /// Share done, 0 to 1.
        fraction: f64,
        /// A short text for people.
        message: String,
    },
    /// A piece of output of the running attempt, in the order of sending.
    OutputChunk(Payload),
    /// These events, both numbers included, were cut from the log. Only progress and chunks ever are.
    Truncated {
        /// First missing number.
        from_sequence: i64,
        /// Last missing number.
        to_sequence: i64,
    },
    /// How the task ended. Always the last event.
    Result(TaskResult),
    /// Something that this version of the crate does not know.
    Unknown,
}

impl From<v1::TaskEvent> for Event {
    fn from(event: v1::TaskEvent) -> Self {
        let kind = match event.event {
            Some(task_event::Event::StateChanged(change)) => EventKind::StateChanged {
                state: TaskState::from_proto(change.state),
                cause: StateCause::try_from(change.cause).unwrap_or(StateCause::Unspecified),
            },
            Some(task_event::Event::Progress(progress)) => EventKind::Progress {
                fraction: progress.fraction,
                message: progress.message,
            },
            Some(task_event::Event::OutputChunk(chunk)) => {
                EventKind::OutputChunk(chunk.payload.map(Payload::from).unwrap_or_default())
            }
            Some(task_event::Event::Truncated(gap)) => EventKind::Truncated {
                from_sequence: gap.from_sequence,
                to_sequence: gap.to_sequence,
            },
            Some(task_event::Event::Result(result)) => EventKind::Result(result.into()),
            None => EventKind::Unknown,
        };
        Self {
            sequence: event.sequence,
            attempt: event.attempt,
            time: time(event.time.as_ref()),
            kind,
        }
    }
}

/// Where a watch stands in the log of one task: what it has seen, and whether the log is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    pub(crate) last_sequence: i64,
    pub(crate) finished: bool,
    /// It was moved while events of before may still be on their way: they are not holes.
    pub(crate) restarting: bool,
}

impl Cursor {
    pub(crate) fn after(last_sequence: i64) -> Self {
        Self {
            last_sequence,
            finished: false,
            restarting: false,
        }
    }

    /// Moves on. `Ok(false)`: an event that was seen before. A hole in the numbers is an error, told as text: the log is complete or says
    /// what is not there.
    pub(crate) fn accept(&mut self, event: &Event) -> Result<bool, String> {
        let expected = self.last_sequence.saturating_add(1);
        let first = match &event.kind {
            EventKind::Truncated { from_sequence, .. } => *from_sequence,
            _ => event.sequence,
        };
        if first > expected && self.restarting {
            return Ok(false);
        }
        self.restarting = false;
        if first > expected {
            return Err(format!(
                "event {first} came where {expected} was due, and nothing says why"
            ));
        }
        // The result is sent even if the cursor is its own number.
        self.finished = matches!(event.kind, EventKind::Result(_));
        if event.sequence < expected && !self.finished {
            return Ok(false);
        }
        self.last_sequence = self.last_sequence.max(event.sequence);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ended, running, truncated};

    #[test]
    fn the_cursor_takes_each_number_once_and_notices_holes() {
        let mut cursor = Cursor::after(0);
        assert_eq!(cursor.accept(&running(1).into()), Ok(true));
        assert_eq!(cursor.accept(&running(1).into()), Ok(false), "seen before");
        assert!(cursor.accept(&running(3).into()).is_err(), "2 is missing");
        assert_eq!(cursor.accept(&truncated(2, 5).into()), Ok(true));
        assert_eq!((cursor.last_sequence, cursor.finished), (5, false));
        assert_eq!(cursor.accept(&ended(6).into()), Ok(true));
        assert!(cursor.finished);
        let mut after_the_end = Cursor::after(6);
        assert_eq!(
            after_the_end.accept(&ended(6).into()),
            Ok(true),
            "the result always comes"
        );
    }
}
