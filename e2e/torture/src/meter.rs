//! How much load there is, and how long it takes until calls succeed again.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// A run whose load was lower than this before a fault proves nothing: acknowledged tasks a second.
pub const LEAST_LOAD: f64 = 300.0;
/// The load is looked at over this long.
const WINDOW: Duration = Duration::from_secs(1);

/// Counts what was acknowledged.
#[derive(Debug, Default)]
pub struct Meter {
    acknowledged: AtomicU64,
    unknown: AtomicU64,
    not_applied: AtomicU64,
    recent: Mutex<VecDeque<(Instant, u32)>>,
    stopped: AtomicBool,
    closed: AtomicBool,
}

impl Meter {
    /// So many new tasks were acknowledged by one answer.
    pub fn acknowledge(&self, count: u32) {
        self.acknowledged.fetch_add(u64::from(count), Ordering::Relaxed);
        let now = Instant::now();
        let mut recent = self.recent.lock().expect("no panic while it is held");
        recent.push_back((now, count));
        while recent.front().is_some_and(|(at, _)| now - *at > 2 * WINDOW) {
            recent.pop_front();
        }
    }

    /// A try ended without a known outcome.
    pub fn unknown(&self) {
        self.unknown.fetch_add(1, Ordering::Relaxed);
    }

    /// A try was answered with "not applied".
    pub fn not_applied(&self) {
        self.not_applied.fetch_add(1, Ordering::Relaxed);
    }

    /// Acknowledged so far, tries of unknown outcome, tries not applied.
    #[must_use]
    pub fn counts(&self) -> [u64; 3] {
        [&self.acknowledged, &self.unknown, &self.not_applied].map(|count| count.load(Ordering::Relaxed))
    }

    /// Acknowledged in the last second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let now = Instant::now();
        let recent = self.recent.lock().expect("no panic while it is held");
        let within = recent.iter().filter(|(at, _)| now - *at <= WINDOW);
        within.map(|(_, count)| f64::from(*count)).sum::<f64>() / WINDOW.as_secs_f64()
    }

    /// Waits until the load is high enough for a fault to count. `false`: it never was, within this time, or the run is over.
    pub async fn wait_for_load(&self, limit: Duration) -> bool {
        let begun = Instant::now();
        while self.rate() < LEAST_LOAD {
            if begun.elapsed() > limit || self.is_stopped() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        !self.is_stopped()
    }

    /// Waits for the next acknowledgement after now; answers how long it took.
    pub async fn wait_for_next(&self, limit: Duration) -> Option<Duration> {
        let (begun, before) = (Instant::now(), self.counts()[0]);
        while self.counts()[0] == before {
            if begun.elapsed() > limit || self.is_stopped() {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Some(begun.elapsed())
    }

    /// No further faults and no new tasks.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether it was stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// The system may end.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Whether it was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}
