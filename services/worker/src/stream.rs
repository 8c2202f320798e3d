//! The shared side of one Work stream: what the dispatcher and the hints need of it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use prost::Message;
use tidemill_model::{
    id::{LeaseToken, Namespace},
    op::Leased,
    record::{Record, RecordError},
    wire,
};
use tidemill_proto::v1::{self, work_response};
use tokio::sync::Notify;

use crate::{
    leases::{Details, Held, Leases},
    metrics::WorkerMetrics,
    outbox::Outbox,
    registry::Group,
    settle::Ending,
    shared::Shared,
    spans::Attempt,
};

/// Assignments of one message, in bytes, unless a single task is larger.
const MAX_MESSAGE_BYTES: usize = 3 << 20;

/// A leased task on its way to a stream.
pub(crate) struct Grant {
    pub(crate) held: Held,
    pub(crate) assignment: v1::Assignment,
}

impl Grant {
    /// Takes a leased record apart, counts and logs it.
    pub(crate) fn new(leased: &Leased, shared: &Shared) -> Result<Self, RecordError> {
        let record = Record::parse(&leased.record, true)?;
        let body = record.body()?;
        let details = Details {
            queue: record.queue.clone(),
            attempt: record.header.attempt(),
            failures: u32::from(record.header.failures),
            policy: wire::retry_policy_with(&record, &body, &shared.defaults.retry),
            span: Attempt::of(&shared.tracing, &record),
        };
        let leased_ms = record.last_lease().map_or(0, |event| event.time_ms);
        shared.metrics.leased(
            &record.queue,
            Duration::from_millis(leased_ms.saturating_sub(record.created_ms())),
        );
        tracing::debug!(task = %leased.token.task, queue = %record.queue, attempt = details.attempt, "leased");
        let assignment = wire::assignment_of(leased.token, &record, body, shared.store.rules())?;
        let now = Instant::now();
        let stop_at = now + Duration::from_millis(u64::from(record.header.attempt_timeout_ms));
        Ok(Self {
            held: Held::new(leased.token, Some(details), Some(stop_at), now),
            assignment,
        })
    }
}

struct State {
    leases: Leases,
    /// Closed, or told that nothing more comes.
    refuses_tasks: bool,
}

/// One registered stream.
pub(crate) struct Stream {
    pub(crate) name: String,
    pub(crate) namespace: Namespace,
    pub(crate) outbox: Outbox,
    pub(crate) group: Arc<Group>,
    /// A timer may be sooner than the session knows.
    pub(crate) changed: Notify,
    state: Mutex<State>,
    free: AtomicU32,
    /// The dispatcher passed it over because its backlog was long.
    choked: AtomicBool,
    /// Its last ping was not answered in time.
    silent: AtomicBool,
    metrics: WorkerMetrics,
}

impl Stream {
    pub(crate) fn new(
        name: String,
        namespace: Namespace,
        outbox: Outbox,
        group: Arc<Group>,
        leases: Leases,
        metrics: WorkerMetrics,
    ) -> Self {
        let this = Self {
            name,
            namespace,
            outbox,
            group,
            changed: Notify::new(),
            state: Mutex::new(State {
                leases,
                refuses_tasks: false,
            }),
            free: AtomicU32::new(0),
            choked: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            metrics,
        };
        this.leases(|_| ());
        this
    }

    /// Looks at or changes the bookkeeping; free credits are counted anew, and the dispatcher learns of credits gained.
    pub(crate) fn leases<R>(&self, change: impl FnOnce(&mut Leases) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut state.leases);
        self.recount(&state.leases);
        result
    }

    /// Called with the state locked, so that the counts of two changes cannot cross.
    fn recount(&self, leases: &Leases) {
        let free = leases.free();
        let gained = i64::from(free) - i64::from(self.free.swap(free, Ordering::AcqRel));
        if gained != 0 {
            self.metrics.credits_free.inc_by(gained);
            self.group.credits_gained(gained);
        }
    }

    /// Credits that tasks may be leased for now.
    pub(crate) fn free(&self) -> u32 {
        if self.silent.load(Ordering::Acquire) {
            return 0;
        }
        let free = self.free.load(Ordering::Acquire);
        if free > 0 && !self.outbox.takes_tasks() {
            self.choked.store(true, Ordering::Release);
            return 0;
        }
        free
    }

    /// The backlog has shrunk: the dispatcher may look again.
    pub(crate) fn relieved(&self) {
        if self.choked.load(Ordering::Acquire) && self.outbox.takes_tasks() {
            self.choked.store(false, Ordering::Release);
            self.group.look();
        }
    }

    /// The client does not answer, or does so again: then the dispatcher may look again.
    pub(crate) fn set_silent(&self, silent: bool) {
        if self.silent.swap(silent, Ordering::AcqRel) && !silent {
            self.group.look();
        }
    }

    /// Tells the client to go. Nothing is assigned after that.
    pub(crate) fn drain(&self, drain: v1::Drain) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.refuses_tasks = true;
        // Sent with the state locked: a task is either assigned before it, or not at all.
        self.outbox.send(work_response::Message::Drain(drain));
    }

    /// Takes tasks in and sends them. Fails with their tokens if the stream has ended meanwhile, or drains.
    pub(crate) fn assign(&self, grants: Vec<Grant>) -> Result<(), Vec<LeaseToken>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.refuses_tasks {
            return Err(grants.into_iter().map(|grant| grant.held.token).collect());
        }
        let mut assignments = Vec::with_capacity(grants.len());
        let mut replaced = Vec::new();
        for grant in grants {
            replaced.extend(state.leases.insert(grant.held));
            assignments.push(grant.assignment);
        }
        self.recount(&state.leases);
        // Sent with the state locked: whoever closes the stream finds either nothing or both.
        for token in replaced {
            self.send_lost(&token);
        }
        for assignments in chunks(assignments) {
            self.outbox
                .send(work_response::Message::Assignments(v1::Assignments { assignments }));
        }
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// No more tasks from now on. Answers what was held.
    pub(crate) fn close(&self) -> Vec<LeaseToken> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.refuses_tasks = true;
        let held = state.leases.clear();
        self.recount(&state.leases);
        held
    }

    /// What is known here of a lease that is about to end.
    pub(crate) fn ending(&self, token: &LeaseToken) -> Ending {
        let of = |held: &Held| Ending {
            details: held.details.clone(),
            since: Some(held.since),
            patient: true,
        };
        let unknown = Ending {
            patient: true,
            ..Ending::default()
        };
        self.leases(|leases| leases.get(token).map_or(unknown, of))
    }

    /// Asks the handler to stop, once for each cause.
    pub(crate) fn cancel(&self, token: &LeaseToken, cause: v1::CancelCause, reason: String) {
        if self.leases(|leases| leases.tell(token, cause)) {
            self.send_cancel(token, cause, reason);
        }
    }

    pub(crate) fn send_cancel(&self, token: &LeaseToken, cause: v1::CancelCause, reason: String) {
        tracing::debug!(task = %token.task, stream = self.name, cause = cause.as_str_name(), "asking the handler to stop");
        let message = v1::CancelRequested {
            lease_token: token.to_string(),
            cause: cause.into(),
            reason,
        };
        self.outbox.send(work_response::Message::CancelRequested(message));
    }

    pub(crate) fn send_lost(&self, token: &LeaseToken) {
        self.metrics.lease_lost.inc();
        tracing::info!(task = %token.task, fence = token.fence, stream = self.name, "lease lost");
        self.outbox.send(work_response::Message::LeaseLost(v1::LeaseLost {
            lease_token: token.to_string(),
        }));
    }
}

/// Splits into messages of a bounded size, each of at least one.
fn chunks(assignments: Vec<v1::Assignment>) -> Vec<Vec<v1::Assignment>> {
    let mut chunks: Vec<Vec<v1::Assignment>> = Vec::new();
    let mut bytes = usize::MAX;
    for assignment in assignments {
        // A tag and up to four bytes of length.
        let own = assignment.encoded_len() + 5;
        if bytes.saturating_add(own) > MAX_MESSAGE_BYTES {
            chunks.push(Vec::new());
            bytes = 0;
        }
        bytes += own;
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(assignment);
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tidemill_kit::metrics::Metrics;

    use super::*;
    use crate::{registry::Registry, subscription::Subscription};

    #[tokio::test]
    async fn nothing_is_assigned_after_the_drain_or_the_end() {
        let registry = Registry::new(1);
        for closes in [false, true] {
            let (outbox, mut outbound) = Outbox::channel();
            let metrics = WorkerMetrics::new(&Metrics::new());
            let leases = Leases::new(1, Duration::ZERO);
            let subscription = Subscription::new(Namespace::default(), Vec::new(), Vec::new());
            let stream = registry.join(subscription, |group| {
                Stream::new(String::new(), Namespace::default(), outbox, group, leases, metrics)
            });
            assert_eq!(stream.assign(Vec::new()), Ok(()));
            if closes {
                stream.close();
            } else {
                stream.drain(v1::Drain::default());
                let drain = outbound.next().await.unwrap().unwrap().message;
                assert_eq!(drain, Some(work_response::Message::Drain(v1::Drain::default())));
            }
            assert_eq!(stream.assign(Vec::new()), Err(Vec::new()));
        }
    }

    #[test]
    fn messages_stay_below_their_bound_unless_one_task_is_larger() {
        let of = |bytes: usize| v1::Assignment {
            task_id: "x".repeat(bytes),
            ..v1::Assignment::default()
        };
        let sizes: Vec<usize> = chunks(vec![of(10), of(2 << 20), of(2 << 20), of(4 << 20), of(10)])
            .iter()
            .map(Vec::len)
            .collect();
        assert_eq!(sizes, [2, 1, 1, 1]);
        assert!(chunks(Vec::new()).is_empty());
    }
}
