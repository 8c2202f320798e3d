//! What this role counts.

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use tidemill_kit::metrics::Metrics;

#[derive(Debug, Clone, Default)]
pub(crate) struct WatchMetrics {
    pub(crate) streams: Gauge,
    pub(crate) tasks: Gauge,
    pub(crate) events: Counter,
    pub(crate) truncated: Counter,
}

impl WatchMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let all = Self::default();
        metrics.register(|r| {
            r.register(
                "watch_streams",
                "Open streams of WatchResult and WatchResults",
                all.streams.clone(),
            );
            r.register(
                "watched_tasks",
                "Tasks that streams and long polls wait for, each watcher counted",
                all.tasks.clone(),
            );
            r.register("watch_events", "Events handed out to watchers", all.events.clone());
            r.register(
                "watch_truncated",
                "Events that stood for a cut part of a log",
                all.truncated.clone(),
            );
        });
        all
    }
}
