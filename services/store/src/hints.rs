//! Hints: what has changed, for those who wait. One blocking read for each shard and process. A hint is only a reason to look: after
//! [`Hint::Gap`] whoever waits must read the state again.
//!
//! They come in two streams, because a process that waits for one thing shall not wake for the other: every step of every task is in
//! `ev`, which only watchers follow; what concerns workers and maintenance is rare, and in `sg`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{Value, aio::MultiplexedConnection, streams::StreamReadReply};
use tidemill_kit::supervisor::{OnError, OnStop, Supervisor, TaskPolicy};
use tidemill_model::{
    id::TaskId,
    record::{EVENT_BYTES, StateEvent},
};
use tokio::sync::broadcast;

use crate::{
    error::StoreError,
    keys::Keys,
    store::{Inner, Store},
};

/// Batches of hints that a slow reader may be behind before it is told of a gap.
const BATCHES: usize = 1_024;
/// One read waits this long; the wait has no cost.
const BLOCK: Duration = Duration::from_secs(15);
/// Entries of one read. A read that comes back full may have been overtaken by the trimming.
const COUNT: usize = 1_000;
/// Pause after a lost connection, so that a server that is away is not hammered.
const PAUSE: Duration = Duration::from_millis(200);

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// A task has this state event.
    Event(TaskId, StateEvent),
    /// A task has a log entry with this number.
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

/// One of the two streams and those who follow it here.
pub(crate) struct Channel {
    sender: broadcast::Sender<Arc<Vec<Hint>>>,
    started: AtomicBool,
}

impl Default for Channel {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(BATCHES).0,
            started: AtomicBool::new(false),
        }
    }
}

impl Channel {
    fn publish(&self, hints: Vec<Hint>) {
        // Fails only while nobody listens.
        let _ = self.sender.send(Arc::new(hints));
    }
}

/// What a stream is called, and who follows it.
#[derive(Clone, Copy)]
struct Topic {
    name: &'static str,
    key: fn(&Keys) -> String,
    channel: fn(&Inner) -> &Channel,
}

const EVENTS: Topic = Topic {
    name: "event reader",
    key: Keys::events,
    channel: |inner| &inner.events,
};
const SIGNALS: Topic = Topic {
    name: "signal reader",
    key: Keys::signals,
    channel: |inner| &inner.signals,
};

impl Store {
    /// Subscribes to every step of every task: [`Hint::Event`] and [`Hint::Changed`]. The first subscriber of a process starts the reading.
    pub fn events(&self, supervisor: &Supervisor) -> HintReader {
        self.subscribe(EVENTS, supervisor)
    }

    /// Subscribes to everything else. The first subscriber of a process starts the reading.
    pub fn signals(&self, supervisor: &Supervisor) -> HintReader {
        self.subscribe(SIGNALS, supervisor)
    }

    fn subscribe(&self, topic: Topic, supervisor: &Supervisor) -> HintReader {
        let own = (topic.channel)(&self.inner);
        let channel = own.sender.subscribe();
        if !own.started.swap(true, Ordering::AcqRel) {
            for shard in 0..self.inner.shards {
                let inner = Arc::clone(&self.inner);
                let policy = TaskPolicy {
                    on_error: OnError::Shutdown,
                    on_stop: OnStop::Abort,
                };
                supervisor.spawn(policy, topic.name, follow(inner, topic, shard));
            }
        }
        HintReader { channel }
    }
}

async fn follow(inner: Arc<Inner>, topic: Topic, shard: u16) {
    let key = (topic.key)(&inner.keys(shard));
    let mut cursor = None;
    loop {
        if let Err(error) = read_on(&inner, (topic.channel)(&inner), &key, &mut cursor).await {
            tracing::warn!(%error, "hints interrupted; reconnecting");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Reads until the connection breaks. `cursor` is the id of the last entry seen.
async fn read_on(inner: &Inner, channel: &Channel, key: &str, cursor: &mut Option<String>) -> Result<(), StoreError> {
    let mut connection = inner.link.dedicated().await?;
    let sent = |error: redis::RedisError| StoreError::from_sent(&error);
    let from = newest(&mut connection, key).await.map_err(sent)?;
    // Whatever happened while we were away is made good by reading the state again, which a gap asks for.
    *cursor = Some(from);
    channel.publish(vec![Hint::Gap]);
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
            channel.publish(hints);
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

fn decode(field: &str, value: &Value, hints: &mut Vec<Hint>) {
    let Value::BulkString(bytes) = value else { return };
    match field {
        "e" => hints.extend(bytes.chunks_exact(16 + EVENT_BYTES).filter_map(|entry| {
            let (id, event) = entry.split_at(16);
            Some(Hint::Event(
                TaskId::from_slice(id).ok()?,
                StateEvent::parse(event).ok()?,
            ))
        })),
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
