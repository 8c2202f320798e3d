//! Bells: an idle worker sleeps until one of its lines has work. A bell wakes one of those who wait for a line; whoever leaves work
//! behind passes it on (`lease.lua`).

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tidemill_model::{id::Namespace, op::Line};

use crate::{error::StoreError, store::Store};

/// Waits on a connection of its own. Ring it from the process's other futures with [`Store::ring_self`] when the lines have changed.
pub struct BellWaiter {
    store: Store,
    own: String,
    connection: Option<MultiplexedConnection>,
}

impl Store {
    /// A waiter named `worker`, unique among all processes.
    pub fn bell_waiter(&self, worker: &str) -> BellWaiter {
        BellWaiter {
            store: self.clone(),
            own: worker.to_owned(),
            connection: None,
        }
    }

    /// Wakes the waiter named `worker`.
    pub async fn ring_self(&self, worker: &str) -> Result<(), StoreError> {
        let key = self.inner.keys(0).own_bell(worker);
        let mut pipeline = redis::pipe();
        pipeline.cmd("RPUSH").arg(&key).arg(1).ignore();
        // A worker that dies leaves its bell behind.
        pipeline.cmd("EXPIRE").arg(&key).arg(60).ignore();
        self.inner.link.run_all(&pipeline).await
    }
}

impl BellWaiter {
    /// Sleeps until a bell of `lines` on this shard rings, the own one does, or the time is over (then `false`). Not cancel-safe: a bell
    /// taken by a dropped call is lost until the next look.
    pub async fn wait(&mut self, namespace: &Namespace, lines: &[Line], timeout: Duration) -> Result<bool, StoreError> {
        // The bells of all lines are on one shard while there is one shard; more shards mean one waiter for each.
        let keys = self.store.inner.keys(0);
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.store.inner.link.dedicated().await?,
        };
        let mut command = redis::cmd("BLPOP");
        command.arg(keys.own_bell(&self.own));
        for line in lines {
            command.arg(keys.bell(namespace.as_str(), line.queue.as_str(), line.kind.as_str()));
        }
        command.arg(timeout.as_secs_f64());
        let rung: Option<(String, String)> = command
            .query_async(&mut connection)
            .await
            .map_err(|error| StoreError::from_sent(&error))?;
        self.connection = Some(connection);
        Ok(rung.is_some())
    }
}
