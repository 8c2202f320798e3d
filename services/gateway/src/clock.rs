//! The store's time, without asking for it each time: ids carry it, and the age of a task is reckoned from its id.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tidemill_store::{Store, StoreError};

/// A reading is good for this long; our own monotonic clock carries it on. Nobody asks while nobody enqueues.
const FRESH: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: Mutex<Option<(Instant, u64)>>,
}

impl Clock {
    /// Unix ms. Decides nothing but the id of a task and whether a `run_at` is too far ahead.
    pub(crate) async fn now_ms(&self, store: &Store) -> Result<u64, StoreError> {
        let known = self.get();
        if let Some((at, ms)) = known {
            if at.elapsed() < FRESH {
                return Ok(carried_on(at, ms));
            }
            // Concurrent callers go on with the old reading while one of them fetches the new one.
            self.set(Instant::now(), carried_on(at, ms));
        }
        match (store.time_ms().await, known) {
            (Ok(ms), _) => {
                self.set(Instant::now(), ms);
                Ok(ms)
            }
            // The enqueue that follows will tell; the time is good enough.
            (Err(_), Some((at, ms))) => Ok(carried_on(at, ms)),
            (Err(error), None) => Err(error),
        }
    }

    fn get(&self) -> Option<(Instant, u64)> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, at: Instant, ms: u64) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, ms));
    }
}

fn carried_on(at: Instant, ms: u64) -> u64 {
    ms.saturating_add(u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX))
}
