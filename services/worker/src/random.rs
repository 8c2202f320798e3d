//! Random numbers: secrets for leases, jitter for waits.

use std::time::Duration;

use tidemill_store::StoreError;

/// 128 bits that nobody can guess. Without them no lease may be granted.
pub(crate) fn bits() -> Result<[u8; 16], StoreError> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|error| StoreError::Unavailable(format!("no random numbers: {error}")))?;
    Ok(bits)
}

/// A number in [0, 1), for jitter only.
pub(crate) fn unit() -> f64 {
    getrandom::u64().map_or(0.5, |number| (number >> 11) as f64 / (1_u64 << 53) as f64)
}

/// The duration ± 20 %, so that processes that started together do not act together.
pub(crate) fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(0.8 + 0.4 * unit())
}

/// Full jitter below a growing bound: the wait before try `tries` (from 1).
pub(crate) fn backoff(tries: u32, first: Duration, most: Duration) -> Duration {
    let bound = first.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(most);
    bound.mul_f64(0.5 + 0.5 * unit())
}
