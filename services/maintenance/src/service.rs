//! Starting the loops.

use tidemill_kit::{grpc::ServerContext, supervisor::OnStop};
use tidemill_store::Store;

use crate::{Config, metrics::Counts, reconcile::Reconciler, tick::Ticker};

/// Maintenance of every shard of a store. Make one for each process: it registers its metrics. Cloning shares it.
#[derive(Clone)]
pub struct Service {
    config: Config,
    store: Store,
    context: ServerContext,
    counts: Counts,
}

impl Service {
    /// Does nothing until [`Service::start`].
    #[must_use]
    pub fn new(config: Config, store: Store, context: &ServerContext) -> Self {
        Self {
            config,
            store,
            context: context.clone(),
            counts: Counts::new(&context.metrics),
        }
    }

    /// Starts the loops in the background. They end by themselves when the shutdown begins, each after the step it is in.
    pub fn start(&self) {
        for shard in 0..self.store.shards() {
            let this = self.clone();
            let supervisor = &self.context.supervisor;
            supervisor.spawn_restarting(OnStop::Wait, "maintenance tick", move || {
                let ticker = Ticker::new(this.store.clone(), shard, this.config.kept_share, this.counts.clone());
                let hints = this.store.signals(&this.context.supervisor);
                ticker.run(hints, this.context.shutdown.clone())
            });
            let this = self.clone();
            supervisor.spawn_restarting(OnStop::Wait, "maintenance reconcile", move || {
                let interval = this.config.reconcile_interval.get();
                let reconciler = Reconciler::new(this.store.clone(), shard, interval, this.counts.clone());
                reconciler.run(this.context.shutdown.clone())
            });
        }
    }

    /// Nothing to hand over: what one process leaves, another does.
    pub async fn drain(&self) {}
}

#[cfg(test)]
mod tests;
