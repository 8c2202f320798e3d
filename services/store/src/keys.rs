//! Key names on this side. Everything that a script touches is named by `lua/lib/keys.lua`; here are the few keys that are used
//! without a script. `P` stands for `<prefix>{<shard>}:`.
//!
//! | key | type | what |
//! |---|---|---|
//! | `P meta` | hash | `store_id`, `shards`, `format`; declares the shard to every script |
//! | `P t:<id>` | string | the record of a task (id: 16 bytes) |
//! | `P l:<id>` | stream | progress and chunks of a task |
//! | `P r:<ns>/<queue>/<kind>/<prio>` | list | ready ids of a line, next one first |
//! | `P q:<ns>/<queue>` | hash | counters, paused flag, ready numbers |
//! | `P names` | sorted set | every `<ns>/<queue>`, for listing |
//! | `P lease`, `P due`, `P expiry`, `P done` | sorted sets | ids by deadline |
//! | `P dl:<ns>/<queue>` | sorted set | dead letters by time |
//! | `P i:<ns>/<queue>/<digest>` | string | idempotency: id and content digest |
//! | `P rq:<digest>` | string, 60 s | leases of a request, for its repeat |
//! | `P ev` | stream | hints: `c` changed, `x` stop requested, `d` deadline |
//! | `P bell:<ns>/<queue>/<kind>`, `P bell:@<worker>` | list | wakes one waiting worker; wakes this one |
//! | `P stat` | hash | bytes of finished tasks |
//! | `P pass` | string | who reconciles now, with a lifetime |

/// Names of one shard.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    pub(crate) fn new(prefix: &str, shard: u16) -> Self {
        Self {
            prefix: format!("{prefix}{{{shard}}}:"),
        }
    }

    pub(crate) fn meta(&self) -> String {
        format!("{}meta", self.prefix)
    }

    pub(crate) fn hints(&self) -> String {
        format!("{}ev", self.prefix)
    }

    pub(crate) fn names(&self) -> String {
        format!("{}names", self.prefix)
    }

    pub(crate) fn queue(&self, line: &str) -> String {
        format!("{}q:{line}", self.prefix)
    }

    pub(crate) fn ready(&self, line: &str, kind: &str, priority: u8) -> String {
        format!("{}r:{line}/{kind}/{priority}", self.prefix)
    }

    pub(crate) fn bell(&self, namespace: &str, queue: &str, kind: &str) -> String {
        format!("{}bell:{namespace}/{queue}/{kind}", self.prefix)
    }

    pub(crate) fn own_bell(&self, worker: &str) -> String {
        format!("{}bell:@{worker}", self.prefix)
    }

    pub(crate) fn pass(&self) -> String {
        format!("{}pass", self.prefix)
    }
}
