//! Time: what is due is promoted, reaped, expired and purged. `run_once` is one step, `run` only decides when the next one is.

use std::time::Duration;

use tidemill_kit::shutdown::Shutdown;
use tidemill_model::op::Ticked;
use tidemill_store::{Hint, HintReader, Store, StoreError, TickRequest};
use tokio::time::{Instant, sleep_until};

use crate::{
    hold_off::{HoldOff, Observation},
    jitter::{Backoff, part_of, unit},
    metrics::Counts,
};

/// Longest sleep: hints may be lost, deadlines may not.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// Deadlines are met this much later at most, so that several processes do not all come at once.
const SPREAD: Duration = Duration::from_millis(20);
/// Pause between two steps whatever the deadlines say, so that a mistake in them cannot become a busy loop.
const SHORTEST_SLEEP: Duration = Duration::from_millis(5);
/// The store's clock is looked at before a step that reaps, unless it was within this time.
const PROBE_AFTER: Duration = Duration::from_millis(100);
/// Most tasks of each kind of work in one step.
const BOUND: u32 = 128;

/// Ticks one shard.
pub(crate) struct Ticker {
    store: Store,
    shard: u16,
    kept_share: f64,
    /// Known after the first answer.
    kept_limit: Option<u64>,
    hold_off: HoldOff,
    counts: Counts,
}

impl Ticker {
    pub(crate) fn new(store: Store, shard: u16, kept_share: f64, counts: Counts) -> Self {
        let hold_off = HoldOff::new(Instant::now(), store.connections());
        Self {
            store,
            shard,
            kept_share,
            kept_limit: None,
            hold_off,
            counts,
        }
    }

    /// One bounded step.
    pub(crate) async fn run_once(&mut self) -> Result<Ticked, StoreError> {
        let ticked = self.step().await;
        match &ticked {
            Ok(ticked) => {
                self.counts.count(ticked);
                if ticked.purged_failed + ticked.evicted > 0 {
                    let (dead_letters, evicted) = (ticked.purged_failed, ticked.evicted);
                    tracing::info!(
                        dead_letters,
                        evicted,
                        "purged dead letters whose retention is over, and finished tasks for space"
                    );
                }
            }
            Err(_) => {
                self.counts.failures.inc();
                self.hold_off.failed();
            }
        }
        ticked
    }

    async fn step(&mut self) -> Result<Ticked, StoreError> {
        let kept_bytes_limit = self.kept_limit().await?;
        // A step that reaps must not be the one that finds out that the clock has jumped.
        if !self
            .hold_off
            .is_fresh(Instant::now(), PROBE_AFTER, self.store.connections())
        {
            let sent = Instant::now();
            let server_ms = self.store.time_ms().await?;
            self.observe(sent, server_ms);
        }
        let sent = Instant::now();
        let request = TickRequest {
            reap: self.hold_off.may_reap(sent),
            random: unit(),
            bound: BOUND,
            kept_bytes_limit,
        };
        let ticked = self.store.tick(self.shard, request).await?;
        self.observe(sent, ticked.now_ms);
        Ok(ticked)
    }

    async fn kept_limit(&mut self) -> Result<u64, StoreError> {
        if let Some(known) = self.kept_limit {
            return Ok(known);
        }
        let (_, limit) = self.store.memory().await?;
        let limit = (limit as f64 * self.kept_share) as u64;
        // Each shard has its own account.
        Ok(*self.kept_limit.insert(limit / u64::from(self.store.shards().max(1))))
    }

    fn observe(&mut self, sent: Instant, server_ms: u64) {
        let seen = Observation {
            sent,
            received: Instant::now(),
            server_ms,
            connections: self.store.connections(),
        };
        if self.hold_off.observe(seen) {
            self.counts.hold_offs.inc();
            tracing::warn!(
                shard = self.shard,
                "the store was away or its clock jumped: not reaping for 2 s, so that live workers renew their leases first"
            );
        }
    }

    /// Steps until the shutdown.
    pub(crate) async fn run(mut self, mut hints: HintReader, shutdown: Shutdown) {
        let mut backoff = Backoff::default();
        while !shutdown.is_requested() {
            let wake = match self.run_once().await {
                Ok(ticked) => {
                    backoff.reset();
                    self.next_step(&ticked)
                }
                Err(error) => {
                    tracing::warn!(%error, shard = self.shard, "maintenance cannot reach the store");
                    Instant::now() + backoff.next()
                }
            };
            self.sleep(wake, &mut hints, &shutdown).await;
        }
    }

    fn next_step(&self, ticked: &Ticked) -> Instant {
        let now = Instant::now();
        if ticked.more {
            return now;
        }
        let latest = now + LONGEST_SLEEP.mul_f64(1.0 - unit() / 10.0);
        let deadline = (ticked.next_ms > 0)
            .then(|| self.hold_off.local(ticked.next_ms))
            .flatten();
        [deadline.map(|at| at + part_of(SPREAD)), self.hold_off.ends(now)]
            .into_iter()
            .flatten()
            .fold(latest, Instant::min)
            .max(now + SHORTEST_SLEEP)
    }

    /// Until `wake`, or earlier if a hint says so.
    async fn sleep(&self, mut wake: Instant, hints: &mut HintReader, shutdown: &Shutdown) {
        loop {
            tokio::select! {
                () = sleep_until(wake) => return,
                () = shutdown.requested() => return,
                batch = hints.next() => {
                    for hint in batch.iter() {
                        wake = wake.min(self.woken_by(*hint).unwrap_or(wake));
                    }
                }
            }
        }
    }

    fn woken_by(&self, hint: Hint) -> Option<Instant> {
        match hint {
            Hint::Deadline(at_ms) => Some(self.hold_off.local(at_ms)? + part_of(SPREAD)),
            Hint::Gap => Some(Instant::now() + part_of(SPREAD)),
            Hint::Event(..) | Hint::Changed(..) | Hint::StopRequested(_) | Hint::Waiting => None,
        }
    }
}

#[cfg(test)]
mod tests;
