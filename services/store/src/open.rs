//! Opening a store: is the server fit, and is it the right one?

use std::sync::Arc;

use redis::Value;
use tidemill_kit::{config::ConfigError, supervisor::Supervisor};
use tidemill_model::op::Rules;

use crate::{
    config::RedisConfig,
    credentials, durability,
    error::StoreError,
    keys::Keys,
    link::Link,
    scripts,
    store::{Inner, Store},
};

/// Format of the stored bytes that this release writes.
const FORMAT: u32 = 1;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration is wrong: trying again is of no use.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server cannot keep the configured promise: each line says what is wrong and what mends it.
    #[error("the Redis server cannot keep what the configuration promises:\n  - {}", .0.join("\n  - "))]
    Unfit(Vec<String>),
    /// The store is another one than `redis.store_id` names, or of a newer release.
    #[error("{0}")]
    Identity(String),
    /// Not reachable, or not yet: try again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OpenError {
    /// True if the same attempt may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Store(StoreError::Unavailable(_) | StoreError::Unknown(_)))
    }
}

impl Store {
    /// Connects, checks the server's settings and the store's identity, and loads the scripts. Creates an identity on an empty store.
    pub async fn open(config: &RedisConfig, rules: Rules, supervisor: &Supervisor) -> Result<Self, OpenError> {
        let link = Arc::new(Link::new(
            config.client()?,
            config.connect_timeout.0,
            config.command_timeout.0,
        ));
        let facts = match durability::facts(&link).await {
            Ok(facts) => facts,
            Err(error) => {
                let refused = credentials::refused(config).await;
                return Err(refused.map_or(OpenError::Store(error), OpenError::Config));
            }
        };
        let verdict = durability::judge(&facts, config.durability, config.memory_budget.0);
        for warning in &verdict.warnings {
            tracing::warn!("{warning}");
        }
        if !verdict.refusals.is_empty() {
            return Err(OpenError::Unfit(verdict.refusals));
        }
        let keys = Keys::new(&config.prefix, 0);
        let (store_id, shards) = identity(&link, &keys, &config.store_id).await?;
        scripts::load_all(&link).await?;
        tracing::info!(server = facts.product, durability = ?config.durability, store_id, "store opened");
        Ok(Self::start(
            Inner::new(
                link,
                &config.prefix,
                shards,
                store_id,
                rules,
                verdict.memory_limit,
                config.durability,
            ),
            supervisor,
        ))
    }
}

/// Reads the identity of the store, or writes one on an empty store.
async fn identity(link: &Link, keys: &Keys, pinned: &str) -> Result<(String, u16), OpenError> {
    let fresh = if pinned.is_empty() {
        uuid::Uuid::new_v4().to_string()
    } else {
        String::new()
    };
    let mut pipeline = redis::pipe();
    pipeline.atomic();
    if !fresh.is_empty() {
        pipeline
            .cmd("HSETNX")
            .arg(keys.meta())
            .arg("store_id")
            .arg(&fresh)
            .ignore();
        pipeline.cmd("HSETNX").arg(keys.meta()).arg("shards").arg(1).ignore();
        pipeline
            .cmd("HSETNX")
            .arg(keys.meta())
            .arg("format")
            .arg(FORMAT)
            .ignore();
    }
    pipeline
        .cmd("HMGET")
        .arg(keys.meta())
        .arg("store_id")
        .arg("shards")
        .arg("format");
    let (fields,): (Vec<Option<String>>,) = link.run_all(&pipeline).await?;
    let [Some(store_id), Some(shards), Some(format)] = fields.as_slice() else {
        return Err(OpenError::Identity(format!(
            "redis.store_id pins {pinned}, but the server holds no Tidemill store under this prefix"
        )));
    };
    if !pinned.is_empty() && pinned != store_id {
        return Err(OpenError::Identity(format!(
            "redis.store_id pins {pinned}, but the server holds the store {store_id}"
        )));
    }
    if format.parse::<u32>().map_or(true, |found| found > FORMAT) {
        return Err(OpenError::Identity(format!(
            "the store has format {format}; this release reads up to {FORMAT}: use the release that wrote it"
        )));
    }
    let shards = shards.parse().ok().filter(|n: &u16| n.is_power_of_two() && *n <= 4096);
    let shards = shards.ok_or_else(|| OpenError::Identity("the store's number of shards is damaged".into()))?;
    Ok((store_id.clone(), shards))
}

impl Store {
    /// Asks the server whether it is still the store this process started with. Cheap: one command.
    pub async fn check_identity(&self) -> Result<(), StoreError> {
        let mut command = redis::cmd("HGET");
        command.arg(self.inner.keys(0).meta()).arg("store_id");
        match self.inner.link.query::<Value>(&command).await? {
            Value::BulkString(found) if found == self.inner.store_id.as_bytes() => Ok(()),
            _ => Err(StoreError::Changed),
        }
    }
}
