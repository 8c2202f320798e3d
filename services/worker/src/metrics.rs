//! What this role counts. The label `queue` is a client's word, so it is bounded.

use std::time::Duration;

use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram};
use tidemill_kit::{
    labels::{BoundedLabels, OTHER},
    metrics::Metrics,
};
use tidemill_model::{id::Name, op::Settle, state::TaskState};

const BUCKETS: [f64; 13] = [
    0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0, 1_800.0, 3_600.0,
];

type Labels<const N: usize> = [(&'static str, String); N];

#[derive(Clone)]
pub(crate) struct WorkerMetrics {
    leased: Family<Labels<1>, Counter>,
    settled: Family<Labels<2>, Counter>,
    refused: Family<[(&'static str, &'static str); 1], Counter>,
    pub(crate) lease_lost: Counter,
    pub(crate) streams: Gauge,
    pub(crate) credits_free: Gauge,
    wait: Histogram,
    run: Histogram,
    queues: BoundedLabels,
}

impl WorkerMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let this = Self {
            leased: Family::default(),
            settled: Family::default(),
            refused: Family::default(),
            lease_lost: Counter::default(),
            streams: Gauge::default(),
            credits_free: Gauge::default(),
            wait: Histogram::new(BUCKETS),
            run: Histogram::new(BUCKETS),
            queues: BoundedLabels::default(),
        };
        metrics.register(|r| {
            r.register("tasks_leased", "Tasks leased, by queue", this.leased.clone());
            r.register(
                "tasks_settled",
                "Attempts ended by a handler, by queue and outcome: succeeded, retry, failed, released, cancelled, expired",
                this.settled.clone(),
            );
            r.register(
                "settles_refused",
                "Settles that did not count, by reason: lease_lost (the task was granted to another handler, or ended), store",
                this.refused.clone(),
            );
            r.register("lease_lost", "Leases found lost", this.lease_lost.clone());
            r.register("work_streams", "Open Work streams, the built-in one included", this.streams.clone());
            r.register("worker_credits_free", "Credits of all streams that hold no task", this.credits_free.clone());
            r.register("task_wait_seconds", "Time from the enqueue to each lease", this.wait.clone());
            r.register("task_run_seconds", "Time from a lease to its settle, leases of streams only", this.run.clone());
        });
        this
    }

    fn queue(&self, queue: Option<&Name>) -> String {
        queue.map_or_else(|| OTHER.to_owned(), |queue| self.queues.of(queue.as_str()))
    }

    /// A task was leased after it had waited this long.
    pub(crate) fn leased(&self, queue: &Name, waited: Duration) {
        self.leased.get_or_create(&[("queue", self.queue(Some(queue)))]).inc();
        self.wait.observe(waited.as_secs_f64());
    }

    /// A settle did not count.
    pub(crate) fn settle_refused(&self, reason: &'static str) {
        self.refused.get_or_create(&[("reason", reason)]).inc();
    }

    /// An attempt ended. Queue and run time are known of leases of streams only.
    pub(crate) fn settled(&self, queue: Option<&Name>, outcome: &'static str, ran: Option<Duration>) {
        self.settled
            .get_or_create(&[("queue", self.queue(queue)), ("outcome", outcome.to_owned())])
            .inc();
        if let Some(ran) = ran {
            self.run.observe(ran.as_secs_f64());
        }
    }
}

/// The label `outcome` of a settle that led to this state.
pub(crate) fn outcome(settle: &Settle, state: TaskState) -> &'static str {
    match (settle, state) {
        (_, TaskState::Cancelled) => "cancelled",
        (_, TaskState::Expired) => "expired",
        (_, TaskState::Failed) => "failed",
        (Settle::Complete { .. } | Settle::CompleteTooLarge { .. }, _) => "succeeded",
        (Settle::Fail { .. }, _) | (_, TaskState::Scheduled) => "retry",
        (Settle::Release { .. } | Settle::Stop { .. }, _) => "released",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_label_is_bounded() {
        let metrics = Metrics::new();
        let own = WorkerMetrics::new(&metrics);
        for number in 0..150 {
            own.leased(&Name::new(&format!("q{number}")).unwrap(), Duration::ZERO);
        }
        own.leased(&Name::new("q3").unwrap(), Duration::ZERO);
        let text = metrics.encode();
        assert!(text.contains("tidemill_tasks_leased_total{queue=\"q3\"} 2"), "{text}");
        assert!(
            text.contains("tidemill_tasks_leased_total{queue=\"other\"} 50"),
            "{text}"
        );
    }
}
