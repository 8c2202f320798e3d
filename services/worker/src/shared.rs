//! What the parts of the role share.

use std::{sync::atomic::AtomicUsize, time::Duration};

use tidemill_kit::{shutdown::Shutdown, supervisor::Supervisor, trace::Tracing};
use tidemill_model::wire::EnqueueDefaults;
use tidemill_store::Store;

use crate::{bell::Bell, config::Config, metrics::WorkerMetrics, progress::Progress, registry::Registry};

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) defaults: EnqueueDefaults,
    pub(crate) metrics: WorkerMetrics,
    pub(crate) tracing: Tracing,
    pub(crate) supervisor: Supervisor,
    /// Begins with the process's shutdown, or by [`crate::Service::drain`].
    pub(crate) draining: Shutdown,
    pub(crate) registry: Registry,
    pub(crate) bell: Bell,
    pub(crate) progress: Progress,
    /// Open streams, registered or not.
    pub(crate) streams: AtomicUsize,
}

impl Shared {
    pub(crate) fn lease_ttl(&self) -> Duration {
        Duration::from_millis(self.store.rules().lease_ttl_ms)
    }

    pub(crate) fn ping_interval(&self) -> Duration {
        let set = self.config.ping_interval.get();
        let interval = if set.is_zero() { self.lease_ttl() / 3 } else { set };
        interval.max(Duration::from_millis(10))
    }

    pub(crate) fn timeout_grace(&self) -> Duration {
        Duration::from_millis(self.store.rules().timeout_grace_ms)
    }
}
