//! All that Tidemill says to Redis or Valkey, and nothing else does.
//!
//! One method of [`Store`] for each transition of the lifecycle; concurrent calls of a kind become one script call (`batch`). The
//! record of a task is the truth; every index, counter, bell and hint is derived from it by the script that changes it. The keys are
//! listed in `docs/keyspace.md`, the scripts are in `lua/`.
//!
//! ```text
//!  role ──▶ Store::complete ──▶ batch ──▶ EVALSHA complete.lua ──▶ reply ──▶ role
//!  role ◀── HintReader ◀── XREAD P ev (one blocked connection for each shard and process)
//!  worker ◀── BellWaiter ◀── BLPOP P bell:… (one blocked connection)
//! ```

mod batch;
mod batchers;
mod bell;
mod config;
mod credentials;
mod durability;
mod entry;
mod error;
mod hints;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
mod keys;
mod link;
mod listing;
mod memory;
mod metrics;
mod open;
mod reply;
mod scripts;
mod store;
mod upkeep;

pub use bell::BellWaiter;
pub use config::{Durability, RedisConfig};
pub use durability::{ServerFacts, Verdict};
pub use error::StoreError;
pub use hints::{Hint, HintReader};
pub use listing::{KindCount, QueueCounters, QueueLoad, QueuePage, TaskPage};
pub use open::OpenError;
pub use store::{ReadRequest, Reading, Store};
pub use tidemill_model::wire::{LogEntry, LogKind};
pub use upkeep::{ReconcileStep, TickRequest};
