//! Random numbers that keep processes from doing things at the same moment, and pauses that grow.

use std::time::Duration;

/// The first pause after a failure, and the longest one.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A random number in [0, 1). Without a source of randomness it is 0, which spreads nothing and breaks nothing.
pub(crate) fn unit() -> f64 {
    let bits = getrandom::u64().unwrap_or_default() >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

/// A random part of a duration.
pub(crate) fn part_of(whole: Duration) -> Duration {
    whole.mul_f64(unit())
}

/// Pauses between attempts while the store is away: doubled each time, with jitter of a half.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    pub(crate) fn next(&mut self) -> Duration {
        let (first, longest) = BACKOFF;
        let pause = first.saturating_mul(1 << self.failures.min(10)).min(longest);
        self.failures = self.failures.saturating_add(1);
        pause / 2 + part_of(pause / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_start_again() {
        let mut backoff = Backoff::default();
        assert!((Duration::from_millis(50)..Duration::from_millis(100)).contains(&backoff.next()));
        let last = (0..40).map(|_| backoff.next()).last().unwrap();
        assert!((Duration::from_millis(2500)..Duration::from_secs(5)).contains(&last));
        backoff.reset();
        assert!(backoff.next() < Duration::from_millis(100));
    }
}
