//! What can be asked of a queue and what it answers: the vocabulary that the reference queue and the store share.

use bytes::Bytes;

use crate::{
    id::{LeaseToken, Name, Namespace, TaskId},
    record::NewRecord,
    state::TaskState,
};

/// Values of the rules that an operator may change. All durations in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Duration of a lease.
    pub lease_ttl_ms: u64,
    /// Crashes after which a task is FAILED.
    pub crash_limit: u8,
    /// Releases by a handler's wish after which a task is FAILED.
    pub release_limit: u8,
    /// Retention of SUCCEEDED, CANCELLED and EXPIRED tasks.
    pub retention_ms: u64,
    /// Retention of FAILED tasks.
    pub failed_retention_ms: u64,
    /// How long an idempotency key outlives its task.
    pub key_retention_ms: u64,
    /// Upper bound of the random delay before a reaped task is ready again.
    pub reap_delay_ms: u64,
    /// After attempt_timeout a handler has this long to stop before its attempt fails.
    pub timeout_grace_ms: u64,
    /// Entries of a task's log (progress and chunks) that are kept.
    pub log_entries: u32,
    /// Bytes of a task's log that are kept.
    pub log_bytes: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            lease_ttl_ms: 30_000,
            crash_limit: 3,
            release_limit: 100,
            retention_ms: 24 * 3_600_000,
            failed_retention_ms: 30 * 24 * 3_600_000,
            key_retention_ms: 24 * 3_600_000,
            reap_delay_ms: 1_000,
            timeout_grace_ms: 10_000,
            log_entries: 1_000,
            log_bytes: 1 << 20,
        }
    }
}

/// A line of ready tasks: dispatch picks among lines, order is exact within one line and priority.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    /// Queue.
    pub queue: Name,
    /// Kind.
    pub kind: Name,
}

/// When a task may run first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At once.
    Now,
    /// This many ms after the store took it in.
    After(u64),
    /// At this Unix time in ms; the past means now.
    At(u64),
}

/// An idempotency key as it is stored: digests only, never the client's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idempotency {
    /// First 16 bytes of SHA-256 of the key.
    pub key: [u8; 16],
    /// SHA-256 of the request's content.
    pub content: [u8; 32],
}

/// T0. A validated task.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTask {
    /// Its id; must carry the route of its queue.
    pub id: TaskId,
    /// What is stored. `key_digest` agrees with `idempotency`.
    pub record: NewRecord,
    /// When it may run.
    pub start: Start,
    /// Idempotency key.
    pub idempotency: Option<Idempotency>,
    /// Limit of unfinished tasks in the queue; 0: none.
    pub queue_limit: u64,
    /// Limit of bytes of unfinished tasks in the queue; 0: none.
    pub queue_bytes_limit: u64,
}

/// Answer to an enqueue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// Stored.
    Stored(TaskState),
    /// The key named an earlier task with the same content, in this state (of a purged one: the last known guess, SUCCEEDED).
    Duplicate(TaskId, TaskState),
    /// The key named an earlier task with other content. Nothing was stored.
    KeyReused(TaskId),
    /// The queue has this many unfinished tasks, its limit. Nothing was stored.
    QueueFull(u64),
    /// The queue has this many bytes of unfinished tasks; the new one does not fit. Nothing was stored.
    QueueBytes(u64),
    /// The id is taken (a one in 2^62 accident). Nothing was stored; try again with another.
    IdTaken,
}

/// T2. Ask for ready tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRequest {
    /// Tenant.
    pub namespace: Namespace,
    /// Lines in the order to visit: equal shares first, then leftovers. All on one shard.
    pub lines: Vec<Line>,
    /// Most tasks to lease: 0 to 128. 0 leases nothing and passes the bells of lines that have work on to another worker.
    pub max: u32,
    /// Most bytes of records to answer with; at least one task is leased all the same.
    pub max_bytes: u64,
    /// Names the request, so that a repeat answers with the same leases: a digest of what the caller chose, or random.
    pub request: [u8; 16],
    /// 128 fresh random bits for the leases of this request.
    pub nonce: [u8; 16],
}

/// A leased task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The right to the attempt.
    pub token: LeaseToken,
    /// The whole record after the lease.
    pub record: Bytes,
}

/// T3. Renew one lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// The lease.
    pub token: LeaseToken,
    /// Age of the sign of life, in ms: the lease is renewed from then.
    pub age_ms: u64,
}

/// Why a running task is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopRequest {
    /// A client cancelled it.
    Cancel,
    /// It expired.
    Expiry,
}

/// Answer to a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Renewed.
    Renewed {
        /// The handler is asked to stop.
        stop: Option<StopRequest>,
        /// What is left of attempt_timeout in ms; 0: over.
        remaining_ms: u64,
    },
    /// attempt_timeout and the grace after it are over: not renewed. The caller fails the attempt with ATTEMPT_TIMEOUT.
    TimedOut,
    /// Not the holder any more.
    Lost,
}

/// T4, T5, T7, T9. How an attempt ends. Outcomes are encoded [`crate::record::StoredOutcome`]s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settle {
    /// T4: success.
    Complete {
        /// The output.
        outcome: Bytes,
    },
    /// T4: success with an output over the limit: FAILED.
    CompleteTooLarge {
        /// The error.
        outcome: Bytes,
    },
    /// T5: the attempt failed.
    Fail {
        /// The error.
        outcome: Bytes,
        /// No other attempt.
        permanent: bool,
        /// Wait before the next attempt, in ms.
        delay_ms: u64,
    },
    /// T7: given back.
    Release {
        /// Count it against the release limit.
        counted: bool,
    },
    /// T9: agrees to a stop request. Without one: T5, failed with ATTEMPT_TIMEOUT, if the attempt has run for as long as it may, so that the
    /// budget of attempts bounds a task that always runs too long; else T7, a counted release.
    Stop {
        /// Wait before the next attempt, in ms.
        delay_ms: u64,
    },
}

/// Answer to a settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Done, now or by an earlier call with the same token.
    Done {
        /// State now.
        state: TaskState,
        /// Due time of a SCHEDULED task in Unix ms, else 0.
        due_ms: u64,
    },
    /// The token is not the latest, or the task is gone.
    Lost,
}

/// Answer to a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The task's state now; RUNNING means that the handler was asked to stop.
    State(TaskState),
    /// No such task in this namespace.
    NotFound,
}

/// Answer to a report of progress or a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    /// Stored under this number.
    Stored {
        /// Number of the event.
        sequence: u32,
        /// The handler is asked to stop.
        stop: Option<StopRequest>,
    },
    /// Not the holder any more.
    Lost,
}

/// What one step of maintenance did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ticked {
    /// T1.
    pub promoted: u32,
    /// T6, back to SCHEDULED.
    pub reaped: u32,
    /// T6, FAILED.
    pub crashed_out: u32,
    /// T13, ended.
    pub expired: u32,
    /// T13, running tasks asked to stop; and T6, asked-to-stop tasks whose lease expired.
    pub stopped: u32,
    /// T11.
    pub purged: u32,
    /// Those of the purged that were FAILED: dead letters whose retention is over.
    pub purged_failed: u32,
    /// T11, finished tasks dropped early for space, by retention; FAILED ones never.
    pub evicted: u32,
    /// Unix ms of the next deadline; 0: none.
    pub next_ms: u64,
    /// The store's time.
    pub now_ms: u64,
    /// Some bound was reached: call again at once.
    pub more: bool,
}
