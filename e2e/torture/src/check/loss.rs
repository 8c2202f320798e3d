//! What `fast` may lose: acknowledgements of the last seconds before a power cut or before a kill while the disk was slow. Whatever was
//! touched in that time may be as it was before, and is judged by nothing else.

use std::collections::HashSet;

use crate::{
    evidence::Evidence,
    faults::{Fault, Injected},
    world::Durability,
};

/// Redis flushes every second, a flush takes its time on a busy disk, and meanwhile writes are held back for up to two: 4.0 s were seen. The rest
/// is for the clocks of the clients.
const WINDOW_MS: u64 = 5_000;

/// What may have been lost, and how much was.
#[derive(Debug, Default)]
pub struct Loss {
    tasks: HashSet<String>,
    keys: HashSet<String>,
    windows: Vec<(u64, u64)>,
    /// Acknowledged enqueues that are not there, inside of those times.
    pub lost: u64,
    /// Ms from the oldest of them to its fault.
    pub oldest_ms: u64,
}

fn takes_back(fault: Fault) -> bool {
    matches!(
        fault,
        // A kill takes the writes that were held back.
        Fault::PowerCut
            | Fault::RedisKill
            | Fault::TornTail
            | Fault::SlowDiskKill
            | Fault::DiskFull
            | Fault::DiskIoError
    )
}

impl Loss {
    pub(crate) fn of(evidence: &Evidence) -> Self {
        let mut loss = Self::default();
        if evidence.durability == Durability::Strict {
            return loss;
        }
        let window = |injected: &Injected| (injected.from_ms.saturating_sub(WINDOW_MS), injected.to_ms + 500);
        let lossy = evidence.injected.iter().filter(|injected| takes_back(injected.fault));
        loss.windows = lossy.map(window).collect();
        loss.gather(evidence);
        loss.count(evidence);
        loss
    }

    fn is_within(&self, from_ms: u64, to_ms: u64) -> bool {
        self.windows.iter().any(|(from, to)| from_ms <= *to && to_ms >= *from)
    }

    fn gather(&mut self, evidence: &Evidence) {
        let history = &evidence.history;
        let asks = history
            .asks
            .iter()
            .filter(|ask| self.is_within(ask.sent_ms, ask.answered_ms));
        let keys = asks.clone().map(|ask| ask.spec.key.clone()).collect();
        let mut tasks: HashSet<String> = asks.filter_map(|ask| ask.stored()).map(str::to_owned).collect();
        let cancels = history.cancels.iter();
        tasks.extend(
            cancels
                .filter(|cancel| self.is_within(cancel.answered_ms, cancel.answered_ms))
                .map(|cancel| cancel.task_id.clone()),
        );
        let entries = evidence.journal.iter();
        tasks.extend(
            entries
                .filter(|entry| self.is_within(entry.time_ms, entry.time_ms))
                .map(|entry| entry.task_id.clone()),
        );
        // What was due, reaped or expired in that time is known only from the log that it left.
        for (id, task) in &evidence.store.tasks {
            if task
                .snapshot
                .events
                .iter()
                .any(|event| self.is_within(event.time_ms, event.time_ms))
            {
                tasks.insert(id.clone());
            }
        }
        self.tasks = tasks;
        self.keys = keys;
    }

    fn count(&mut self, evidence: &Evidence) {
        for ask in &evidence.history.asks {
            let Some(id) = ask.stored().filter(|id| !evidence.store.tasks.contains_key(*id)) else {
                continue;
            };
            if !self.tasks.contains(id) {
                continue;
            }
            self.lost += 1;
            let faults = evidence.injected.iter().filter(|fault| takes_back(fault.fault));
            let age = faults
                .filter_map(|fault| fault.to_ms.checked_sub(ask.answered_ms))
                .min();
            self.oldest_ms = self.oldest_ms.max(age.unwrap_or(0));
        }
    }

    /// Whether a fault may have taken something of this task back.
    #[must_use]
    pub fn excuses(&self, task_id: &str, key: Option<&str>) -> bool {
        self.tasks.contains(task_id) || key.is_some_and(|key| self.keys.contains(key))
    }
}
