//! When a failed task is tried again.

/// How often and how fast a failed task is tried again. All values are within their limits (see the contract).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included: 1 to 100.
    pub max_attempts: u8,
    /// Backoff after the first failure, in milliseconds: at least 1.
    pub initial_backoff_ms: u64,
    /// Upper bound of the backoff, in milliseconds.
    pub max_backoff_ms: u64,
    /// Growth from one failure to the next: 1 to 100.
    pub multiplier: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 4,
            initial_backoff_ms: 1_000,
            max_backoff_ms: 600_000,
            multiplier: 2.0,
        }
    }
}

impl RetryPolicy {
    /// Upper bound of the wait after the `failures`-th failure (from 1), in milliseconds: `min(max, initial * multiplier^(failures-1))`.
    pub fn ceiling_ms(&self, failures: u32) -> u64 {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.initial_backoff_ms as f64 * self.multiplier.powi(exponent);
        // Also catches the infinity of a large exponent.
        if grown >= self.max_backoff_ms as f64 {
            self.max_backoff_ms
        } else {
            grown as u64
        }
    }

    /// The wait after the `failures`-th failure: full jitter, uniform between 0 and the ceiling. `unit` is a random number in [0, 1).
    /// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    pub fn backoff_ms(&self, failures: u32, unit: f64) -> u64 {
        (self.ceiling_ms(failures) as f64 * unit.clamp(0.0, 1.0)) as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::RetryPolicy;

    #[test]
    fn ceilings_of_the_default_policy() {
        let policy = RetryPolicy::default();
        let ceilings: Vec<u64> = [1, 2, 3, 10, 11, 100, u32::MAX]
            .iter()
            .map(|n| policy.ceiling_ms(*n))
            .collect();
        assert_eq!(ceilings, [1_000, 2_000, 4_000, 512_000, 600_000, 600_000, 600_000]);
    }

    proptest! {
        #[test]
        fn backoff_stays_below_its_ceiling_and_ceilings_never_fall(
            failures in 1u32..200, unit in 0.0f64..1.0, initial in 1u64..100_000, extra in 0u64..1_000_000, multiplier in 1.0f64..100.0
        ) {
            let policy = RetryPolicy { max_attempts: 100, initial_backoff_ms: initial, max_backoff_ms: initial + extra, multiplier };
            prop_assert!(policy.backoff_ms(failures, unit) <= policy.ceiling_ms(failures));
            prop_assert!(policy.ceiling_ms(failures) <= policy.ceiling_ms(failures + 1));
            prop_assert!(policy.ceiling_ms(failures) <= policy.max_backoff_ms);
            prop_assert_eq!(policy.backoff_ms(failures, 0.0), 0);
        }
    }
}
