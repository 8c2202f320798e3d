//! Repair: indexes are derived from the records; where one disagrees twice, some seconds apart, it is mended and counted. None should.

use std::time::Duration;

use tidemill_kit::shutdown::Shutdown;
use tidemill_model::id::TaskId;
use tidemill_store::{Store, StoreError};
use tokio::time::{Instant, sleep};

use crate::{
    jitter::{Backoff, part_of},
    metrics::Counts,
};

/// About so many keys are looked at in one call.
const PAGE: u32 = 200;
/// Shortest pause between two pages.
const PAUSE: Duration = Duration::from_millis(3);
/// A pass takes at most one part in this of the store's time.
const DUTY: u32 = 10;
/// A task on its way from one index to the next looks wrong for a moment; after this long it must not.
const SECOND_LOOK: Duration = Duration::from_secs(5);
/// Most tasks remembered for the second look; the next pass finds the rest.
const MOST_SUSPICIOUS: usize = 10_000;
/// Most tasks mended in one call.
const MEND: usize = 128;

/// Reconciles one shard.
#[derive(Clone)]
pub(crate) struct Reconciler {
    pub(crate) store: Store,
    pub(crate) shard: u16,
    pub(crate) interval: Duration,
    pub(crate) second_look: Duration,
    pub(crate) counts: Counts,
}

impl Reconciler {
    pub(crate) fn new(store: Store, shard: u16, interval: Duration, counts: Counts) -> Self {
        Self {
            store,
            shard,
            interval,
            second_look: SECOND_LOOK,
            counts,
        }
    }

    /// One pass over the shard, unless another process makes it. Answers how many tasks were mended.
    pub(crate) async fn run_once(&self, shutdown: &Shutdown) -> Result<usize, StoreError> {
        if !self.store.claim_pass(self.shard, self.interval).await? {
            return Ok(0);
        }
        let suspicious = self.scan(shutdown).await?;
        if suspicious.is_empty() || !pause(self.second_look, shutdown).await {
            return Ok(0);
        }
        let mut mended = 0;
        for ids in suspicious.chunks(MEND) {
            let ids = self.store.reconcile_mend(self.shard, ids).await?;
            self.counts.reconciled.inc_by(ids.len() as u64);
            mended += ids.len();
            if let Some(first) = ids.first() {
                tracing::warn!(
                    shard = self.shard,
                    tasks = ids.len(),
                    %first,
                    "indexes disagreed with the records of tasks and were mended; this should not happen"
                );
            }
        }
        Ok(mended)
    }

    async fn scan(&self, shutdown: &Shutdown) -> Result<Vec<TaskId>, StoreError> {
        let (mut cursor, mut suspicious) = (0, Vec::new());
        loop {
            let begun = Instant::now();
            let step = self.store.reconcile_scan(self.shard, cursor, PAGE).await?;
            suspicious.extend(step.suspicious);
            cursor = step.cursor;
            if cursor == 0 || suspicious.len() >= MOST_SUSPICIOUS {
                break;
            }
            if !pause(PAUSE.max(begun.elapsed() * (DUTY - 1)), shutdown).await {
                break;
            }
        }
        suspicious.truncate(MOST_SUSPICIOUS);
        // A scan may name a key twice.
        suspicious.sort_unstable();
        suspicious.dedup();
        Ok(suspicious)
    }

    /// Passes until the shutdown.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        let mut backoff = Backoff::default();
        loop {
            let wait = match self.run_once(&shutdown).await {
                Ok(_) => {
                    backoff.reset();
                    self.interval + part_of(self.interval / 10)
                }
                Err(error) => {
                    self.counts.failures.inc();
                    tracing::debug!(%error, shard = self.shard, "a pass of the reconciler was cut short");
                    backoff.next().max(self.interval)
                }
            };
            if !pause(wait, &shutdown).await {
                return;
            }
        }
    }
}

/// False if the shutdown began meanwhile.
async fn pause(time: Duration, shutdown: &Shutdown) -> bool {
    tokio::select! {
        biased;
        () = shutdown.requested() => false,
        () = sleep(time) => true,
    }
}

#[cfg(test)]
mod tests;
