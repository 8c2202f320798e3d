//! The store: one method for each transition. Methods of one kind that run at the same time share a script call.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use bytes::Bytes;
use redis::Value;
use tidemill_kit::supervisor::Supervisor;
use tidemill_model::{
    id::{LeaseToken, Namespace, TaskId},
    op::{Cancelled, Enqueued, Heartbeat, LeaseRequest, Leased, NewTask, Renewal, Reported, Rules, Settle, Settlement},
    record::Header,
    wire::{LogEntry, LogKind},
};

use crate::{
    batchers::Batchers,
    config::Durability,
    entry::{self, CancelEntry, ReportEntry, SettleEntry},
    error::StoreError,
    hints::Channel,
    keys::Keys,
    link::Link,
    memory::Gauge,
    metrics::StoreMetrics,
    reply::{self, CROSSED, Fields},
    scripts::{Call, Script, Scripts},
};

pub(crate) struct Inner {
    pub(crate) link: Arc<Link>,
    pub(crate) scripts: Scripts,
    pub(crate) store_id: String,
    pub(crate) shards: u16,
    pub(crate) rules: Rules,
    pub(crate) memory_limit: u64,
    pub(crate) durability: Durability,
    pub(crate) gauge: Gauge,
    /// Not set: nobody measures.
    pub(crate) metrics: OnceLock<StoreMetrics>,
    pub(crate) events: Channel,
    pub(crate) signals: Channel,
    prefix: String,
    rules_text: String,
}

/// What one reader of a task wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRequest {
    /// Tenant of the reader; a task of another one is not found.
    pub namespace: Namespace,
    /// The task.
    pub id: TaskId,
    /// With the input and labels, or without.
    pub with_body: bool,
    /// Log entries after this number; `None`: no log.
    pub after: Option<u32>,
    /// Most log entries.
    pub most_entries: u32,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The record; without its body if that was not asked for.
    pub record: Bytes,
    /// Log entries after the cursor, oldest first.
    pub entries: Vec<LogEntry>,
    /// There may be more entries after these.
    pub more: bool,
}

/// A connected store. Cheap to clone. Every mutating method is safe to repeat after [`StoreError::Unknown`].
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
    batchers: Arc<Vec<Batchers>>,
}

impl Inner {
    pub(crate) fn new(
        link: Arc<Link>,
        prefix: &str,
        shards: u16,
        store_id: String,
        rules: Rules,
        memory_limit: u64,
        durability: Durability,
    ) -> Self {
        Self {
            link,
            scripts: Scripts::new(store_id.clone()),
            store_id,
            shards,
            rules,
            memory_limit,
            durability,
            gauge: Gauge::default(),
            metrics: OnceLock::new(),
            events: Channel::default(),
            signals: Channel::default(),
            prefix: prefix.to_owned(),
            rules_text: entry::rules_text(&rules),
        }
    }

    pub(crate) fn keys(&self, shard: u16) -> Keys {
        Keys::new(&self.prefix, shard)
    }

    /// A call of a script that takes the rules.
    pub(crate) fn call(&self, script: Script, shard: u16) -> Call {
        let mut call = self.scripts.call(script, &self.keys(shard).meta());
        call.arg(&self.rules_text);
        call
    }

    /// Runs a call. Answers which connection it went over, too.
    pub(crate) async fn run(&self, call: &Call) -> Result<(u64, Value), StoreError> {
        let begun = Instant::now();
        let result = self.scripts.run(&self.link, call).await;
        if let Some(metrics) = self.metrics.get() {
            metrics.called(call.script.name(), begun, &result);
        }
        result
    }

    /// Runs a call whose reply is one item for each entry.
    pub(crate) async fn run_entries<T, R>(
        &self,
        call: Call,
        entries: &[T],
        task: fn(&T) -> TaskId,
        read: fn(&mut Fields) -> Result<R, StoreError>,
    ) -> Result<Vec<Result<R, StoreError>>, StoreError> {
        if let Some(metrics) = self.metrics.get() {
            metrics.batch(call.script.name(), entries.len());
        }
        let (generation, value) = self.run(&call).await?;
        // What does not name the right task may be anybody's: all are in doubt. What cannot be read is the trouble of its own caller.
        let read_all = || {
            let items = reply::list(value)?;
            if items.len() != entries.len() {
                return Err(StoreError::Unknown(CROSSED.into()));
            }
            let pairs = entries.iter().zip(items);
            pairs
                .map(|(entry, item)| Ok(read(&mut Fields::echoing(item, &task(entry))?)))
                .collect()
        };
        let result: Result<Vec<Result<R, StoreError>>, StoreError> = read_all();
        if let Err(error) = &result {
            tracing::error!(%error, "a reply does not fit its call; dropping the connection");
            self.link.drop_connection(generation).await;
        }
        result
    }
}

impl Store {
    pub(crate) fn start(inner: Inner, supervisor: &Supervisor) -> Self {
        let inner = Arc::new(inner);
        let batchers = (0..inner.shards)
            .map(|shard| Batchers::start(&inner, supervisor, shard))
            .collect();
        Self {
            inner,
            batchers: Arc::new(batchers),
        }
    }

    fn batchers(&self, id: &TaskId) -> &Batchers {
        // `start` made one for each shard, and `shard` is below their number.
        &self.batchers[usize::from(id.shard(self.inner.shards))]
    }

    /// T0. Stores a task, or says why not.
    pub async fn enqueue(&self, task: impl Into<Arc<NewTask>>) -> Result<Enqueued, StoreError> {
        let task = task.into();
        let bytes = entry::size_of_task(&task);
        self.batchers(&task.id).enqueue.call(task, bytes).await
    }

    /// T2. Leases tasks of lines that share one shard. Repeats itself, with the same answer, when the outcome is unknown.
    pub async fn lease(&self, request: &LeaseRequest) -> Result<(Vec<Leased>, bool), StoreError> {
        let Some(line) = request.lines.first() else {
            return Ok((Vec::new(), false));
        };
        let shard = tidemill_model::id::route(&request.namespace, &line.queue) % self.inner.shards;
        let mut call = self.inner.call(Script::Lease, shard);
        entry::push_lease(&mut call, request);
        let (_, value) = match self.inner.run(&call).await {
            // The lost reply may have leased tasks; asking again names them instead of leaving them to expire as crashes.
            Err(StoreError::Unknown(_)) => self.inner.run(&call).await?,
            other => other?,
        };
        let mut fields = Fields::new(value)?;
        let more = fields.number()? == 1;
        let mut leased = Vec::new();
        while let Some(id) = fields.next() {
            let Value::BulkString(id) = id else {
                return Err(reply::unexpected("id of a lease"));
            };
            let task = TaskId::from_slice(&id).map_err(|_| reply::unexpected("id of a lease"))?;
            let record = fields.bytes()?;
            let header = Header::parse(&record).map_err(|e| StoreError::Internal(e.to_string()))?;
            leased.push(Leased {
                token: LeaseToken {
                    task,
                    fence: header.fence,
                    nonce: header.nonce,
                },
                record,
            });
        }
        Ok((leased, more))
    }

    /// T3. Renews a lease.
    pub async fn heartbeat(&self, heartbeat: Heartbeat) -> Result<Renewal, StoreError> {
        self.batchers(&heartbeat.token.task).heartbeat.call(heartbeat, 64).await
    }

    /// T4, T5, T7, T9. Ends an attempt.
    pub async fn settle(&self, token: LeaseToken, settle: Settle) -> Result<Settlement, StoreError> {
        let batchers = self.batchers(&token.task);
        let batcher = match settle {
            Settle::Complete { .. } | Settle::CompleteTooLarge { .. } => &batchers.complete,
            Settle::Fail { .. } => &batchers.fail,
            Settle::Release { .. } | Settle::Stop { .. } => &batchers.release,
        };
        let entry = SettleEntry { token, settle };
        let bytes = entry.size();
        batcher.call(entry, bytes).await
    }

    /// T8. Cancels a task; `outcome` is an encoded `StoredOutcome` that carries the reason.
    pub async fn cancel(&self, namespace: Namespace, id: TaskId, outcome: Bytes) -> Result<Cancelled, StoreError> {
        let bytes = outcome.len() + 64;
        self.batchers(&id)
            .cancel
            .call(CancelEntry { id, namespace, outcome }, bytes)
            .await
    }

    /// Appends progress (an encoded `Progress`) or a chunk (an encoded `OutputChunk`) to the task's log.
    pub async fn report(&self, token: LeaseToken, kind: LogKind, payload: Bytes) -> Result<Reported, StoreError> {
        let bytes = payload.len() + 64;
        self.batchers(&token.task)
            .report
            .call(ReportEntry { token, kind, payload }, bytes)
            .await
    }

    /// Reads a task; `None`: there is no such task in this namespace.
    pub async fn read(&self, request: ReadRequest) -> Result<Option<Reading>, StoreError> {
        self.batchers(&request.id).read.call(request, 64).await
    }

    /// The rules that this store was opened with.
    pub fn rules(&self) -> &Rules {
        &self.inner.rules
    }

    /// What an acknowledged call means.
    pub fn durability(&self) -> Durability {
        self.inner.durability
    }

    /// Identity of the store.
    pub fn store_id(&self) -> &str {
        &self.inner.store_id
    }

    /// Number of shards: a power of two.
    pub fn shards(&self) -> u16 {
        self.inner.shards
    }

    /// Connections made so far: a step means that the server was away.
    pub fn connections(&self) -> u64 {
        self.inner.link.connections()
    }
}
