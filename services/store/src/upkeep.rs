//! Maintenance of a shard: ticks, reconciling, and who does it.

use std::time::Duration;

use redis::Value;
use tidemill_model::{
    id::TaskId,
    op::Ticked,
    wire::{outcome_attempts_exhausted, outcome_crash_limit, outcome_lease_expired},
};

use crate::{
    error::StoreError,
    reply::{self, Fields},
    scripts::Script,
    store::Store,
};

/// One step of maintenance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TickRequest {
    /// False during a hold-off: expired leases are left alone.
    pub reap: bool,
    /// A random number in [0, 1) that spreads reaped tasks.
    pub random: f64,
    /// Most tasks of each kind of work: 1 to 128.
    pub bound: u32,
    /// Bytes that finished tasks may take; above it the oldest SUCCEEDED ones go. 0: no limit.
    pub kept_bytes_limit: u64,
}

/// A page of suspicious tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconcileStep {
    /// Pass it to the next call; 0: the pass is over.
    pub cursor: u64,
    /// Tasks whose index disagreed with their record.
    pub suspicious: Vec<TaskId>,
}

impl Store {
    /// T1, T6, T11, T13. One bounded step.
    pub async fn tick(&self, shard: u16, request: TickRequest) -> Result<Ticked, StoreError> {
        let mut call = self.inner.call(Script::Tick, shard);
        call.arg(u8::from(request.reap))
            .arg(request.random)
            .arg(request.bound.clamp(1, 128))
            .arg(outcome_lease_expired().as_ref())
            .arg(outcome_crash_limit(self.inner.rules.crash_limit).as_ref())
            .arg(outcome_attempts_exhausted().as_ref())
            .arg(request.kept_bytes_limit);
        let (_, value) = self.inner.run(&call).await?;
        let mut f = Fields::new(value)?;
        Ok(Ticked {
            promoted: f.small()?,
            reaped: f.small()?,
            crashed_out: f.small()?,
            expired: f.small()?,
            stopped: f.small()?,
            purged: f.small()?,
            purged_failed: f.small()?,
            evicted: f.small()?,
            next_ms: f.number()?,
            now_ms: f.number()?,
            more: f.number()? == 1,
        })
    }

    /// T12. Looks at about `count` keys from `cursor` on. Writes nothing.
    pub async fn reconcile_scan(&self, shard: u16, cursor: u64, count: u32) -> Result<ReconcileStep, StoreError> {
        let mut call = self.inner.call(Script::Reconcile, shard);
        call.arg("scan").arg(cursor).arg(count);
        let (_, value) = self.inner.run(&call).await?;
        let mut fields = Fields::new(value)?;
        let cursor = fields.number()?;
        let suspicious = task_ids(&mut fields)?;
        Ok(ReconcileStep { cursor, suspicious })
    }

    /// T12. Mends the indexes of those tasks that still need it, and answers which. At most 128 at a time.
    pub async fn reconcile_mend(&self, shard: u16, ids: &[TaskId]) -> Result<Vec<TaskId>, StoreError> {
        let mut call = self.inner.call(Script::Reconcile, shard);
        call.arg("mend");
        for id in ids {
            call.arg(id.as_bytes().as_slice());
        }
        let (_, value) = self.inner.run(&call).await?;
        task_ids(&mut Fields::new(value)?)
    }

    /// True for one caller in each `interval`, whichever asks first: passes over the whole store need not be made by everybody.
    pub async fn claim_pass(&self, shard: u16, interval: Duration) -> Result<bool, StoreError> {
        let mut command = redis::cmd("SET");
        command
            .arg(self.inner.keys(shard).pass())
            .arg(1)
            .arg("NX")
            .arg("PX")
            .arg(interval.as_millis() as u64);
        Ok(self.inner.link.query::<Option<String>>(&command).await?.is_some())
    }

    /// The server's clock in Unix ms.
    pub async fn time_ms(&self) -> Result<u64, StoreError> {
        let (seconds, micros): (u64, u64) = self.inner.link.query(&redis::cmd("TIME")).await?;
        Ok(seconds * 1_000 + micros / 1_000)
    }
}

fn task_ids(fields: &mut Fields) -> Result<Vec<TaskId>, StoreError> {
    let mut ids = Vec::new();
    while let Some(id) = fields.next() {
        let Value::BulkString(id) = id else {
            return Err(reply::unexpected("id"));
        };
        ids.push(TaskId::from_slice(&id).map_err(|_| reply::unexpected("id"))?);
    }
    Ok(ids)
}
