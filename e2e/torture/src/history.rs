//! What the clients asked and what they were told.

use tidemill_e2e::Refusal;
use tidemill_model::{invariant::Invariant, state::TaskState};
use tonic::{Code, Status};

use crate::spec::Spec;

/// What an answer says about its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It was applied, to this task.
    Stored {
        /// The task.
        task_id: String,
        /// It was there already.
        deduplicated: bool,
    },
    /// It had no effect, and the answer says so.
    NotApplied {
        /// The reason.
        reason: String,
    },
    /// The key has other content. No effect.
    KeyReused {
        /// The task under the key.
        task_id: String,
    },
    /// Nobody knows; safe to say again.
    Unknown {
        /// The reason.
        reason: String,
    },
}

impl Told {
    /// What the error of a call, or of an entry of a batch, says.
    #[must_use]
    pub fn of(refusal: &Refusal) -> Self {
        let reason = match refusal.reason.as_str() {
            "" => format!("{:?}: {}", refusal.code, refusal.message),
            reason => reason.to_owned(),
        };
        if refusal.code == Code::AlreadyExists {
            let task_id = refusal.metadata.get("task_id").cloned().unwrap_or_default();
            return Self::KeyReused { task_id };
        }
        if refusal.outcome() == "not_applied" {
            Self::NotApplied { reason }
        } else {
            Self::Unknown { reason }
        }
    }

    /// Whether the caller has to say it again to know.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }
}

impl From<&Status> for Told {
    fn from(status: &Status) -> Self {
        Self::of(&Refusal::of(status))
    }
}

/// One enqueue over all its tries.
#[derive(Debug, Clone)]
pub struct Ask {
    /// What was asked.
    pub spec: Spec,
    /// When it was first sent, in Unix ms.
    pub sent_ms: u64,
    /// When the last answer came.
    pub answered_ms: u64,
    /// The answers, in order.
    pub told: Vec<Told>,
}

impl Ask {
    /// The task, if an answer named it.
    #[must_use]
    pub fn stored(&self) -> Option<&str> {
        self.told.iter().find_map(|told| match told {
            Told::Stored { task_id, .. } => Some(task_id.as_str()),
            _ => None,
        })
    }

    /// Every try was answered with "not applied".
    #[must_use]
    pub fn was_refused(&self) -> bool {
        let refused = |told: &Told| matches!(told, Told::NotApplied { .. } | Told::KeyReused { .. });
        !self.told.is_empty() && self.told.iter().all(refused)
    }
}

/// A cancel and its answer.
#[derive(Debug, Clone)]
pub struct CancelAsk {
    /// Of this task.
    pub task_id: String,
    /// The state answered with; `None`: not answered.
    pub told: Option<TaskState>,
    /// When the answer came, in Unix ms.
    pub answered_ms: u64,
}

/// One event as a watcher saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its number; of a truncation the last number that is gone.
    pub sequence: u32,
    /// What it was.
    pub what: SeenKind,
}

/// Kinds of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeenKind {
    /// A change of state.
    State(TaskState),
    /// Progress or a chunk.
    Log,
    /// Entries from this number on are gone.
    Truncated(u32),
    /// The end: state and output.
    Result(TaskState, String),
}

/// What one watcher saw of one task, over all its connections.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The task.
    pub task_id: String,
    /// Everything, in the order in which it came.
    pub seen: Vec<Seen>,
    /// Streams it took.
    pub streams: u32,
    /// A refusal that a retry does not mend.
    pub refused: Option<String>,
    /// The stream ended OK.
    pub ended: bool,
    /// When the last event came, in Unix ms.
    pub last_ms: u64,
    /// When the watcher's patience was over, in Unix ms; 0: it was not.
    pub left_ms: u64,
}

/// What a prober saw.
#[derive(Debug, Clone)]
pub struct Probed {
    /// Of this invariant.
    pub invariant: Invariant,
    /// It must hold under every fault; else only if nothing is broken.
    pub always: bool,
    /// It held.
    pub held: bool,
    /// What was looked at, or seen instead.
    pub what: String,
}

/// Everything that the clients wrote down.
#[derive(Debug, Default)]
pub struct History {
    /// Enqueues.
    pub asks: Vec<Ask>,
    /// Cancels.
    pub cancels: Vec<CancelAsk>,
    /// Watches.
    pub watched: Vec<Watched>,
    /// Probes.
    pub probed: Vec<Probed>,
}

impl History {
    /// Adds another client's.
    pub fn merge(&mut self, other: Self) {
        self.asks.extend(other.asks);
        self.cancels.extend(other.cancels);
        self.watched.extend(other.watched);
        self.probed.extend(other.probed);
    }
}
