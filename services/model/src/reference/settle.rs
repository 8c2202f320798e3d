use bytes::Bytes;

use super::{Defect, ReferenceQueue};
use crate::{
    id::{LeaseToken, TaskId},
    op::{Heartbeat, Renewal, Reported, Rules, Settle, Settlement, StopRequest},
    record::{Header, settled},
    state::TaskState,
    transition::Event,
    wire::{LogEntry, LogKind, outcome_attempt_timeout, outcome_release_limit},
};

impl ReferenceQueue {
    /// T3, for each lease on its own.
    pub fn heartbeat(&mut self, now_ms: u64, heartbeat: &Heartbeat) -> Renewal {
        if !self.holds(&heartbeat.token) {
            return Renewal::Lost;
        }
        let rules = self.rules;
        let Some(task) = self.tasks.get_mut(&heartbeat.token.task) else {
            return Renewal::Lost;
        };
        let stop = task.stop_request();
        let run_ms = run_ms(&task.header, now_ms, &rules);
        let header = &mut task.header;
        let timeout_ms = u64::from(header.attempt_timeout_ms);
        if run_ms > timeout_ms + rules.timeout_grace_ms {
            return Renewal::TimedOut;
        }
        header.run_ms = u32::try_from(run_ms).unwrap_or(u32::MAX);
        header.mark = now_ms;
        header.deadline_ms = header
            .deadline_ms
            .max((now_ms + rules.lease_ttl_ms).saturating_sub(heartbeat.age_ms));
        Renewal::Renewed {
            stop,
            remaining_ms: timeout_ms.saturating_sub(run_ms),
        }
    }

    /// T4, T5, T7, T9.
    pub fn settle(&mut self, now_ms: u64, token: &LeaseToken, settle: Settle) -> Settlement {
        let id = token.task;
        let kind = match settle {
            Settle::Complete { .. } | Settle::CompleteTooLarge { .. } => settled::COMPLETE,
            Settle::Fail { .. } => settled::FAIL,
            Settle::Release { .. } | Settle::Stop { .. } => settled::RELEASE,
        };
        if !self.holds(token) {
            let repeated = |task: &&super::task::Task| task.granted_last(token) && task.header.settled == kind;
            return if self.tasks.get(&id).filter(repeated).is_some() {
                self.settlement(&id)
            } else {
                Settlement::Lost
            };
        }
        if let Some(task) = self.tasks.get_mut(&id) {
            task.header.settled = kind;
        }
        match settle {
            Settle::Complete { outcome } => {
                if let Some(task) = self.tasks.get_mut(&id) {
                    task.add_outcome(&outcome);
                }
                self.step(now_ms, id, Event::Complete, TaskState::Succeeded);
            }
            Settle::CompleteTooLarge { outcome } => {
                if let Some(task) = self.tasks.get_mut(&id) {
                    task.set_error(&outcome);
                }
                self.step(now_ms, id, Event::CompleteTooLarge, TaskState::Failed);
            }
            Settle::Fail {
                outcome,
                permanent,
                delay_ms,
            } => self.fail(now_ms, id, &outcome, permanent, delay_ms),
            Settle::Release { counted } => self.release(now_ms, id, counted),
            Settle::Stop { delay_ms } => match self.stop_state(&id) {
                Some(to) => self.step(now_ms, id, Event::CancelAck, to),
                None if self.has_run_out(now_ms, &id) => {
                    self.fail(now_ms, id, &outcome_attempt_timeout(), false, delay_ms);
                }
                None => self.release(now_ms, id, true),
            },
        }
        self.settlement(&id)
    }

    fn fail(&mut self, now_ms: u64, id: TaskId, outcome: &Bytes, permanent: bool, delay_ms: u64) {
        let stop_state = self.stop_state(&id);
        let endless = self.defect == Some(Defect::NoBudget);
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.set_error(outcome);
        let header = &mut task.header;
        header.failures += 1;
        let used_up = header.failures + header.crashes >= header.max_attempts && !endless;
        if let Some(to) = stop_state {
            self.step(now_ms, id, Event::EndRequested, to);
        } else if permanent || used_up {
            self.step(now_ms, id, Event::FailFinal, TaskState::Failed);
        } else {
            header.deadline_ms = now_ms + delay_ms;
            self.step(now_ms, id, Event::FailRetry, TaskState::Scheduled);
        }
    }

    fn release(&mut self, now_ms: u64, id: TaskId, counted: bool) {
        let stop_state = self.stop_state(&id);
        let Some(task) = self.tasks.get_mut(&id) else { return };
        if let Some(to) = stop_state {
            self.step(now_ms, id, Event::EndRequested, to);
        } else if counted && task.header.releases >= self.rules.release_limit {
            task.set_error(&outcome_release_limit());
            self.step(now_ms, id, Event::ReleaseLimit, TaskState::Failed);
        } else {
            task.header.releases += u8::from(counted);
            self.step(now_ms, id, Event::Release, TaskState::Queued);
        }
    }

    /// Stores progress or a chunk.
    pub fn report(&mut self, now_ms: u64, token: &LeaseToken, kind: LogKind, payload: Bytes) -> Reported {
        if !self.holds(token) {
            return Reported::Lost;
        }
        let rules = self.rules;
        let Some(task) = self.tasks.get_mut(&token.task) else {
            return Reported::Lost;
        };
        task.header.sequence += 1;
        let sequence = task.header.sequence;
        let attempt = task.header.attempt() as u8;
        task.push_log(
            &rules,
            LogEntry {
                sequence,
                attempt,
                time_ms: now_ms,
                kind,
                payload,
            },
        );
        Reported::Stored {
            sequence,
            stop: task.stop_request(),
        }
    }

    /// The guard of every owner's action: never time.
    fn holds(&self, token: &LeaseToken) -> bool {
        self.tasks.get(&token.task).is_some_and(|task| {
            let latest = task.granted_last(token) || self.defect == Some(Defect::AnyToken);
            task.header.state == TaskState::Running && latest
        })
    }

    /// Whether the attempt has run for as long as it may.
    fn has_run_out(&self, now_ms: u64, id: &TaskId) -> bool {
        let header = self.tasks.get(id).map(|task| &task.header);
        header.is_some_and(|header| run_ms(header, now_ms, &self.rules) >= u64::from(header.attempt_timeout_ms))
    }

    /// How an attempt ends that was asked to stop.
    pub(super) fn stop_state(&self, id: &TaskId) -> Option<TaskState> {
        match self.tasks.get(id)?.stop_request()? {
            StopRequest::Cancel => Some(TaskState::Cancelled),
            StopRequest::Expiry => Some(TaskState::Expired),
        }
    }

    fn settlement(&self, id: &TaskId) -> Settlement {
        self.tasks.get(id).map_or(Settlement::Lost, |task| {
            let state = task.header.state;
            let due_ms = if state == TaskState::Scheduled {
                task.header.deadline_ms
            } else {
                0
            };
            Settlement::Done { state, due_ms }
        })
    }
}

/// How long the attempt has run: no step of the clock counts for more than one lease.
fn run_ms(header: &Header, now_ms: u64, rules: &Rules) -> u64 {
    u64::from(header.run_ms) + now_ms.saturating_sub(header.mark).min(rules.lease_ttl_ms)
}
