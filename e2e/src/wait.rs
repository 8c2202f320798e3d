//! Waiting for something to become true.

use std::time::{Duration, Instant};

/// Longest wait of a test for anything that must happen: generous, because machines that run tests are busy.
pub const LIMIT: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(20);

/// Asks until there is an answer, and answers with it. Panics with `what` when the limit is over.
pub async fn until<T>(what: &str, limit: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(begun.elapsed() < limit, "after {limit:?} still not: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
