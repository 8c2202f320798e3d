use prost_types::{Duration, Timestamp};

const NANOS_PER_MS: i128 = 1_000_000;
const NANOS_PER_S: i128 = 1_000_000_000;
/// Largest seconds of a protobuf Duration: 10,000 years.
const DURATION_MAX_S: u64 = 315_576_000_000;
/// Seconds of the years 1 to 9999, the range of a protobuf Timestamp.
const TIMESTAMP_S: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Milliseconds as a protobuf Duration.
pub fn duration(ms: u64) -> Duration {
    Duration {
        seconds: (ms / 1_000) as i64,
        nanos: (ms % 1_000) as i32 * 1_000_000,
    }
}

/// Unix milliseconds as a protobuf Timestamp.
pub fn timestamp(unix_ms: u64) -> Timestamp {
    Timestamp {
        seconds: (unix_ms / 1_000) as i64,
        nanos: (unix_ms % 1_000) as i32 * 1_000_000,
    }
}

/// Nanoseconds of a well-formed Duration: nanos below a second, and of the same sign as the seconds.
pub(super) fn duration_nanos(value: &Duration) -> Option<i128> {
    let (seconds, nanos) = (value.seconds, value.nanos);
    let small = seconds.unsigned_abs() <= DURATION_MAX_S && i128::from(nanos.unsigned_abs()) < NANOS_PER_S;
    let one_sign = (seconds >= 0 || nanos <= 0) && (seconds <= 0 || nanos >= 0);
    (small && one_sign).then(|| i128::from(seconds) * NANOS_PER_S + i128::from(nanos))
}

/// Unix nanoseconds of a well-formed Timestamp.
pub(super) fn timestamp_nanos(value: &Timestamp) -> Option<i128> {
    let well_formed = TIMESTAMP_S.contains(&value.seconds) && (0..NANOS_PER_S).contains(&i128::from(value.nanos));
    well_formed.then(|| i128::from(value.seconds) * NANOS_PER_S + i128::from(value.nanos))
}

/// Whole milliseconds, rounded up, so that "not before" and "at least" hold; below zero is zero.
pub(super) fn ceil_ms(nanos: i128) -> u64 {
    let ms = nanos.max(0).saturating_add(NANOS_PER_MS - 1) / NANOS_PER_MS;
    u64::try_from(ms).unwrap_or(u64::MAX)
}

/// A range of durations, and how its limits are said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) min_ms: u64,
    pub(super) max_ms: u64,
    pub(super) text: &'static str,
}

impl Span {
    pub(super) fn contains(&self, nanos: i128) -> bool {
        (i128::from(self.min_ms) * NANOS_PER_MS..=i128::from(self.max_ms) * NANOS_PER_MS).contains(&nanos)
    }
}

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;

pub(super) const DELAY: Span = Span {
    min_ms: 0,
    max_ms: 365 * DAY,
    text: "0 to 365 days",
};
pub(super) const ATTEMPT_TIMEOUT: Span = Span {
    min_ms: SECOND,
    max_ms: 24 * HOUR,
    text: "1 s to 24 h",
};
pub(super) const EXPIRES_IN: Span = Span {
    min_ms: SECOND,
    max_ms: 365 * DAY,
    text: "1 s to 365 days",
};
pub(super) const RETENTION: Span = EXPIRES_IN;
pub(super) const INITIAL_BACKOFF: Span = Span {
    min_ms: 1,
    max_ms: 24 * HOUR,
    text: "1 ms to 24 h",
};
pub(super) const MAX_BACKOFF: Span = Span {
    min_ms: 1,
    max_ms: 7 * DAY,
    text: "1 ms to 7 days",
};
pub(super) const WAIT: Span = Span {
    min_ms: 0,
    max_ms: 60 * SECOND,
    text: "0 to 60 s",
};
pub(super) const RETRY_AFTER: Span = Span {
    min_ms: 0,
    max_ms: 7 * DAY,
    text: "0 to 7 days",
};
