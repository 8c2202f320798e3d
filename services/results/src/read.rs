//! Reading: with patience, because a store that is away for a moment ends no stream; and what a reading says.

use std::time::{Duration, Instant};

use tidemill_kit::status::ApiError;
use tidemill_model::{id::TaskId, record::Record};
use tidemill_store::{ReadRequest, Reading, Store, StoreError};

use crate::{
    error,
    log::{self, LogError},
};

/// How long a stream is kept while the store cannot be reached.
const PATIENCE: Duration = Duration::from_secs(10);
/// Upper bound of the first wait between two attempts; doubled each time up to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Reads a task. Tries again for a while if the store is away; a read changes nothing, so an unknown outcome is no obstacle.
pub(crate) async fn read_patiently(store: Store, request: ReadRequest) -> Result<Option<Reading>, StoreError> {
    let begun = Instant::now();
    let (mut backoff, longest) = BACKOFF;
    loop {
        match store.read(request.clone()).await {
            Err(StoreError::Unavailable(_) | StoreError::Unknown(_)) if begun.elapsed() < PATIENCE => {}
            answer => return answer,
        }
        tokio::time::sleep(jittered(backoff)).await;
        backoff = (backoff * 2).min(longest);
    }
}

/// Half of it and a random part of the other half: watchers that were cut off together do not come back together.
fn jittered(wait: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    wait.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

/// The events after `cursor` that a reading from there holds.
pub(crate) fn read_page(id: &TaskId, reading: &Reading, cursor: u32) -> Result<log::Page, ApiError> {
    let record = Record::parse(&reading.record, false).map_err(|error| error::damaged(id, &error))?;
    log::page(&record, &reading.entries, reading.more, cursor).map_err(|error| match error {
        LogError::Ahead(last) => error::sequence_ahead(id, last),
        LogError::Damaged(error) => error::damaged(id, &error),
    })
}
