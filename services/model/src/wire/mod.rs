//! Contract ↔ model: every request of every RPC is validated here and nowhere else, and every answer about a task is put together here.
//!
//! A request that breaks rules is answered with *all* of them at once ([`Violations`]): each names the field by its path in the contract
//! and the limit in words. What an operator may change is in [`Limits`]; the rest are the constants below. Nothing here reads a clock:
//! functions take `now_ms` where the time matters, and the store's clock decides in the end.

mod admin;
mod check;
mod enqueue;
mod log;
mod outcome;
mod results;
mod settle;
#[cfg(test)]
mod tests;
mod time;
mod view;
mod violation;
mod worker;

pub use admin::{QueuePage, TaskPage, parse_get_queue, parse_get_task, parse_list_queues, parse_list_tasks};
pub use enqueue::{EnqueueDefaults, parse_batch, parse_enqueue, retry_policy_of, retry_policy_with};
pub use log::{LogEntry, LogKind, chunk_payload, progress_payload, truncated_event};
pub use outcome::{
    outcome_attempt_timeout, outcome_attempts_exhausted, outcome_cancel, outcome_crash_limit, outcome_error,
    outcome_lease_expired, outcome_output, outcome_release_limit,
};
pub use results::{
    Cancel, GetResult, Watch, parse_cancel, parse_get_result, parse_task_id, parse_watch, parse_watch_target,
};
pub use settle::{Failure, Report, parse_complete, parse_fail, parse_release, parse_report};
pub use time::{duration, timestamp};
pub use view::{assignment, assignment_of, cancel_cause, result_view, state_event, step_event, task_view};
pub use violation::{Violation, Violations};
pub use worker::{LeaseCall, Registration, parse_credits, parse_heartbeat, parse_lease, parse_register};

use crate::id::Name;

/// Longest idempotency key and request id, in bytes.
pub const KEY_MAX_BYTES: usize = 255;
/// Longest MIME type of a payload, in bytes.
pub const CONTENT_TYPE_MAX_BYTES: usize = 256;
/// Most labels of a task.
pub const LABELS_MAX: usize = 32;
/// Longest value of a label, in bytes.
pub const LABEL_VALUE_MAX_BYTES: usize = 256;
/// Longest `traceparent`, in bytes.
pub const TRACEPARENT_MAX_BYTES: usize = 64;
/// Longest `tracestate`, in bytes.
pub const TRACESTATE_MAX_BYTES: usize = 512;
/// Most attempts of a task.
pub const ATTEMPTS_MAX: u8 = 100;
/// Largest growth of the backoff.
pub const MULTIPLIER_MAX: f64 = 100.0;
/// Longest reason of a cancel request and longest text of progress, in bytes.
pub const REASON_MAX_BYTES: usize = 1 << 10;
/// Longest message of an error, in bytes; longer ones are cut.
pub const ERROR_MESSAGE_MAX_BYTES: usize = 8 << 10;
/// Longest type of an error, in bytes; longer ones are cut.
pub const ERROR_TYPE_MAX_BYTES: usize = 256;
/// Most queues that one handler process serves.
pub const QUEUES_MAX: usize = 64;
/// Most kinds that one handler process serves.
pub const KINDS_MAX: usize = 256;
/// Most tasks of one lease call.
pub const LEASE_MAX: u32 = 128;
/// Most tokens of one heartbeat call.
pub const HEARTBEAT_MAX: usize = 256;
/// Most credits of one handler process, and most leases it may name as held.
pub const CREDITS_MAX: u32 = 10_000;
/// Longest name of a handler process, in bytes.
pub const HANDLER_NAME_MAX_BYTES: usize = 128;
/// Longest page token, in bytes.
pub const PAGE_TOKEN_MAX_BYTES: usize = 1 << 10;

/// The limits that an operator may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The queue of a request that names none.
    pub default_queue: Name,
    /// Longest input, as an encoded `Payload`.
    pub max_payload_bytes: usize,
    /// Longest output, as an encoded `Payload`.
    pub max_output_bytes: usize,
    /// Longest chunk, as an encoded `Payload`.
    pub max_chunk_bytes: usize,
    /// Most entries of one BatchEnqueue.
    pub max_batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            default_queue: Name::default_queue(),
            max_payload_bytes: 256 << 10,
            max_output_bytes: 256 << 10,
            max_chunk_bytes: 64 << 10,
            max_batch: 1_000,
        }
    }
}
