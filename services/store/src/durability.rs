//! What the connected server really promises, against what the configuration demands.

use std::collections::HashMap;

use crate::{config::Durability, error::StoreError, link::Link};

/// Settings that decide whether an acknowledged task can be lost. `None`: the server hides it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// `redis` or `valkey`, and the version it reports.
    pub product: String,
    /// Major version of the product; 0: not known.
    pub major: u32,
    /// `appendonly`.
    pub append_only: Option<String>,
    /// `appendfsync`.
    pub append_fsync: Option<String>,
    /// `no-appendfsync-on-rewrite`.
    pub no_fsync_on_rewrite: Option<String>,
    /// `maxmemory-policy`.
    pub eviction: Option<String>,
    /// `maxmemory` in bytes.
    pub max_memory: Option<u64>,
    /// True for a member of a cluster, which this release does not serve.
    pub cluster: bool,
}

/// What follows from the facts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The server cannot keep the promise: each line says what is wrong and what mends it. Not empty: refuse to start.
    pub refusals: Vec<String>,
    /// The server hides a setting: each line says which.
    pub warnings: Vec<String>,
    /// Bytes that the watermarks are reckoned from: maxmemory, or the configured budget.
    pub memory_limit: u64,
}

pub(crate) async fn facts(link: &Link) -> Result<ServerFacts, StoreError> {
    let info: String = link.query(redis::cmd("INFO").arg("server")).await?;
    let field = |name: &str| {
        info.lines()
            .find_map(|line| line.strip_prefix(name).map(|v| v.trim().to_owned()))
    };
    let (product, version) = match field("valkey_version:") {
        Some(version) => ("valkey", version),
        None => ("redis", field("redis_version:").unwrap_or_default()),
    };
    let major = version.split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    let cluster = field("redis_mode:")
        .or_else(|| field("server_mode:"))
        .is_some_and(|mode| mode == "cluster");
    let mut settings: HashMap<String, String> = HashMap::new();
    for name in [
        "appendonly",
        "appendfsync",
        "no-appendfsync-on-rewrite",
        "maxmemory-policy",
        "maxmemory",
    ] {
        // Managed servers refuse CONFIG; that is a warning, not an error.
        match link
            .query::<HashMap<String, String>>(redis::cmd("CONFIG").arg("GET").arg(name))
            .await
        {
            Ok(found) => settings.extend(found),
            Err(StoreError::Internal(_) | StoreError::Unavailable(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let mut take = |name: &str| settings.remove(name);
    Ok(ServerFacts {
        product: format!("{product} {version}"),
        major,
        append_only: take("appendonly"),
        append_fsync: take("appendfsync"),
        no_fsync_on_rewrite: take("no-appendfsync-on-rewrite"),
        eviction: take("maxmemory-policy"),
        max_memory: take("maxmemory").and_then(|bytes| bytes.parse().ok()),
        cluster,
    })
}

/// Judges the facts. Collects everything that is wrong, so that an operator mends it in one go.
pub(crate) fn judge(facts: &ServerFacts, durability: Durability, memory_budget: u64) -> Verdict {
    let mut verdict = Verdict::default();
    let oldest = if facts.product.starts_with("valkey") { 8 } else { 7 };
    if facts.major != 0 && facts.major < oldest {
        verdict.refusals.push(format!(
            "the server is {}; Redis 7.0 or Valkey 8 is the oldest that will do: upgrade it",
            facts.product
        ));
    }
    if facts.cluster {
        verdict
            .refusals
            .push("the server is a member of a Cluster, which this release does not serve: use a single server".into());
    }
    let mut demand = |setting: &str, found: &Option<String>, wanted: &[&str], why: &str| match found {
        None => verdict.warnings.push(format!(
            "the server hides {setting}; make sure it is {}: {why}",
            wanted.join(" or ")
        )),
        Some(value) if wanted.contains(&value.as_str()) => {}
        Some(value) => {
            let best = wanted.first().copied().unwrap_or_default();
            verdict
                .refusals
                .push(format!("{setting} is {value}, but {why}: CONFIG SET {setting} {best}"));
        }
    };
    demand(
        "maxmemory-policy",
        &facts.eviction,
        &["noeviction"],
        "eviction would drop tasks",
    );
    demand(
        "appendonly",
        &facts.append_only,
        &["yes"],
        "without the append-only file a restart loses tasks",
    );
    match durability {
        Durability::Strict => {
            demand(
                "appendfsync",
                &facts.append_fsync,
                &["always"],
                "redis.durability = strict means on disk before the answer",
            );
            demand(
                "no-appendfsync-on-rewrite",
                &facts.no_fsync_on_rewrite,
                &["no"],
                "strict must not skip fsync during a rewrite",
            );
        }
        Durability::Fast => {
            demand(
                "appendfsync",
                &facts.append_fsync,
                &["everysec", "always"],
                "redis.durability = fast means on disk within seconds",
            );
        }
    }
    match (facts.max_memory, memory_budget) {
        (Some(0) | None, 0) if facts.max_memory.is_some() => verdict.refusals.push(
            "maxmemory is not set, so enqueues could not stop before the machine is full: CONFIG SET maxmemory 1gb (or what you \
             can spare), or set redis.memory_budget"
                .into(),
        ),
        (None, 0) => verdict.warnings.push("the server hides maxmemory; set redis.memory_budget so that enqueues stop in time".into()),
        (Some(limit), budget) if limit > 0 && budget > 0 => verdict.memory_limit = limit.min(budget),
        (limit, budget) => verdict.memory_limit = limit.unwrap_or(0).max(budget),
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> ServerFacts {
        ServerFacts {
            product: "redis 7.0.15".into(),
            major: 7,
            append_only: Some("yes".into()),
            append_fsync: Some("always".into()),
            no_fsync_on_rewrite: Some("no".into()),
            eviction: Some("noeviction".into()),
            max_memory: Some(1 << 30),
            cluster: false,
        }
    }

    #[test]
    fn a_server_that_keeps_the_promise_is_taken() {
        let verdict = judge(&good(), Durability::Strict, 0);
        assert_eq!(
            verdict,
            Verdict {
                memory_limit: 1 << 30,
                ..Verdict::default()
            }
        );
        assert_eq!(judge(&good(), Durability::Strict, 1 << 20).memory_limit, 1 << 20);
    }

    #[test]
    fn all_wrong_settings_are_named_with_what_mends_them() {
        let facts = ServerFacts {
            append_only: Some("no".into()),
            append_fsync: Some("everysec".into()),
            no_fsync_on_rewrite: Some("yes".into()),
            eviction: Some("allkeys-lru".into()),
            max_memory: Some(0),
            major: 6,
            ..good()
        };
        let refusals = judge(&facts, Durability::Strict, 0).refusals.join("\n");
        for mend in [
            "CONFIG SET appendonly yes",
            "CONFIG SET appendfsync always",
            "CONFIG SET no-appendfsync-on-rewrite no",
            "CONFIG SET maxmemory-policy noeviction",
            "CONFIG SET maxmemory 1gb",
            "upgrade",
        ] {
            assert!(refusals.contains(mend), "{mend} not in {refusals}");
        }
    }

    #[test]
    fn fast_takes_everysec_and_strict_does_not() {
        let facts = ServerFacts {
            append_fsync: Some("everysec".into()),
            ..good()
        };
        assert!(judge(&facts, Durability::Fast, 0).refusals.is_empty());
        assert_eq!(judge(&facts, Durability::Strict, 0).refusals.len(), 1);
    }

    #[test]
    fn hidden_settings_are_warnings() {
        let facts = ServerFacts {
            product: "redis 7.2".into(),
            major: 7,
            ..ServerFacts::default()
        };
        let verdict = judge(&facts, Durability::Strict, 1 << 30);
        assert!(verdict.refusals.is_empty(), "{verdict:?}");
        assert_eq!(verdict.warnings.len(), 4);
        assert_eq!(verdict.memory_limit, 1 << 30);
    }
}
