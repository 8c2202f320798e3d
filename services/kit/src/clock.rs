//! The one place that reads the wall clock.
//!
//! Wall time is for what people read (logs, ids, "started at"). It never decides who owns what: ownership is guarded by fences, and
//! deadlines that the store enforces use the store's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time since the Unix epoch. A clock set before 1970 reads as zero, because no caller could do anything better with an error.
#[must_use]
pub fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Milliseconds since the Unix epoch, the unit of the contract's identifiers.
#[must_use]
pub fn unix_millis() -> u64 {
    u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX)
}
