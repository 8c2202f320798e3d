//! Key names on this side. Everything that a script touches is named by `lua/lib/keys.lua`; here are the few keys that are used
//! without a script. The table of all keys is `docs/keyspace.md`.

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

    pub(crate) fn events(&self) -> String {
        format!("{}ev", self.prefix)
    }

    pub(crate) fn signals(&self) -> String {
        format!("{}sg", self.prefix)
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
