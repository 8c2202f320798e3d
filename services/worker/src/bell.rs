//! Sleeping until a line has work: one blocked call for all idle groups and long polls of the process.
//!
//! The call is made only while somebody idles: the dispatcher says for whom after it has found nothing. A group that becomes busy is
//! not taken out of a call under way, and a bell that comes for it is passed on; only more lines, or none at all, end the call early.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tidemill_model::{id::Namespace, op::Line};
use tokio::sync::{Notify, watch};

use crate::{
    random::{backoff, jittered},
    shared::Shared,
    subscription::Subscription,
};

/// A call that has not ended this long after its time hangs on a dead connection.
const OVERDUE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct State {
    /// Groups with free credits that found nothing.
    idle: Vec<Arc<Subscription>>,
    /// Long polls, by number.
    polls: HashMap<u64, Arc<Subscription>>,
    next_poll: u64,
    /// What the call under way waits for.
    waiting: Option<HashSet<Arc<Subscription>>>,
    /// The call under way was told to end.
    ending: bool,
    /// For whom a bell rang that the dispatcher has not seen yet.
    rung: HashSet<Arc<Subscription>>,
}

pub(crate) struct Bell {
    worker: String,
    state: Mutex<State>,
    changed: Notify,
    rings: watch::Sender<u64>,
    turn: AtomicUsize,
}

impl Bell {
    pub(crate) fn new() -> Self {
        let worker = uuid::Uuid::new_v4().to_string();
        Self {
            worker,
            state: Mutex::default(),
            changed: Notify::new(),
            rings: watch::Sender::new(0),
            turn: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The dispatcher has found nothing more for these.
    pub(crate) async fn wait_for(&self, shared: &Shared, idle: Vec<Arc<Subscription>>, any_stream: bool) {
        let end = {
            let mut state = self.lock();
            state.idle = idle;
            let unused = !any_stream && state.polls.is_empty();
            state.must_end(unused)
        };
        self.apply(shared, end).await;
    }

    /// Registers a long poll until the answer is dropped.
    pub(crate) async fn poll<'a>(&'a self, shared: &Shared, subscription: Arc<Subscription>) -> Poll<'a> {
        let (poll, end) = {
            let mut state = self.lock();
            state.next_poll += 1;
            let number = state.next_poll;
            state.polls.insert(number, subscription);
            (
                Poll {
                    bell: self,
                    number,
                    rings: self.rings.subscribe(),
                },
                state.must_end(false),
            )
        };
        self.apply(shared, end).await;
        poll
    }

    /// A start for the lines of a long poll that moves on with each call.
    pub(crate) fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn is_polled(&self, subscription: &Arc<Subscription>) -> bool {
        self.lock().polls.values().any(|polled| polled == subscription)
    }

    /// For whom bells rang since the last call.
    pub(crate) fn take_rung(&self) -> HashSet<Arc<Subscription>> {
        std::mem::take(&mut self.lock().rung)
    }

    async fn apply(&self, shared: &Shared, end_call: bool) {
        self.changed.notify_one();
        if end_call && let Err(error) = shared.store.ring_self(&self.worker).await {
            tracing::debug!(%error, "cannot end the wait for bells early");
        }
    }

    /// A call begins: what it waits for, or `None` if nobody idles.
    fn begin(&self) -> Option<(Namespace, Vec<Line>)> {
        let mut state = self.lock();
        let wanted: HashSet<_> = state.idle.iter().chain(state.polls.values()).cloned().collect();
        // Bells of one tenant can be waited for in one call; while there is one tenant there is no other.
        let namespace = wanted.iter().next()?.namespace.clone();
        let lines: BTreeSet<Line> = wanted
            .iter()
            .filter(|subscription| subscription.namespace == namespace)
            .flat_map(|one| one.lines())
            .collect();
        state.waiting = Some(wanted);
        state.ending = false;
        Some((namespace, lines.into_iter().collect()))
    }

    /// The call has ended. After a bell the dispatcher decides anew who idles: until then the groups wait for no other.
    fn end(&self, rung: bool) {
        let mut state = self.lock();
        let waiting = state.waiting.take().unwrap_or_default();
        if rung {
            state.idle.clear();
            state.rung.extend(waiting);
        }
    }
}

impl State {
    /// True if the call under way does not serve its purpose any more, and nobody has told it yet.
    fn must_end(&mut self, unused: bool) -> bool {
        let Some(waiting) = &self.waiting else { return false };
        let more = self
            .idle
            .iter()
            .chain(self.polls.values())
            .any(|wanted| !waiting.contains(wanted));
        let end = (more || unused) && !self.ending;
        self.ending |= end;
        end
    }
}

/// A long poll's ear.
pub(crate) struct Poll<'a> {
    bell: &'a Bell,
    number: u64,
    rings: watch::Receiver<u64>,
}

impl Poll<'_> {
    /// Returns after the next bell, or at once if one rang since the last call. Cancel-safe.
    pub(crate) async fn rung(&mut self) {
        // The sender is in the bell, which outlives this.
        let _ = self.rings.changed().await;
    }
}

impl Drop for Poll<'_> {
    fn drop(&mut self) {
        self.bell.lock().polls.remove(&self.number);
    }
}

/// Waits for bells until the draining begins.
pub(crate) async fn run(shared: Arc<Shared>) {
    tokio::select! {
        () = shared.draining.requested() => {}
        () = listen(&shared) => {}
    }
}

async fn listen(shared: &Shared) {
    let bell = &shared.bell;
    let (mut waiter, mut failures) = (shared.store.bell_waiter(&bell.worker), 0);
    loop {
        let Some((namespace, lines)) = bell.begin() else {
            bell.changed.notified().await;
            continue;
        };
        let longest = jittered(shared.config.poll_interval.get());
        let waited = tokio::time::timeout(longest + OVERDUE, waiter.wait(&namespace, &lines, longest)).await;
        let rung = matches!(waited, Ok(Ok(true)));
        bell.end(rung);
        match waited {
            Ok(Ok(_)) => failures = 0,
            other => {
                failures += 1;
                let pause = backoff(failures, Duration::from_millis(100), Duration::from_secs(5));
                match other {
                    Ok(Err(error)) => tracing::warn!(%error, ?pause, "cannot wait for bells"),
                    _ => tracing::warn!(?pause, "the wait for bells did not end; taking another connection"),
                }
                waiter = shared.store.bell_waiter(&bell.worker);
                tokio::time::sleep(pause).await;
            }
        }
        if rung {
            bell.rings.send_modify(|rings| *rings += 1);
            shared.registry.wake();
        }
    }
}
