//! What the gateway counts.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use tidemill_kit::{
    labels::{BoundedLabels, OTHER},
    metrics::Metrics,
    status::ApiError,
};
use tidemill_proto::v1::ErrorReason;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    queue: String,
    outcome: &'static str,
}

/// One set for each process. Cloning shares it.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    enqueued: Family<Labels, Counter>,
    pub(crate) labels: BoundedLabels,
}

impl Counts {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let this = Self {
            enqueued: Family::default(),
            labels: BoundedLabels::default(),
        };
        metrics.register(|r| {
            r.register(
                "tasks_enqueued",
                "Tasks that clients asked to store, by queue (the first 100, then other) and outcome: stored, deduplicated, or why not",
                this.enqueued.clone(),
            );
        });
        this
    }

    /// `queue`: of a valid request only, since a made-up name must not become a label.
    pub(crate) fn enqueued(&self, queue: Option<&str>, outcome: &'static str) {
        let queue = queue.map_or_else(|| OTHER.to_owned(), |queue| self.labels.of(queue));
        self.enqueued.get_or_create(&Labels { queue, outcome }).inc();
    }

    pub(crate) fn refused(&self, queue: Option<&str>, error: &ApiError) {
        let outcome = match error.reason() {
            ErrorReason::InvalidRequest => "invalid",
            ErrorReason::IdempotencyKeyReused => "key_reused",
            ErrorReason::QueueFull => "queue_full",
            ErrorReason::QueueBytesExceeded => "queue_bytes",
            ErrorReason::MemoryExhausted => "memory",
            ErrorReason::StoreUnavailable | ErrorReason::StoreChanged => "store_unavailable",
            ErrorReason::Draining => "draining",
            _ => "internal",
        };
        self.enqueued(queue, outcome);
    }
}
