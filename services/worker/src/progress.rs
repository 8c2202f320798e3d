//! Reports. Progress of one lease is stored at most twice a second, the latest wins; chunks are all stored.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tidemill_model::{
    id::LeaseToken,
    op::Reported,
    wire::{LogKind, Report},
};
use tidemill_store::{Store, StoreError};
use tokio::sync::Notify;

use crate::{settle::persist, shared::Shared};

/// Between two stored events of progress of a lease.
const SPACING: Duration = Duration::from_millis(500);
/// How often merged progress is looked at: it is stored at most this much later than it could.
const SWEEP: Duration = Duration::from_millis(100);

struct Slot {
    /// Begin of the last store, and what came since.
    state: Mutex<(Instant, Option<Bytes>)>,
    /// Held while progress is being stored, so that a settle waits for it.
    storing: tokio::sync::Mutex<()>,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, (Instant, Option<Bytes>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leases whose progress was stored within the last half second.
#[derive(Default)]
pub(crate) struct Progress {
    slots: Mutex<HashMap<LeaseToken, Arc<Slot>>>,
    added: Notify,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// The store's answer.
    Answer(Reported),
    /// Kept for later; something newer may take its place.
    Merged,
}

async fn store_progress(store: &Store, token: LeaseToken, payload: Bytes) -> Result<Reported, StoreError> {
    // Progress twice is harmless.
    persist(store, true, || store.report(token, LogKind::Progress, payload.clone())).await
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, HashMap<LeaseToken, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores a report, or keeps it for later.
    pub(crate) async fn report(&self, store: &Store, report: Report) -> Result<Told, StoreError> {
        let token = report.token;
        if report.kind == LogKind::Chunk {
            // A chunk twice is not harmless: one that may be stored is not stored again.
            let stored = persist(store, false, || {
                store.report(token, report.kind, report.payload.clone())
            })
            .await;
            return stored.map(Told::Answer);
        }
        let Some(slot) = self.first_or_merge(token, &report.payload) else {
            return Ok(Told::Merged);
        };
        let _storing = slot.storing.lock().await;
        store_progress(store, token, report.payload).await.map(Told::Answer)
    }

    /// The slot if this progress is to be stored now.
    fn first_or_merge(&self, token: LeaseToken, payload: &Bytes) -> Option<Arc<Slot>> {
        let mut slots = self.lock();
        if let Some(slot) = slots.get(&token) {
            let mut state = slot.lock();
            if state.1.is_some() || state.0.elapsed() < SPACING || slot.storing.try_lock().is_err() {
                state.1 = Some(payload.clone());
                return None;
            }
            state.0 = Instant::now();
            drop(state);
            return Some(Arc::clone(slot));
        }
        let slot = Arc::new(Slot {
            state: Mutex::new((Instant::now(), None)),
            storing: tokio::sync::Mutex::default(),
        });
        slots.insert(token, Arc::clone(&slot));
        self.added.notify_one();
        Some(slot)
    }

    /// Stores what was kept of a lease that is about to end. An error is the settle's to find out.
    pub(crate) async fn flush(&self, store: &Store, token: &LeaseToken) {
        let Some(slot) = self.lock().remove(token) else { return };
        let _storing = slot.storing.lock().await;
        let kept = slot.lock().1.take();
        if let Some(payload) = kept
            && let Err(error) = store_progress(store, *token, payload).await
        {
            tracing::debug!(task = %token.task, %error, "the last progress was not stored");
        }
    }

    /// Forgets what is old; answers what is due.
    fn sweep(&self) -> Vec<(LeaseToken, Arc<Slot>)> {
        let mut due = Vec::new();
        self.lock().retain(|token, slot| {
            let state = slot.lock();
            let spaced = state.0.elapsed() >= SPACING;
            if spaced && state.1.is_some() && slot.storing.try_lock().is_ok() {
                due.push((*token, Arc::clone(slot)));
            }
            !spaced || state.1.is_some() || slot.storing.try_lock().is_err()
        });
        due
    }
}

/// Stores kept progress when its time has come. Sleeps while there is none.
pub(crate) async fn run(shared: Arc<Shared>) {
    let progress = &shared.progress;
    loop {
        if progress.lock().is_empty() {
            progress.added.notified().await;
        }
        tokio::time::sleep(SWEEP).await;
        for (token, slot) in progress.sweep() {
            let store = shared.store.clone();
            shared.supervisor.spawn_detached("store progress", async move {
                let _storing = slot.storing.lock().await;
                let kept = {
                    let mut state = slot.lock();
                    state.0 = Instant::now();
                    state.1.take()
                };
                if let Some(payload) = kept
                    && let Err(error) = store_progress(&store, token, payload).await
                {
                    tracing::debug!(task = %token.task, %error, "progress was not stored");
                }
            });
        }
    }
}
