//! A queue in memory that does what the store must do: the oracle that tests compare the store with.
//!
//! It is built on [`crate::transition::TABLE`] and nothing happens to a task that is not a row of it. It is as simple as can be: indexes
//! are found by looking at every task, only the ready lines are kept, since their order is the point. Time is what the caller says.
//!
//! Where the store is free, so is the comparison: see [`Snapshot::comparable`]. Decisions that both share and no other document fixes:
//! - The attempt of a state event is that of the event before; a lease's is failures + crashes + 1.
//! - An attempt that ends with a stop request pending counts as a failure or crash if it failed or crashed, but not as a release.
//! - A refused release is not counted: `releases` never exceeds its limit.
//! - A lease request is remembered only if it leased something.
//! - Lines without ready tasks and lines of paused queues take no share.
//! - `first_kept` is the number of the first log entry that is still there; the newest entry is always there.
//! - The error of an attempt replaces the earlier one; a completion keeps it and adds its output.

mod lease;
mod settle;
mod task;
#[cfg(test)]
mod tests;
mod tick;

use std::collections::BTreeMap;

use crate::{
    id::{Name, Namespace, TaskId},
    op::{Cancelled, Enqueued, LeaseRequest, Line, NewTask, Rules, Start},
    record::{Record, flags},
    snapshot::{Counters, Snapshot},
    state::{Cause, TaskState},
    transition::{Event, rows},
    wire::LogEntry,
};
use lease::{LineState, PastRequest};
use task::Task;

/// A wrong behaviour to inject, so that a test can show that a check notices it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// Takes any token of the right task for the latest.
    AnyToken,
    /// Leases without a new fence.
    SameFence,
    /// Retries for ever.
    NoBudget,
    /// Cancels finished tasks.
    SecondEnd,
    /// Numbers an event twice as far on.
    SkippedNumber,
    /// Promotes before the time.
    TooEarly,
    /// Forgets to count a lease.
    LostCount,
}

#[derive(Debug, Clone, Default)]
struct QueueState {
    paused: bool,
    counters: Counters,
}

#[derive(Debug, Clone)]
struct KeyEntry {
    id: TaskId,
    content: [u8; 32],
    /// `None` as long as the task is not finished.
    until_ms: Option<u64>,
}

/// The queue.
#[derive(Debug, Clone)]
pub struct ReferenceQueue {
    rules: Rules,
    defect: Option<Defect>,
    tasks: BTreeMap<TaskId, Task>,
    queues: BTreeMap<(Namespace, Name), QueueState>,
    lines: BTreeMap<(Namespace, Line), LineState>,
    keys: BTreeMap<(Namespace, Name, [u8; 16]), KeyEntry>,
    requests: BTreeMap<[u8; 16], PastRequest>,
}

impl ReferenceQueue {
    /// An empty queue.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            defect: None,
            tasks: BTreeMap::new(),
            queues: BTreeMap::new(),
            lines: BTreeMap::new(),
            keys: BTreeMap::new(),
            requests: BTreeMap::new(),
        }
    }

    /// An empty queue that does one thing wrong.
    pub fn with_defect(rules: Rules, defect: Defect) -> Self {
        Self {
            defect: Some(defect),
            ..Self::new(rules)
        }
    }

    /// T0.
    pub fn enqueue(&mut self, now_ms: u64, new: NewTask) -> Enqueued {
        let record = &new.record;
        let queue_key = (record.namespace.clone(), record.queue.clone());
        let key = new
            .idempotency
            .map(|known| ((queue_key.0.clone(), queue_key.1.clone(), known.key), known.content));
        if let Some((key, content)) = &key
            && let Some(entry) = self
                .keys
                .get(key)
                .filter(|entry| entry.until_ms.is_none_or(|until| now_ms < until))
        {
            if entry.content != *content {
                return Enqueued::KeyReused(entry.id);
            }
            let state = self
                .tasks
                .get(&entry.id)
                .map_or(TaskState::Succeeded, |task| task.header.state);
            return Enqueued::Duplicate(entry.id, state);
        }
        // A template that cannot be read back is a defect of the model; refusing it is as good an answer as any.
        let Ok(mut task) = Task::new(now_ms, &new) else {
            return Enqueued::IdTaken;
        };
        if self.tasks.contains_key(&new.id) {
            return Enqueued::IdTaken;
        }
        let counters = self.queues.entry(queue_key).or_default().counters;
        if new.queue_limit > 0 && counters.unfinished() >= new.queue_limit {
            return Enqueued::QueueFull(counters.unfinished());
        }
        if new.queue_bytes_limit > 0 && counters.bytes + task.size() > new.queue_bytes_limit {
            return Enqueued::QueueBytes(counters.bytes);
        }
        let due_ms = match new.start {
            Start::Now => now_ms,
            Start::After(ms) => now_ms + ms,
            Start::At(ms) => ms,
        };
        let (event, state) = if due_ms <= now_ms {
            (Event::Enqueue, TaskState::Queued)
        } else {
            task.header.deadline_ms = due_ms;
            (Event::EnqueueDelayed, TaskState::Scheduled)
        };
        self.tasks.insert(new.id, task);
        if let Some((key, content)) = key {
            self.keys.insert(
                key,
                KeyEntry {
                    id: new.id,
                    content,
                    until_ms: None,
                },
            );
        }
        self.step(now_ms, new.id, event, state);
        Enqueued::Stored(state)
    }

    /// T8. `outcome` is the reason, encoded; see [`crate::wire::outcome_cancel`].
    pub fn cancel(&mut self, now_ms: u64, namespace: &Namespace, id: &TaskId, outcome: &[u8]) -> Cancelled {
        let Some(task) = self.tasks.get_mut(id).filter(|task| task.namespace == *namespace) else {
            return Cancelled::NotFound;
        };
        let state = task.header.state;
        if state.is_terminal() && self.defect == Some(Defect::SecondEnd) {
            task.push_event(now_ms, TaskState::Cancelled, Cause::Finished);
            return Cancelled::State(TaskState::Cancelled);
        }
        if state.is_terminal() || task.header.has(flags::CANCEL) {
            return Cancelled::State(state);
        }
        task.add_outcome(outcome);
        let to = if state == TaskState::Running {
            task.header.flags |= flags::CANCEL;
            TaskState::Running
        } else {
            TaskState::Cancelled
        };
        self.step(now_ms, *id, Event::Cancel, to);
        Cancelled::State(to)
    }

    /// Pauses a queue or lets it go on. A paused queue takes tasks in and leases none.
    pub fn set_paused(&mut self, namespace: &Namespace, queue: &Name, paused: bool) {
        self.queues
            .entry((namespace.clone(), queue.clone()))
            .or_default()
            .paused = paused;
    }

    /// The record of a task of this namespace.
    pub fn read(&self, namespace: &Namespace, id: &TaskId) -> Option<Record> {
        let task = self.tasks.get(id).filter(|task| task.namespace == *namespace)?;
        Record::parse(&task.record_bytes(), true).ok()
    }

    /// What can be seen of a task, to compare.
    pub fn record(&self, id: &TaskId) -> Option<Snapshot> {
        self.tasks.get(id)?.snapshot().ok()
    }

    /// Progress and chunks of a task, oldest first.
    pub fn log(&self, id: &TaskId) -> Vec<LogEntry> {
        self.tasks
            .get(id)
            .map(|task| task.log.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// Ids of all tasks, oldest first.
    pub fn ids(&self) -> Vec<TaskId> {
        self.tasks.keys().copied().collect()
    }

    /// The counters of a queue as they were kept.
    pub fn counters(&self, namespace: &Namespace, queue: &Name) -> Counters {
        self.queues
            .get(&(namespace.clone(), queue.clone()))
            .map(|queue| queue.counters)
            .unwrap_or_default()
    }

    /// The counters of a queue, counted anew.
    pub fn recount(&self, namespace: &Namespace, queue: &Name) -> Counters {
        let of_queue = self
            .tasks
            .values()
            .filter(|task| task.namespace == *namespace && task.line.queue == *queue);
        Counters::recount(of_queue.map(|task| (task.header.state, task.size())))
    }

    /// Ready tasks of a line, in the order of leasing within each priority, the highest first.
    pub fn ready(&self, namespace: &Namespace, line: &Line) -> Vec<TaskId> {
        let Some(state) = self.lines.get(&(namespace.clone(), line.clone())) else {
            return Vec::new();
        };
        state
            .entries()
            .filter(|entry| self.is_ready(entry))
            .map(|entry| entry.0)
            .collect()
    }

    /// The one place where a task changes: takes the row of the table, writes its event, and does what belongs to the new state.
    fn step(&mut self, now_ms: u64, id: TaskId, event: Event, to: TaskState) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let from = (!task.events.is_empty()).then_some(task.header.state);
        let Some(row) = rows(from, event).find(|row| row.to == to) else {
            debug_assert!(false, "no row from {from:?} by {event:?} to {to:?}");
            return;
        };
        task.push_event(now_ms, to, row.cause);
        if self.defect == Some(Defect::SkippedNumber) && row.cause == Cause::Leased {
            task.header.sequence += 1;
        }
        let size = task.size();
        let queue = self
            .queues
            .entry((task.namespace.clone(), task.line.queue.clone()))
            .or_default();
        match from {
            Some(from) if self.defect != Some(Defect::LostCount) || event != Event::Lease => {
                *queue.counters.of(from) -= 1;
            }
            Some(_) => {}
            None => queue.counters.bytes += size,
        }
        *queue.counters.of(to) += 1;
        if to.is_terminal() {
            queue.counters.bytes -= size;
            self.finish(now_ms, id, to);
        }
        if to == TaskState::Queued {
            self.push_ready(id, event == Event::Release);
        }
    }

    fn finish(&mut self, now_ms: u64, id: TaskId, state: TaskState) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let retention_ms = match (task.retention_s, state) {
            (0, TaskState::Failed) => self.rules.failed_retention_ms,
            (0, _) => self.rules.retention_ms,
            (seconds, _) => u64::from(seconds) * 1_000,
        };
        task.header.deadline_ms = now_ms + retention_ms;
        if state == TaskState::Succeeded {
            task.drop_input();
        }
        if let Some(key) = task.key
            && let Some(entry) = self
                .keys
                .get_mut(&(task.namespace.clone(), task.line.queue.clone(), key))
            && entry.id == id
        {
            entry.until_ms = Some(now_ms + self.rules.key_retention_ms);
        }
    }

    fn is_paused(&self, request: &LeaseRequest, line: &Line) -> bool {
        self.queues
            .get(&(request.namespace.clone(), line.queue.clone()))
            .is_some_and(|queue| queue.paused)
    }
}
