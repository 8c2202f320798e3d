//! The streams of this process, grouped by what they subscribe to.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
};

use tidemill_model::op::{LeaseRequest, Line};
use tokio::sync::Notify;

use crate::{
    stream::Stream,
    subscription::{Subscription, rotated},
};

/// Lines of one lease call: bounds what the store's script has to look at.
const MAX_LINES: usize = 256;

/// Streams with the same subscription: whatever one of them could get, each could.
pub(crate) struct Group {
    pub(crate) subscription: Arc<Subscription>,
    /// The lines in portions of one lease call each.
    pub(crate) portions: Vec<Vec<Line>>,
    streams: Mutex<Vec<Arc<Stream>>>,
    /// There may be tasks for its credits.
    dirty: AtomicBool,
    free: AtomicI64,
    turn: AtomicUsize,
    wake: Arc<Notify>,
    unanswered: Mutex<Option<LeaseRequest>>,
}

impl Group {
    fn new(subscription: Arc<Subscription>, shards: u16, wake: Arc<Notify>) -> Self {
        let by_shard = subscription.lines_by_shard(shards);
        let portions = by_shard
            .iter()
            .flat_map(|lines| lines.chunks(MAX_LINES).map(<[Line]>::to_vec))
            .collect();
        Self {
            subscription,
            portions,
            streams: Mutex::default(),
            dirty: AtomicBool::new(false),
            free: AtomicI64::new(0),
            turn: AtomicUsize::new(0),
            wake,
            unanswered: Mutex::default(),
        }
    }

    /// Keeps a lease request whose answer was lost: it may have leased tasks, and only its repeat can name them. Otherwise their leases
    /// would expire and be counted as crashes.
    pub(crate) fn set_unanswered(&self, request: LeaseRequest) {
        *self.unanswered.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
    }

    /// The request to repeat before any other.
    pub(crate) fn take_unanswered(&self) -> Option<LeaseRequest> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Stream>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn streams(&self) -> Vec<Arc<Stream>> {
        self.lock().clone()
    }

    /// Credits that tasks may be leased for now.
    pub(crate) fn free(&self) -> u64 {
        self.lock().iter().map(|stream| u64::from(stream.free())).sum()
    }

    /// Has the dispatcher look for tasks.
    pub(crate) fn look(&self) {
        self.dirty.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Marks it for a look that is coming anyway, or takes the mark away. Answers whether it was marked.
    pub(crate) fn mark(&self, dirty: bool) -> bool {
        self.dirty.swap(dirty, Ordering::AcqRel)
    }

    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty.load(Ordering::Acquire)
    }

    /// A group that had free credits before is either about to be looked at, or waits for the bell: one credit more is no news.
    pub(crate) fn credits_gained(&self, gained: i64) {
        let before = self.free.fetch_add(gained, Ordering::AcqRel);
        if before <= 0 && gained > 0 {
            self.look();
        }
    }

    /// A start that moves on with each call.
    pub(crate) fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }
}

/// All groups.
pub(crate) struct Registry {
    groups: Mutex<HashMap<Arc<Subscription>, Arc<Group>>>,
    shards: u16,
    wake: Arc<Notify>,
    turn: AtomicUsize,
}

impl Registry {
    pub(crate) fn new(shards: u16) -> Self {
        Self {
            groups: Mutex::default(),
            shards,
            wake: Arc::default(),
            turn: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<Subscription>, Arc<Group>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the stream that `make` returns to the group of its subscription.
    pub(crate) fn join(&self, subscription: Subscription, make: impl FnOnce(Arc<Group>) -> Stream) -> Arc<Stream> {
        let subscription = Arc::new(subscription);
        let mut groups = self.lock();
        let group = groups.entry(Arc::clone(&subscription)).or_insert_with(|| {
            Arc::new(Group::new(
                Arc::clone(&subscription),
                self.shards,
                Arc::clone(&self.wake),
            ))
        });
        let stream = Arc::new(make(Arc::clone(group)));
        group.lock().push(Arc::clone(&stream));
        group.look();
        stream
    }

    /// Takes the stream out, and its group with the last one.
    pub(crate) fn leave(&self, stream: &Arc<Stream>) {
        let mut groups = self.lock();
        let mut streams = stream.group.lock();
        streams.retain(|other| !Arc::ptr_eq(other, stream));
        if streams.is_empty() {
            groups.remove(&stream.group.subscription);
        }
        drop(streams);
        self.wake.notify_one();
    }

    /// Every group, starting with another one each time.
    pub(crate) fn groups(&self) -> Vec<Arc<Group>> {
        let groups: Vec<_> = self.lock().values().cloned().collect();
        rotated(&groups, self.turn.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn group(&self, subscription: &Subscription) -> Option<Arc<Group>> {
        self.lock().get(subscription).cloned()
    }

    /// Returns when there is something to look for. Cancel-safe.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }
}
