//! What maintenance counts.

use prometheus_client::metrics::{counter::Counter, family::Family};
use tidemill_kit::metrics::Metrics;
use tidemill_model::op::Ticked;

type Action = [(&'static str, &'static str); 1];

/// One set for each process.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    tasks: Family<Action, Counter>,
    pub(crate) reconciled: Counter,
    pub(crate) hold_offs: Counter,
    pub(crate) failures: Counter,
}

impl Counts {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let this = Self {
            tasks: Family::default(),
            reconciled: Counter::default(),
            hold_offs: Counter::default(),
            failures: Counter::default(),
        };
        // From the start, so that a rate has a zero to begin with.
        this.count(&Ticked::default());
        metrics.register(|r| {
            r.register(
                "maintenance_tasks",
                "Tasks that maintenance moved on: promoted (due), reaped (lease expired, tried again), crashed_out (lease expired, \
                 FAILED), expired, stopped (asked to stop, or ended after that), purged (retention over), purged_failed (those of them that were dead letters), evicted (for space)",
                this.tasks.clone(),
            );
            r.register(
                "reconciled",
                "Tasks whose indexes disagreed with their record twice and were mended; above 0 is a bug or lost data: look at the log",
                this.reconciled.clone(),
            );
            r.register(
                "maintenance_hold_offs",
                "Times that reaping waited because the store was away or its clock jumped",
                this.hold_offs.clone(),
            );
            r.register(
                "maintenance_failures",
                "Steps of maintenance that the store did not answer",
                this.failures.clone(),
            );
        });
        this
    }

    pub(crate) fn count(&self, ticked: &Ticked) {
        for (action, tasks) in [
            ("promoted", ticked.promoted),
            ("reaped", ticked.reaped),
            ("crashed_out", ticked.crashed_out),
            ("expired", ticked.expired),
            ("stopped", ticked.stopped),
            ("purged", ticked.purged),
            ("purged_failed", ticked.purged_failed),
            ("evicted", ticked.evicted),
        ] {
            self.tasks.get_or_create(&[("action", action)]).inc_by(tasks.into());
        }
    }
}
