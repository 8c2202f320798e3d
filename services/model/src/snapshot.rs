//! What can be seen of a task and of a queue: the common ground on which the store and the reference queue are compared and the
//! invariants are checked.

use crate::{
    record::{Header, Record, RecordError, StateEvent, StoredOutcome, flags},
    state::TaskState,
};

/// A task as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The fixed part.
    pub header: Header,
    /// State events, oldest first.
    pub events: Vec<StateEvent>,
    /// Output, error and cancel reason.
    pub outcome: StoredOutcome,
}

impl Snapshot {
    /// Of a record, with or without its body.
    pub fn of(record: &Record) -> Result<Self, RecordError> {
        Ok(Self {
            header: record.header.clone(),
            events: record.events.clone(),
            outcome: record.outcome()?,
        })
    }

    /// The same without what each implementation is free to choose: the ready number of a waiting task, leftovers of a lease or deadline
    /// that means nothing in this state, and the note that the task is in the expiry index.
    #[must_use]
    pub fn comparable(mut self) -> Self {
        let header = &mut self.header;
        header.flags &= !flags::EXPIRES;
        if header.state != TaskState::Running {
            header.mark = 0;
            header.run_ms = 0;
        }
        if header.state == TaskState::Queued {
            header.deadline_ms = 0;
        }
        self
    }
}

/// Counters of one queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Tasks that wait for a time.
    pub scheduled: u64,
    /// Tasks that are ready.
    pub queued: u64,
    /// Tasks that are leased.
    pub running: u64,
    /// Succeeded tasks that are kept.
    pub succeeded: u64,
    /// Dead letters.
    pub failed: u64,
    /// Cancelled tasks that are kept.
    pub cancelled: u64,
    /// Expired tasks that are kept.
    pub expired: u64,
    /// Header and body of unfinished tasks, in bytes.
    pub bytes: u64,
}

impl Counters {
    /// Counts tasks of one queue by their state and the bytes of header and body.
    pub fn recount(tasks: impl IntoIterator<Item = (TaskState, u64)>) -> Self {
        let mut counters = Self::default();
        for (state, bytes) in tasks {
            *counters.of(state) += 1;
            counters.bytes += if state.is_terminal() { 0 } else { bytes };
        }
        counters
    }

    /// The counter of a state.
    pub fn of(&mut self, state: TaskState) -> &mut u64 {
        match state {
            TaskState::Scheduled => &mut self.scheduled,
            TaskState::Queued => &mut self.queued,
            TaskState::Running => &mut self.running,
            TaskState::Succeeded => &mut self.succeeded,
            TaskState::Failed => &mut self.failed,
            TaskState::Cancelled => &mut self.cancelled,
            TaskState::Expired => &mut self.expired,
        }
    }

    /// Tasks that are not finished.
    pub fn unfinished(&self) -> u64 {
        self.scheduled + self.queued + self.running
    }
}
