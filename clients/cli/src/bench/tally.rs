//! Figures as they come.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use tidemill_client::{Error as ClientError, TaskState};

use crate::error::exit_code;

/// Digits that a value keeps.
const DIGITS: u8 = 3;
/// In µs: what takes longer counts as an hour.
const LONGEST: u64 = 3_600_000_000;

/// Latencies in µs.
pub(super) struct Latencies(Option<Histogram<u64>>);

impl Default for Latencies {
    fn default() -> Self {
        // Fails only for digits beyond five. With bounds: one that grows by itself cuts off what does not fit yet.
        Self(Histogram::new_with_bounds(1, LONGEST, DIGITS).ok())
    }
}

impl Latencies {
    pub(super) fn record(&mut self, time: Duration, count: u64) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record_n(micros, count);
        }
    }

    /// Milliseconds below which this share of the values lies.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let micros = self
            .0
            .as_ref()
            .map_or(0, |histogram| histogram.value_at_quantile(share));
        micros as f64 / 1e3
    }

    pub(super) fn mean(&self) -> f64 {
        self.0.as_ref().map_or(0.0, |histogram| histogram.mean() / 1e3)
    }

    pub(super) fn max(&self) -> f64 {
        self.0.as_ref().map_or(0.0, |histogram| histogram.max() as f64 / 1e3)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(Histogram::is_empty)
    }
}

/// What was measured so far.
#[derive(Default)]
pub(super) struct Tally {
    /// Tasks that were stored.
    pub(super) stored: u64,
    /// Tasks with a result, by state.
    pub(super) finished: BTreeMap<String, u64>,
    /// Tasks or calls that went wrong, by where and why.
    pub(super) errors: BTreeMap<(&'static str, String), u64>,
    /// The highest exit code among them.
    pub(super) worst: u8,
    /// From the due time, or the call, to the acknowledgement.
    pub(super) enqueue: Latencies,
    /// From the same to the result on the watch.
    pub(super) result: Latencies,
}

impl Tally {
    /// Tasks of one call were stored, or refused one by one.
    pub(super) fn stored(&mut self, tasks: u64, time: Duration) {
        self.stored += tasks;
        self.enqueue.record(time, tasks);
    }

    pub(super) fn finished(&mut self, state: TaskState, time: Duration) {
        *self.finished.entry(state.to_string()).or_default() += 1;
        self.result.record(time, 1);
        if state != TaskState::Succeeded {
            self.worst = self.worst.max(1);
        }
    }

    pub(super) fn failed(&mut self, what: &'static str, error: &ClientError) {
        let reason = match error.reason_name() {
            "" => format!("{:?}", error.kind()),
            name => name.to_owned(),
        };
        *self.errors.entry((what, reason)).or_default() += 1;
        self.worst = self.worst.max(exit_code(error));
    }

    pub(super) fn finished_tasks(&self) -> u64 {
        self.finished.values().sum()
    }

    pub(super) fn failed_tasks(&self) -> u64 {
        self.errors.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_states_and_keeps_percentiles() {
        let mut tally = Tally::default();
        for millis in 1..=100 {
            tally.finished(TaskState::Succeeded, Duration::from_millis(millis));
        }
        assert_eq!((tally.finished_tasks(), tally.worst), (100, 0));
        assert!(
            (49.0..=51.0).contains(&tally.result.quantile(0.5)),
            "{}",
            tally.result.quantile(0.5)
        );
        assert!((99.0..=101.0).contains(&tally.result.max()));
        tally.finished(TaskState::Failed, Duration::from_millis(1));
        assert_eq!((tally.finished["FAILED"], tally.worst), (1, 1));
    }

    #[test]
    fn a_call_of_many_tasks_counts_for_each() {
        let mut tally = Tally::default();
        tally.stored(99, Duration::from_millis(1));
        tally.stored(1, Duration::from_millis(500));
        assert_eq!(tally.stored, 100);
        assert!(tally.enqueue.quantile(0.5) < 2.0 && tally.enqueue.quantile(0.995) > 400.0);
    }
}
