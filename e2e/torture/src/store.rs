//! The store as it stands, read past all roles: records, indexes, counters.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use redis::{AsyncCommands, RedisResult, aio::MultiplexedConnection};
use tidemill_e2e::text_of;
use tidemill_model::{
    id::TaskId,
    record::{Record, RecordError},
    snapshot::Snapshot,
};

use crate::spec::Spec;

const PREFIX: &str = "tm:{0}:";
/// Records fetched by one command.
const PAGE: usize = 1_000;

/// A connection of the checker's own, past every proxy.
#[derive(Debug)]
pub struct Store {
    /// The connection.
    pub connection: MultiplexedConnection,
}

/// One record.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Header, events, outcome.
    pub snapshot: Snapshot,
    /// `<namespace>/<queue>`.
    pub line: String,
    /// Kind.
    pub kind: String,
    /// What was asked, if it is of the load.
    pub spec: Option<Spec>,
    /// Output as text.
    pub output: String,
    /// Bytes of header and body.
    pub size: u64,
}

/// Everything.
#[derive(Debug, Default)]
pub struct Contents {
    /// Records, by task id.
    pub tasks: HashMap<String, Stored>,
    /// Records that cannot be read, and why.
    pub unreadable: Vec<String>,
    /// Members of the sorted sets `lease`, `due`, `expiry`, `done`, and of all dead letters.
    pub indexes: HashMap<&'static str, HashSet<String>>,
    /// Ids in ready lists.
    pub ready: HashMap<String, Vec<String>>,
    /// Counters of each line.
    pub counters: HashMap<String, HashMap<String, String>>,
    /// Numbers of the log entries (progress, chunks) of each task that has them.
    pub logs: HashMap<String, Vec<u32>>,
    /// Keys that were evicted.
    pub evicted: u64,
    /// Memory in use, and its limit.
    pub memory: (u64, u64),
}

impl Store {
    /// Connects to the server itself.
    pub async fn connect(port: u16) -> RedisResult<Self> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}"))?;
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(std::time::Duration::from_secs(30)));
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Self { connection })
    }

    /// A key of the only shard.
    #[must_use]
    pub fn key(name: &str) -> String {
        format!("{PREFIX}{name}")
    }

    /// All keys of a pattern.
    pub async fn keys(&mut self, pattern: &str) -> RedisResult<Vec<Vec<u8>>> {
        let (mut found, mut cursor) = (HashSet::new(), 0_u64);
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor)
                .arg("MATCH")
                .arg(Self::key(pattern))
                .arg("COUNT")
                .arg(5_000);
            let (next, page): (u64, Vec<Vec<u8>>) = scan.query_async(&mut self.connection).await?;
            found.extend(page);
            cursor = next;
            if cursor == 0 {
                return Ok(found.into_iter().collect());
            }
        }
    }

    /// Reads everything.
    pub async fn read(&mut self) -> RedisResult<Contents> {
        let mut contents = Contents::default();
        self.read_tasks(&mut contents).await?;
        for index in ["lease", "due", "expiry", "done"] {
            let members: Vec<Vec<u8>> = self.connection.zrange(Self::key(index), 0, -1).await?;
            contents
                .indexes
                .insert(index, members.iter().map(|id| id_text(id)).collect());
        }
        let mut dead = HashSet::new();
        for key in self.keys("dl:*").await? {
            let members: Vec<Vec<u8>> = self.connection.zrange(key, 0, -1).await?;
            dead.extend(members.iter().map(|id| id_text(id)));
        }
        contents.indexes.insert("dead", dead);
        for key in self.keys("r:*").await? {
            let ids: Vec<Vec<u8>> = self.connection.lrange(&key, 0, -1).await?;
            contents
                .ready
                .insert(tail(&key, "r:"), ids.iter().map(|id| id_text(id)).collect());
        }
        for key in self.keys("q:*").await? {
            let fields = self.connection.hgetall(&key).await?;
            contents.counters.insert(tail(&key, "q:"), fields);
        }
        self.read_logs(&mut contents).await?;
        self.read_memory(&mut contents).await?;
        Ok(contents)
    }

    /// Tasks that are not finished, by the counters.
    pub async fn unfinished(&mut self) -> RedisResult<i64> {
        let mut left = 0;
        for key in self.keys("q:*").await? {
            let names = ["scheduled", "queued", "running"];
            let fields: Vec<Option<i64>> = self.connection.hmget(&key, &names).await?;
            left += fields.into_iter().flatten().sum::<i64>();
        }
        Ok(left)
    }

    async fn read_tasks(&mut self, contents: &mut Contents) -> RedisResult<()> {
        let keys = self.keys("t:*").await?;
        for page in keys.chunks(PAGE) {
            let values: Vec<Option<Vec<u8>>> = self.connection.mget(page).await?;
            for (key, value) in page.iter().zip(values) {
                let id = id_text(&key[Self::key("t:").len()..]);
                // Purged since the scan.
                let Some(value) = value else { continue };
                let shown = value.escape_ascii().to_string();
                match stored(Bytes::from(value)) {
                    Ok(task) => drop(contents.tasks.insert(id, task)),
                    Err(error) => contents.unreadable.push(format!("{id}: {error}: {shown}")),
                }
            }
        }
        Ok(())
    }

    async fn read_logs(&mut self, contents: &mut Contents) -> RedisResult<()> {
        let keys = self.keys("l:*").await?;
        for page in keys.chunks(100) {
            let mut pipeline = redis::pipe();
            for key in page {
                pipeline.cmd("XRANGE").arg(key).arg("-").arg("+");
            }
            let logs: Vec<redis::streams::StreamRangeReply> = pipeline.query_async(&mut self.connection).await?;
            for (key, log) in page.iter().zip(logs) {
                let id = id_text(&key[Self::key("l:").len()..]);
                let numbers = log
                    .ids
                    .iter()
                    .filter_map(|entry| entry.id.split('-').next()?.parse().ok());
                contents.logs.insert(id, numbers.collect());
            }
        }
        Ok(())
    }

    async fn read_memory(&mut self, contents: &mut Contents) -> RedisResult<()> {
        let info: String = redis::cmd("INFO").query_async(&mut self.connection).await?;
        let number = |name: &str| -> u64 {
            let mut lines = info.lines().filter_map(|line| line.split_once(':'));
            let found = lines.find(|(known, _)| *known == name);
            found.and_then(|(_, number)| number.trim().parse().ok()).unwrap_or(0)
        };
        contents.evicted = number("evicted_keys");
        contents.memory = (number("used_memory"), number("maxmemory"));
        Ok(())
    }
}

fn stored(bytes: Bytes) -> Result<Stored, RecordError> {
    let record = Record::parse(&bytes, true)?;
    let snapshot = Snapshot::of(&record)?;
    let body = record.body()?;
    Ok(Stored {
        line: format!("{}/{}", record.namespace, record.queue),
        kind: record.kind.to_string(),
        spec: Spec::parse(text_of(body.input.as_ref())),
        output: text_of(snapshot.outcome.output.as_ref()).to_owned(),
        size: (tidemill_model::record::HEADER_BYTES + record.header.body_len as usize) as u64,
        snapshot,
    })
}

fn id_text(bytes: &[u8]) -> String {
    TaskId::from_slice(bytes).map_or_else(|_| format!("{bytes:?}"), |id| id.to_string())
}

fn tail(key: &[u8], word: &str) -> String {
    let text = String::from_utf8_lossy(key);
    text.strip_prefix(&Store::key(word)).unwrap_or(&text).to_owned()
}
