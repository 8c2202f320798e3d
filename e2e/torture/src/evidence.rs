//! All that a round leaves behind, for the checker.

use std::collections::HashMap;

use tidemill_e2e::Entry;

use crate::{
    faults::{Fault, Injected},
    history::{History, Watched},
    store::Contents,
    world::Durability,
};

/// What a task looked like through the contract, after all was quiet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its state's number.
    pub state: i32,
    /// Its output.
    pub output: String,
}

/// Samples of memory of one process.
#[derive(Debug, Clone)]
pub struct MemorySample {
    /// Of this process.
    pub name: String,
    /// Most resident bytes ever seen.
    pub most: u64,
}

/// Everything.
#[derive(Debug)]
pub struct Evidence {
    /// What acknowledgements promised.
    pub durability: Durability,
    /// What the clients wrote down.
    pub history: History,
    /// What the handler processes wrote down, in the order of writing.
    pub journal: Vec<Entry>,
    /// The store, once all was quiet.
    pub store: Contents,
    /// What GetResult said of tasks, after all was quiet.
    pub results: HashMap<String, Shown>,
    /// What GetTask said of the same tasks.
    pub tasks: HashMap<String, Shown>,
    /// A second look at some tasks from their first event, after all was quiet, at another replica.
    pub replayed: Vec<Watched>,
    /// Faults, in the order of their begin.
    pub injected: Vec<Injected>,
    /// Whether everything became quiet in time; else what was left.
    pub unquiet: Option<String>,
    /// Memory.
    pub memory: Vec<MemorySample>,
    /// Orphans that the reconciler mended, summed over all roles that still run.
    pub mended: u64,
    /// Processes that panicked or ended by themselves, and requests of the rig that should not fail.
    pub accidents: Vec<String>,
    /// When it began and when the faults ended, in Unix ms.
    pub span: (u64, u64),
}

impl Evidence {
    /// Whether this fault was injected.
    #[must_use]
    pub fn has(&self, fault: Fault) -> bool {
        self.injected.iter().any(|injected| injected.fault == fault)
    }

    /// Whether some fault was at work at this time, or so shortly before that it may still show.
    #[must_use]
    pub fn is_disturbed(&self, from_ms: u64, to_ms: u64, after_ms: u64) -> bool {
        let overlaps = |injected: &Injected| injected.from_ms <= to_ms && injected.to_ms + after_ms >= from_ms;
        self.injected.iter().any(overlaps)
    }
}
