//! Hints: what has changed, for those who wait. One blocking read for each shard and process. A hint is only a reason to look: after
//! [`Hint::Gap`] whoever waits must read the state again.

use std::{sync::Arc, time::Duration};

use redis::{Value, aio::MultiplexedConnection, streams::StreamReadReply};
use tidemill_kit::supervisor::{OnError, OnStop, Supervisor, TaskPolicy};
use tidemill_model::id::TaskId;
use tokio::sync::broadcast;

use crate::{
    error::StoreError,
    store::{Inner, Store},
};

/// One read waits this long; the wait has no cost.
const BLOCK: Duration = Duration::from_secs(15);
/// Entries of one read. A read that comes back full may have been overtaken by the trimming.
const COUNT: usize = 1_000;
/// Pause after a lost connection, so that a server that is away is not hammered.
const PAUSE: Duration = Duration::from_millis(200);

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// A task has an event with this number.
    Changed(TaskId, u32),
    /// A running task was asked to stop.
    StopRequested(TaskId),
    /// Some line that was empty has a ready task.
    Waiting,
    /// There is a deadline (Unix ms) sooner than those before.
    Deadline(u64),
    /// Hints may have been missed: read the state again.
    Gap,
}

/// Receives the hints of all shards in batches. A reader that lags behind gets a [`Hint::Gap`].
pub struct HintReader {
    channel: broadcast::Receiver<Arc<Vec<Hint>>>,
}

impl HintReader {
    /// The next batch. Never ends while the process lives; cancel-safe.
    pub async fn next(&mut self) -> Arc<Vec<Hint>> {
        match self.channel.recv().await {
            Ok(batch) => batch,
            Err(broadcast::error::RecvError::Lagged(_)) => Arc::new(vec![Hint::Gap]),
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Store {
    /// Subscribes. The first subscriber of a process starts the reading.
    pub fn hints(&self, supervisor: &Supervisor) -> HintReader {
        let channel = self.inner.hints.subscribe();
        if !self.inner.hints_started.swap(true, std::sync::atomic::Ordering::AcqRel) {
            for shard in 0..self.inner.shards {
                let inner = Arc::clone(&self.inner);
                let policy = TaskPolicy {
                    on_error: OnError::Shutdown,
                    on_stop: OnStop::Abort,
                };
                supervisor.spawn(policy, "hint reader", follow(inner, shard));
            }
        }
        HintReader { channel }
    }
}

async fn follow(inner: Arc<Inner>, shard: u16) {
    let key = inner.keys(shard).hints();
    let mut cursor = None;
    loop {
        if let Err(error) = read_on(&inner, &key, &mut cursor).await {
            tracing::warn!(%error, "hints interrupted; reconnecting");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Reads until the connection breaks. `cursor` is the id of the last entry seen.
async fn read_on(inner: &Inner, key: &str, cursor: &mut Option<String>) -> Result<(), StoreError> {
    let mut connection = inner.link.dedicated().await?;
    let sent = |error: redis::RedisError| StoreError::from_sent(&error);
    let from = newest(&mut connection, key).await.map_err(sent)?;
    // Whatever happened while we were away is made good by reading the state again, which a gap asks for.
    *cursor = Some(from);
    publish(inner, vec![Hint::Gap]);
    loop {
        let last = cursor.clone().unwrap_or_else(|| "0".into());
        let mut command = redis::cmd("XREAD");
        command
            .arg("COUNT")
            .arg(COUNT)
            .arg("BLOCK")
            .arg(BLOCK.as_millis() as u64)
            .arg("STREAMS")
            .arg(key)
            .arg(&last);
        let reply: Option<StreamReadReply> = command.query_async(&mut connection).await.map_err(sent)?;
        let entries: Vec<_> = reply.into_iter().flat_map(|r| r.keys).flat_map(|k| k.ids).collect();
        let mut hints = Vec::new();
        if entries.len() == COUNT {
            hints.push(Hint::Gap);
        }
        for entry in &entries {
            for (field, value) in &entry.map {
                decode(field, value, &mut hints);
            }
        }
        if let Some(entry) = entries.last() {
            *cursor = Some(entry.id.clone());
            publish(inner, hints);
        }
    }
}

async fn newest(connection: &mut MultiplexedConnection, key: &str) -> redis::RedisResult<String> {
    let last: Vec<(String, Value)> = redis::cmd("XREVRANGE")
        .arg(key)
        .arg("+")
        .arg("-")
        .arg("COUNT")
        .arg(1)
        .query_async(connection)
        .await?;
    Ok(last.into_iter().next().map_or_else(|| "0".into(), |(id, _)| id))
}

fn publish(inner: &Inner, hints: Vec<Hint>) {
    // Fails only while nobody listens.
    let _ = inner.hints.send(Arc::new(hints));
}

fn decode(field: &str, value: &Value, hints: &mut Vec<Hint>) {
    let Value::BulkString(bytes) = value else { return };
    match field {
        "c" => hints.extend(bytes.chunks_exact(20).filter_map(|entry| {
            let id = TaskId::from_slice(&entry[..16]).ok()?;
            Some(Hint::Changed(
                id,
                u32::from_be_bytes([entry[16], entry[17], entry[18], entry[19]]),
            ))
        })),
        "x" => hints.extend(
            bytes
                .chunks_exact(16)
                .filter_map(|id| TaskId::from_slice(id).ok().map(Hint::StopRequested)),
        ),
        "q" => hints.push(Hint::Waiting),
        "d" => hints.extend(
            std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.parse().ok())
                .map(Hint::Deadline),
        ),
        // A newer release may say more; it can only be a reason to look.
        _ => {}
    }
}
