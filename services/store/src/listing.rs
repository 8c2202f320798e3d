//! What an operator looks at: queues, their counters, their tasks.

use std::collections::HashMap;

use bytes::Bytes;
use redis::Value;
use tidemill_model::{
    id::{Name, Namespace, TaskId, route},
    state::TaskState,
};

use crate::{
    error::StoreError,
    reply::{self, Fields},
    scripts::Script,
    store::Store,
};

/// Counters of one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueCounters {
    /// Its name.
    pub queue: Name,
    /// Takes tasks in but leases none.
    pub paused: bool,
    /// Tasks by state, in the order of the states' numbers from 1.
    pub by_state: [u64; 7],
    /// Bytes of unfinished tasks.
    pub bytes: u64,
    /// Ready tasks by kind, by name.
    pub kinds: Vec<(Name, u64)>,
}

/// Ready tasks of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindCount {
    /// The kind.
    pub kind: Name,
    /// Its ready tasks.
    pub queued: u64,
    /// Id of the oldest in its lines, which tells its age; `None` if the line is empty but for tombstones.
    pub oldest: Option<TaskId>,
}

/// How much there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLoad {
    /// Nothing is leased until the pause ends.
    pub paused: bool,
    /// Tasks that are ready.
    pub queued: u64,
    /// Tasks that are leased.
    pub running: u64,
}

/// A page of queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuePage {
    /// By name.
    pub queues: Vec<QueueCounters>,
    /// Name to go on after; `None`: the end.
    pub next: Option<Name>,
}

/// A page of tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPage {
    /// Ids and records without bodies.
    pub tasks: Vec<(TaskId, Bytes)>,
    /// Where to go on; 0: the end.
    pub cursor: u64,
}

impl Store {
    /// Queues by name, after `after`.
    pub async fn queues(
        &self,
        namespace: &Namespace,
        after: Option<&Name>,
        size: usize,
    ) -> Result<QueuePage, StoreError> {
        let from = after.map_or_else(|| format!("[{namespace}/"), |name| format!("({namespace}/{name}"));
        // '0' follows '/' in ASCII: the end of the namespace's names.
        let to = format!("({namespace}0");
        let mut names = Vec::new();
        for shard in 0..self.inner.shards {
            let mut command = redis::cmd("ZRANGEBYLEX");
            command
                .arg(self.inner.keys(shard).names())
                .arg(&from)
                .arg(&to)
                .arg("LIMIT")
                .arg(0)
                .arg(size + 1);
            let found: Vec<String> = self.inner.link.query(&command).await?;
            names.extend(found.iter().filter_map(|line| Name::new(line.split_once('/')?.1).ok()));
        }
        names.sort();
        let more = names.len() > size;
        names.truncate(size);
        let queues = self.counters(namespace, &names).await?;
        Ok(QueuePage {
            next: if more { names.last().cloned() } else { None },
            queues,
        })
    }

    /// One queue; `None` if nothing was ever enqueued to it.
    pub async fn queue(
        &self,
        namespace: &Namespace,
        queue: &Name,
    ) -> Result<Option<(QueueCounters, Vec<KindCount>)>, StoreError> {
        let key = self
            .inner
            .keys(self.shard_of(namespace, queue))
            .queue(&format!("{namespace}/{queue}"));
        if !self.inner.link.query::<bool>(redis::cmd("EXISTS").arg(key)).await? {
            return Ok(None);
        }
        let Some(counters) = self.counters(namespace, std::slice::from_ref(queue)).await?.pop() else {
            return Ok(None);
        };
        let mut kinds = Vec::new();
        for (kind, queued) in &counters.kinds {
            let oldest = self.oldest(namespace, queue, kind).await?;
            kinds.push(KindCount {
                kind: kind.clone(),
                queued: *queued,
                oldest,
            });
        }
        Ok(Some((counters, kinds)))
    }

    /// A page of the tasks of a queue that are in this state.
    pub async fn list(
        &self,
        namespace: &Namespace,
        queue: &Name,
        state: TaskState,
        cursor: u64,
        size: usize,
    ) -> Result<TaskPage, StoreError> {
        let meta = self.inner.keys(self.shard_of(namespace, queue)).meta();
        let mut call = self.inner.scripts.call(Script::List, &meta);
        call.arg(format!("{namespace}/{queue}"))
            .arg(state as u8)
            .arg(cursor)
            .arg(size);
        let (_, value) = self.inner.run(&call).await?;
        let mut fields = Fields::new(value)?;
        let cursor = fields.number()?;
        let mut tasks = Vec::new();
        while let Some(id) = fields.next() {
            let Value::BulkString(id) = id else {
                return Err(reply::unexpected("id"));
            };
            tasks.push((
                TaskId::from_slice(&id).map_err(|_| reply::unexpected("id"))?,
                fields.bytes()?,
            ));
        }
        Ok(TaskPage { tasks, cursor })
    }

    /// What waits and runs in a queue, of one kind or of all. A queue that nothing was ever enqueued to has nothing.
    pub async fn load(
        &self,
        namespace: &Namespace,
        queue: &Name,
        kind: Option<&Name>,
    ) -> Result<QueueLoad, StoreError> {
        let key = self
            .inner
            .keys(self.shard_of(namespace, queue))
            .queue(&format!("{namespace}/{queue}"));
        let mut command = redis::cmd("HMGET");
        command.arg(key).arg("paused");
        match kind {
            Some(kind) => command.arg(format!("k:{kind}")).arg(format!("u:{kind}")),
            None => command.arg("queued").arg("running"),
        };
        let (paused, queued, running): (Option<String>, Option<i64>, Option<i64>) =
            self.inner.link.query(&command).await?;
        let number = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        Ok(QueueLoad {
            paused: paused.is_some(),
            queued: number(queued),
            running: number(running),
        })
    }

    fn shard_of(&self, namespace: &Namespace, queue: &Name) -> u16 {
        route(namespace, queue) % self.inner.shards
    }

    async fn counters(&self, namespace: &Namespace, names: &[Name]) -> Result<Vec<QueueCounters>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        for name in names {
            pipeline.cmd("HGETALL").arg(
                self.inner
                    .keys(self.shard_of(namespace, name))
                    .queue(&format!("{namespace}/{name}")),
            );
        }
        let all: Vec<HashMap<String, String>> = self.inner.link.run_all(&pipeline).await?;
        Ok(names
            .iter()
            .zip(all)
            .map(|(name, fields)| counters_of(name, &fields))
            .collect())
    }

    /// The head of the lines of a kind that was enqueued first. A tombstone at the head only makes the age older than it is.
    pub async fn oldest(&self, namespace: &Namespace, queue: &Name, kind: &Name) -> Result<Option<TaskId>, StoreError> {
        let keys = self.inner.keys(self.shard_of(namespace, queue));
        let mut pipeline = redis::pipe();
        for priority in 1..=4 {
            let list = keys.ready(&format!("{namespace}/{queue}"), kind.as_str(), priority);
            pipeline.cmd("LINDEX").arg(list).arg(0);
        }
        let heads: Vec<Option<Vec<u8>>> = self.inner.link.run_all(&pipeline).await?;
        // UUIDv7 sorts by time.
        Ok(heads
            .into_iter()
            .flatten()
            .filter_map(|id| TaskId::from_slice(&id).ok())
            .min())
    }
}

fn counters_of(queue: &Name, fields: &HashMap<String, String>) -> QueueCounters {
    let number = |name: &str| {
        fields
            .get(name)
            .and_then(|text| text.parse::<i64>().ok())
            .map_or(0, |n| n.max(0) as u64)
    };
    let mut kinds: Vec<(Name, u64)> = fields
        .keys()
        .filter_map(|field| Some((Name::new(field.strip_prefix("k:")?).ok()?, number(field))))
        .filter(|(_, queued)| *queued > 0)
        .collect();
    kinds.sort();
    QueueCounters {
        queue: queue.clone(),
        paused: fields.contains_key("paused"),
        by_state: [
            "scheduled",
            "queued",
            "running",
            "succeeded",
            "failed",
            "cancelled",
            "expired",
        ]
        .map(number),
        bytes: number("bytes"),
        kinds,
    }
}
