//! The scripts, assembled from `lua/`: shared functions first, then one transition. They run by hash and are loaded when a server does
//! not know them, so two releases run side by side.

use redis::{Cmd, Value};

use crate::{
    error::StoreError,
    link::{self, Link},
};

macro_rules! lua {
    ($path:literal) => {
        include_str!(concat!("../lua/", $path, ".lua"))
    };
}

#[cfg(not(feature = "test-clock"))]
const TIME: &str = lua!("lib/time");
#[cfg(feature = "test-clock")]
const TIME: &str = lua!("lib/time_test");

const KEYS: &str = lua!("lib/keys");
const GUARD: &str = lua!("lib/guard");
const RECORD: &str = lua!("lib/record");
const RULES: &str = lua!("lib/rules");
const EFFECTS: &str = lua!("lib/effects");
const ADVANCE: &str = lua!("lib/advance");
const SETTLE: &str = lua!("lib/settle");

/// One transition of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Script {
    Enqueue,
    Lease,
    Heartbeat,
    Complete,
    Fail,
    Release,
    Cancel,
    Report,
    Tick,
    Reconcile,
    Read,
    List,
}

impl Script {
    pub(crate) const ALL: [Self; 12] = [
        Self::Enqueue,
        Self::Lease,
        Self::Heartbeat,
        Self::Complete,
        Self::Fail,
        Self::Release,
        Self::Cancel,
        Self::Report,
        Self::Tick,
        Self::Reconcile,
        Self::Read,
        Self::List,
    ];

    /// Name for logs and metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::Lease => "lease",
            Self::Heartbeat => "heartbeat",
            Self::Complete => "complete",
            Self::Fail => "fail",
            Self::Release => "release",
            Self::Cancel => "cancel",
            Self::Report => "report",
            Self::Tick => "tick",
            Self::Reconcile => "reconcile",
            Self::Read => "read",
            Self::List => "list",
        }
    }

    fn body(self) -> &'static str {
        match self {
            Self::Enqueue => lua!("transitions/enqueue"),
            Self::Lease => lua!("transitions/lease"),
            Self::Heartbeat => lua!("transitions/heartbeat"),
            Self::Complete => lua!("transitions/complete"),
            Self::Fail => lua!("transitions/fail"),
            Self::Release => lua!("transitions/release"),
            Self::Cancel => lua!("transitions/cancel"),
            Self::Report => lua!("transitions/report"),
            Self::Tick => lua!("transitions/tick"),
            Self::Reconcile => lua!("transitions/reconcile"),
            Self::Read => lua!("transitions/read"),
            Self::List => lua!("transitions/list"),
        }
    }

    /// The whole text that the server runs.
    pub(crate) fn text(self) -> String {
        let (flags, parts): (&str, &[&str]) = match self {
            // Take memory and free none: the server refuses them when memory is full.
            Self::Enqueue | Self::Report => ("", &[TIME, KEYS, GUARD, RULES, RECORD, EFFECTS, ADVANCE]),
            Self::Read | Self::List => (" flags=no-writes,allow-oom", &[KEYS, GUARD, RECORD]),
            // Everything else lets a full store drain.
            Self::Complete | Self::Fail | Self::Release => (
                " flags=allow-oom",
                &[TIME, KEYS, GUARD, RULES, RECORD, EFFECTS, ADVANCE, SETTLE],
            ),
            _ => (
                " flags=allow-oom",
                &[TIME, KEYS, GUARD, RULES, RECORD, EFFECTS, ADVANCE],
            ),
        };
        let mut text = format!("#!lua{flags}\n");
        for part in parts.iter().chain([&self.body()]) {
            text.push_str(part);
            text.push('\n');
        }
        text
    }
}

/// A script call under construction. ARGV[1] is always the store's identity.
pub(crate) struct Call {
    pub(crate) script: Script,
    command: Cmd,
}

impl Call {
    pub(crate) fn arg<A: redis::ToRedisArgs>(&mut self, value: A) -> &mut Self {
        self.command.arg(value);
        self
    }
}

pub(crate) struct Scripts {
    hashes: Vec<(Script, String)>,
    store_id: String,
}

impl Scripts {
    pub(crate) fn new(store_id: String) -> Self {
        use sha1_smol::Sha1;
        let hashes = Script::ALL
            .iter()
            .map(|s| (*s, Sha1::from(s.text()).digest().to_string()))
            .collect();
        Self { hashes, store_id }
    }

    /// Begins a call on the shard whose `meta` key is given.
    pub(crate) fn call(&self, script: Script, meta_key: &str) -> Call {
        let hash = self
            .hashes
            .iter()
            .find(|(s, _)| *s == script)
            .map_or("", |(_, hash)| hash);
        let mut command = redis::cmd("EVALSHA");
        command.arg(hash).arg(1).arg(meta_key).arg(&self.store_id);
        Call { script, command }
    }

    /// Runs the call, loading the script first where the server does not know it. Answers which connection it went over, too.
    pub(crate) async fn run(&self, link: &Link, call: &Call) -> Result<(u64, Value), StoreError> {
        let first = link.run(&call.command).await;
        let error = match first {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        if error.code() != Some("NOSCRIPT") {
            return Err(report(call.script, link::judge(&error)));
        }
        // NOSCRIPT means that nothing ran.
        let mut load = redis::cmd("SCRIPT");
        load.arg("LOAD").arg(call.script.text());
        link.query::<String>(&load).await.map_err(|e| match e {
            StoreError::Unknown(text) => StoreError::Unavailable(text),
            other => other,
        })?;
        link.run(&call.command)
            .await
            .map_err(|error| report(call.script, link::judge(&error)))
    }
}

fn report(script: Script, error: StoreError) -> StoreError {
    if let StoreError::Internal(text) = &error {
        tracing::error!(script = script.name(), error = %text, "script failed");
    }
    error
}

/// Loads every script, so that the first calls need not.
pub(crate) async fn load_all(link: &Link) -> Result<(), StoreError> {
    let mut pipeline = redis::pipe();
    for script in Script::ALL {
        pipeline.cmd("SCRIPT").arg("LOAD").arg(script.text());
    }
    link.run_all::<Vec<String>>(&pipeline).await.map(|_| ())
}
