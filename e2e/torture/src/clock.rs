//! The machine's wall clock: rig, handler processes and Redis write down times that are compared.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix ms.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "evidence of several processes on one machine")]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
