//! Times and durations of the contract.

use std::time::{Duration, SystemTime};

use prost_types::Timestamp;

/// Far beyond every limit of the contract, and far below what would overflow a clock.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// A span of time that can be added to any moment.
pub(crate) fn bounded(duration: Duration) -> Duration {
    duration.min(LONGEST)
}

/// Saturates far beyond every limit of the contract, so that the server names the limit instead of this crate.
pub(crate) fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

/// A duration that the server sent. A negative one counts as zero.
pub(crate) fn to_std(duration: &prost_types::Duration) -> Duration {
    bounded(Duration::try_from(*duration).unwrap_or_default())
}

/// A time that the server sent; `None` if it is absent or out of this platform's range.
pub(crate) fn time(time: Option<&Timestamp>) -> Option<SystemTime> {
    time.and_then(|time| SystemTime::try_from(*time).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_both_ways() {
        let span = Duration::from_millis(1_250);
        assert_eq!(to_std(&duration(span)), span);
        assert_eq!(to_std(&prost_types::Duration { seconds: -1, nanos: 0 }), Duration::ZERO);
        let second = Timestamp { seconds: 1, nanos: 0 };
        assert_eq!(
            time(Some(&second)),
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1))
        );
        assert_eq!(time(None), None);
    }
}
