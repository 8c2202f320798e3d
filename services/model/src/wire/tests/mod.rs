//! Each limit at the limit and one beyond it; all violations at once; the views.

mod enqueue;
mod idempotency;
mod outcome;
mod results;
mod settle;
mod view;
mod worker;

use prost_types::Duration;

use super::Violations;
use crate::id::{LeaseToken, TaskId};

pub(super) const NOW: u64 = 1_700_000_000_000;
pub(super) const DAY_S: i64 = 24 * 3_600;

pub(super) fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

pub(super) fn nanos(seconds: i64, nanos: i32) -> Option<Duration> {
    Some(Duration { seconds, nanos })
}

pub(super) fn token() -> LeaseToken {
    LeaseToken {
        task: TaskId::new(NOW, 7, 42),
        fence: 3,
        nonce: [9; 16],
    }
}

/// The fields that were found wrong.
pub(super) fn fields<T: std::fmt::Debug>(parsed: Result<T, Violations>) -> Vec<String> {
    let Violations(violations) = parsed.err().unwrap_or(Violations(Vec::new()));
    assert!(violations.iter().all(|violation| !violation.description.is_empty()));
    violations.into_iter().map(|violation| violation.field).collect()
}

/// The words about one field.
pub(super) fn words<T: std::fmt::Debug>(parsed: Result<T, Violations>, field: &str) -> String {
    let found = parsed
        .unwrap_err()
        .0
        .into_iter()
        .find(|violation| violation.field == field);
    found.unwrap().description
}
