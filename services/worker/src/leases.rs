//! What one stream holds: leases, credits and the times at which its attempts are over. Pure bookkeeping: a lease is real in the store
//! only, and a lease that is not in here is merely not renewed by this stream.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use tidemill_model::{
    id::{LeaseToken, Name, TaskId},
    retry::RetryPolicy,
};
use tidemill_proto::v1::CancelCause;

use crate::spans::Attempt;

/// What a lease's end depends on; known if this process leased the task, not if its lease was adopted.
#[derive(Debug, Clone)]
pub(crate) struct Details {
    pub(crate) queue: Name,
    pub(crate) attempt: u32,
    pub(crate) failures: u32,
    pub(crate) policy: RetryPolicy,
    /// What its span will say, if anybody wants one.
    pub(crate) span: Option<Attempt>,
}

/// One lease.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) token: LeaseToken,
    pub(crate) details: Option<Details>,
    pub(crate) since: Instant,
    /// When attempt_timeout is over, as far as it is known.
    stop_at: Option<Instant>,
    /// Causes that the client was told.
    told: Vec<CancelCause>,
    /// Settles of it under way: they answer the client, a heartbeat that finds the lease gone does not.
    settling: u32,
}

impl Held {
    pub(crate) fn new(token: LeaseToken, details: Option<Details>, stop_at: Option<Instant>, now: Instant) -> Self {
        Self {
            token,
            details,
            since: now,
            stop_at,
            told: Vec::new(),
            settling: 0,
        }
    }

    pub(crate) fn is_settling(&self) -> bool {
        self.settling > 0
    }
}

/// What is due.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    /// attempt_timeout is over: ask the handler to stop.
    pub(crate) stop: Vec<LeaseToken>,
    /// The grace after it is over, too: fail the attempt.
    pub(crate) fail: Vec<LeaseToken>,
}

/// Leases and credits of a stream.
#[derive(Debug)]
pub(crate) struct Leases {
    credits: u32,
    grace: Duration,
    held: HashMap<TaskId, Held>,
    timers: BTreeSet<(Instant, TaskId)>,
}

impl Leases {
    /// `grace`: between the end of attempt_timeout and the failure of the attempt.
    pub(crate) fn new(credits: u32, grace: Duration) -> Self {
        Self {
            credits,
            grace,
            held: HashMap::new(),
            timers: BTreeSet::new(),
        }
    }

    /// How many more tasks the stream takes. Never below zero: fewer credits take nothing back.
    pub(crate) fn free(&self) -> u32 {
        let held = u32::try_from(self.held.len()).unwrap_or(u32::MAX);
        self.credits.saturating_sub(held)
    }

    pub(crate) fn set_credits(&mut self, credits: u32) {
        self.credits = credits;
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// Takes a lease in. A task has one holder, so an older lease of the same task is lost: it is answered. An older one that comes
    /// after a newer is answered itself.
    pub(crate) fn insert(&mut self, held: Held) -> Option<LeaseToken> {
        let (task, token) = (held.token.task, held.token);
        match self.held.get(&task).map(|known| known.token) {
            Some(known) if known == token => return None,
            Some(known) if known.fence > token.fence => return Some(token),
            _ => {}
        }
        let replaced = self.take(&task);
        self.timers.extend(held.stop_at.map(|at| (at, task)));
        self.held.insert(task, held);
        replaced.map(|old| old.token)
    }

    pub(crate) fn get(&self, token: &LeaseToken) -> Option<&Held> {
        self.held.get(&token.task).filter(|held| held.token == *token)
    }

    fn get_mut(&mut self, token: &LeaseToken) -> Option<&mut Held> {
        self.held.get_mut(&token.task).filter(|held| held.token == *token)
    }

    /// The lease of a task.
    pub(crate) fn of_task(&self, task: &TaskId) -> Option<LeaseToken> {
        self.held.get(task).map(|held| held.token)
    }

    pub(crate) fn remove(&mut self, token: &LeaseToken) -> Option<Held> {
        self.get(token)?;
        self.take(&token.task)
    }

    /// As [`Leases::remove`], but leaves a lease alone that is being settled: the settle's answer decides.
    pub(crate) fn remove_unless_settling(&mut self, token: &LeaseToken) -> Option<Held> {
        self.get(token).filter(|held| held.settling == 0)?;
        self.take(&token.task)
    }

    fn take(&mut self, task: &TaskId) -> Option<Held> {
        let held = self.held.remove(task)?;
        if let Some(at) = held.stop_at {
            self.timers.remove(&(at, *task));
            self.timers.remove(&(at + self.grace, *task));
        }
        Some(held)
    }

    /// A settle of the lease begins.
    pub(crate) fn settle_begins(&mut self, token: &LeaseToken) {
        if let Some(held) = self.get_mut(token) {
            held.settling += 1;
        }
    }

    /// A settle of the lease was answered, or refused.
    pub(crate) fn settle_ends(&mut self, token: &LeaseToken) {
        if let Some(held) = self.get_mut(token) {
            held.settling = held.settling.saturating_sub(1);
        }
    }

    /// Everything held.
    pub(crate) fn tokens(&self) -> Vec<LeaseToken> {
        self.held.values().map(|held| held.token).collect()
    }

    /// Forgets everything; answers what was held.
    pub(crate) fn clear(&mut self) -> Vec<LeaseToken> {
        self.timers.clear();
        self.credits = 0;
        self.held.drain().map(|(_, held)| held.token).collect()
    }

    /// True if the client holds the lease and was not told this cause yet; from now on it was.
    pub(crate) fn tell(&mut self, token: &LeaseToken, cause: CancelCause) -> bool {
        match self.get_mut(token) {
            Some(held) if !held.told.contains(&cause) => {
                held.told.push(cause);
                true
            }
            _ => false,
        }
    }

    /// A heartbeat said how much of attempt_timeout is left. When it is over already, an earlier moment than now stays.
    pub(crate) fn renewed(&mut self, token: &LeaseToken, remaining: Duration, now: Instant) {
        let grace = self.grace;
        let Some(held) = self.get_mut(token) else { return };
        let over = remaining.is_zero();
        let at = if over {
            held.stop_at.map_or(now, |at| at.min(now))
        } else {
            now + remaining
        };
        let told = held.told.contains(&CancelCause::AttemptTimeout);
        let before = held.stop_at.replace(at);
        if let Some(before) = before {
            self.timers.remove(&(before, token.task));
            self.timers.remove(&(before + grace, token.task));
        }
        self.timers.insert((if told { at + grace } else { at }, token.task));
    }

    /// The next moment at which [`Leases::due`] has something to say.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// What is due now. Each is said once: after the stop the grace runs, after the failure the caller settles.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        let mut due = Due::default();
        while let Some((at, task)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, task));
            let Some(held) = self.held.get_mut(&task) else { continue };
            let fail_at = held.stop_at.map_or(at, |stop| stop + self.grace);
            if !held.told.contains(&CancelCause::AttemptTimeout) {
                held.told.push(CancelCause::AttemptTimeout);
                due.stop.push(held.token);
                self.timers.insert((fail_at, task));
            } else if held.settling == 0 {
                due.fail.push(held.token);
            }
        }
        due
    }
}

#[cfg(test)]
#[path = "leases/tests.rs"]
mod tests;
