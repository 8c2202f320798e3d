//! What is under way, and the streams that tell of its end.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tidemill_client::{Client, EventKind, WatchMany, Watches};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit},
    task::JoinSet,
    time::Instant,
};

use super::tally::Tally;

/// One stream takes 10,000 tasks.
const STREAMS: usize = 4;

/// A task that was stored and has no result yet.
struct Pending {
    due: Instant,
    /// The place of its call in the loop; free when all tasks of the call are gone.
    _place: Arc<OwnedSemaphorePermit>,
}

/// Shared by all who send and all who listen.
pub(super) struct Ledger {
    state: Mutex<State>,
    emptied: Notify,
    /// Empty: nobody watches.
    watches: Vec<Watches>,
    next: AtomicUsize,
}

#[derive(Default)]
struct State {
    pending: HashMap<String, Pending>,
    tally: Tally,
}

impl Ledger {
    /// Opens the streams. They end when the answer's second part is dropped.
    pub(super) fn start(client: &Client, watch: bool) -> (Arc<Self>, JoinSet<()>) {
        let streams = if watch { STREAMS } else { 0 };
        let (watches, streams): (Vec<_>, Vec<_>) = (0..streams).map(|_| client.watch_many()).unzip();
        let ledger = Arc::new(Self {
            state: Mutex::default(),
            emptied: Notify::new(),
            watches,
            next: AtomicUsize::new(0),
        });
        let mut listening = JoinSet::new();
        for stream in streams {
            listening.spawn(listen(Arc::clone(&ledger), stream));
        }
        (ledger, listening)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at or adds to the figures.
    pub(super) fn tally<R>(&self, look: impl FnOnce(&mut Tally) -> R) -> R {
        look(&mut self.lock().tally)
    }

    /// A task was stored: its result is waited for, if results are.
    pub(super) fn stored(&self, task_id: String, due: Instant, place: &Arc<OwnedSemaphorePermit>) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(watches) = self.watches.get(turn % self.watches.len().max(1)) else {
            return;
        };
        let pending = Pending {
            due,
            _place: Arc::clone(place),
        };
        self.lock().pending.insert(task_id.clone(), pending);
        watches.add(task_id, 0);
    }

    /// Returns when nothing is waited for.
    pub(super) async fn is_empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.lock().pending.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// Waits no longer: answers the tasks without a result.
    pub(super) fn take_left(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().pending).into_keys().collect()
    }

    fn ended(&self, task_id: &str, end: impl FnOnce(&mut Tally, Instant)) {
        let mut state = self.lock();
        if let Some(pending) = state.pending.remove(task_id) {
            end(&mut state.tally, pending.due);
        }
        if state.pending.is_empty() {
            self.emptied.notify_one();
        }
    }
}

async fn listen(ledger: Arc<Ledger>, mut stream: WatchMany) {
    while let Some(watched) = stream.next().await {
        match watched.event {
            Ok(event) => {
                if let EventKind::Result(result) = event.kind {
                    ledger.ended(&watched.task_id, |tally, due| {
                        tally.finished(result.state, due.elapsed())
                    });
                }
            }
            Err(error) => ledger.ended(&watched.task_id, |tally, _| tally.failed("watch", &error)),
        }
    }
}
