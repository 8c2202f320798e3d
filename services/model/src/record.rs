//! The stored bytes of a task.
//!
//! ```text
//! offset  0        64       64+n        64+body_len          +13*version
//!         | header | names  | [policy] | body (protobuf)    | state events | outcome (protobuf) |
//! ```
//!
//! The header has fixed offsets that the store's scripts read and change; its first byte is the layout. `names` is
//! `u8 length, "<namespace>/<queue>", u8 length, "<kind>"`, so that scripts can name the indexes of a task. `policy` is there when
//! [`flags::POLICY`] is set: `u32 retention in seconds (0: default)`, `u32 length of the input at the end of the body (0: keep it)`,
//! `u48 expires_in in ms (0: never)`; and when [`flags::KEY`] is set: 16 bytes, the digest of the idempotency key. All numbers are big-endian. Each transition appends exactly
//! one state event, so there are `version` of them. Offsets are frozen; a release reads this layout and the one before.

use bytes::{Bytes, BytesMut};
use prost::Message;
use tidemill_proto::v1;

use crate::{
    id::{Name, Namespace},
    state::{Cause, Priority, TaskState},
};

/// The layout this release writes.
pub const LAYOUT: u8 = 1;
/// Length of the header in bytes.
pub const HEADER_BYTES: usize = 64;
/// Length of one state event in bytes.
pub const EVENT_BYTES: usize = 13;
const POLICY_BYTES: usize = 14;
const KEY_BYTES: usize = 16;

/// Bits of the header's flags byte.
pub mod flags {
    /// A client asked to cancel the running task.
    pub const CANCEL: u8 = 1;
    /// The running task's `expires_in` passed.
    pub const EXPIRY_PASSED: u8 = 2;
    /// A policy block follows the names.
    pub const POLICY: u8 = 4;
    /// The digest of an idempotency key follows.
    pub const KEY: u8 = 8;
    /// The task has a log key with progress or chunks.
    pub const LOG: u8 = 16;
    /// The task is in the expiry index.
    pub const EXPIRES: u8 = 32;
}

/// How the last lease ended; lets a repeated settle be answered OK.
pub mod settled {
    /// Not settled since the last lease, or never leased.
    pub const NONE: u8 = 0;
    /// Completed.
    pub const COMPLETE: u8 = 1;
    /// Failed by the handler.
    pub const FAIL: u8 = 2;
    /// Released, or a cancel request agreed to.
    pub const RELEASE: u8 = 3;
    /// Reaped: not the handler's doing, so no settle repeats it.
    pub const REAP: u8 = 4;
}

/// The stored bytes are not a record this release can read. A defect of the store or a newer layout, never a client's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Written by a newer release.
    #[error("record layout {0} is newer than this release reads ({LAYOUT})")]
    Layout(u8),
    /// Damaged.
    #[error("record is damaged: {0}")]
    Damaged(&'static str),
}

/// The fixed part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// State.
    pub state: TaskState,
    /// See [`flags`].
    pub flags: u8,
    /// Priority.
    pub priority: Priority,
    /// Transitions so far, and state events stored.
    pub version: u32,
    /// Number of the last event, state events and log entries together.
    pub sequence: u32,
    /// Log entries below this number are gone; 0: nothing was cut.
    pub first_kept: u32,
    /// Leases so far.
    pub fence: u32,
    /// Random bits of the last lease.
    pub nonce: [u8; 16],
    /// Attempts that failed.
    pub failures: u8,
    /// Attempts whose lease expired.
    pub crashes: u8,
    /// Releases that a handler wished for.
    pub releases: u8,
    /// Attempts allowed.
    pub max_attempts: u8,
    /// Unix ms. SCHEDULED: due; RUNNING: end of the lease; terminal: purge.
    pub deadline_ms: u64,
    /// QUEUED: ready number within the line; RUNNING: Unix ms of the last heartbeat.
    pub mark: u64,
    /// Time the running attempt has run, as counted by heartbeats, in ms.
    pub run_ms: u32,
    /// Longest run of one attempt in ms.
    pub attempt_timeout_ms: u32,
    /// Bytes between header and state events; below 2^24.
    pub body_len: u32,
    /// See [`settled`].
    pub settled: u8,
}

impl Header {
    /// Reads the first 64 bytes of a record.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let bytes: &[u8; HEADER_BYTES] = bytes
            .first_chunk()
            .ok_or(RecordError::Damaged("shorter than its header"))?;
        if bytes[0] != LAYOUT {
            return Err(RecordError::Layout(bytes[0]));
        }
        let u32_at = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&bytes[20..36]);
        Ok(Self {
            state: TaskState::from_number(bytes[1]).ok_or(RecordError::Damaged("unknown state"))?,
            flags: bytes[2],
            priority: Priority::from_number(bytes[3]).ok_or(RecordError::Damaged("unknown priority"))?,
            version: u32_at(4),
            sequence: u32_at(8),
            first_kept: u32_at(12),
            fence: u32_at(16),
            nonce,
            failures: bytes[36],
            crashes: bytes[37],
            releases: bytes[38],
            max_attempts: bytes[39],
            deadline_ms: u48(&bytes[40..46]),
            mark: u48(&bytes[46..52]),
            run_ms: u32_at(52),
            attempt_timeout_ms: u32_at(56),
            body_len: u32_at(60) >> 8,
            settled: bytes[63],
        })
    }

    /// True if all bits of `mask` are set.
    pub fn has(&self, mask: u8) -> bool {
        self.flags & mask == mask
    }

    /// Number of the attempt that a lease starts or started: failures + crashes + 1.
    pub fn attempt(&self) -> u32 {
        u32::from(self.failures) + u32::from(self.crashes) + 1
    }
}

/// One state event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateEvent {
    /// Its number in the task's log.
    pub sequence: u32,
    /// The state from here on.
    pub state: TaskState,
    /// Why.
    pub cause: Cause,
    /// The attempt; 0 before the first lease.
    pub attempt: u8,
    /// Unix ms.
    pub time_ms: u64,
}

impl StateEvent {
    /// Reads the [`EVENT_BYTES`] of an event.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let bytes: &[u8; EVENT_BYTES] = bytes
            .try_into()
            .map_err(|_| RecordError::Damaged("length of an event"))?;
        Ok(Self {
            sequence: u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
            state: TaskState::from_number(bytes[4]).ok_or(RecordError::Damaged("unknown state in an event"))?,
            cause: Cause::from_number(bytes[5]).ok_or(RecordError::Damaged("unknown cause in an event"))?,
            attempt: bytes[6],
            time_ms: u48(&bytes[7..13]),
        })
    }
}

/// What never changes and no script reads. The input comes last, so that a script can cut it off.
#[derive(Clone, PartialEq, Message)]
pub struct StoredBody {
    /// Labels.
    #[prost(btree_map = "string, string", tag = "1")]
    pub labels: std::collections::BTreeMap<String, String>,
    /// Trace context.
    #[prost(message, optional, tag = "2")]
    pub trace: Option<v1::TraceContext>,
    /// Backoff after the first failure, ms; 0: default.
    #[prost(uint64, tag = "3")]
    pub initial_backoff_ms: u64,
    /// Upper bound of the backoff, ms; 0: default.
    #[prost(uint64, tag = "4")]
    pub max_backoff_ms: u64,
    /// Growth of the backoff; 0: default.
    #[prost(double, tag = "5")]
    pub multiplier: f64,
    /// The input.
    #[prost(message, optional, tag = "15")]
    pub input: Option<v1::Payload>,
}

/// How the task or its latest attempt ended. Two of these written one after the other merge, later fields win: this is how a cancel's
/// reason is added without reading the rest.
#[derive(Clone, PartialEq, Message)]
pub struct StoredOutcome {
    /// Output of a SUCCEEDED task.
    #[prost(message, optional, tag = "1")]
    pub output: Option<v1::Payload>,
    /// Error of a FAILED task or of the latest failed attempt.
    #[prost(message, optional, tag = "2")]
    pub error: Option<v1::TaskError>,
    /// Reason given with a cancel request.
    #[prost(string, tag = "3")]
    pub cancel_reason: String,
}

/// A record taken apart. The protobuf parts are views of the stored bytes, decoded on demand.
#[derive(Debug, Clone)]
pub struct Record {
    /// The fixed part.
    pub header: Header,
    /// Tenant.
    pub namespace: Namespace,
    /// Queue.
    pub queue: Name,
    /// Kind.
    pub kind: Name,
    body: Bytes,
    /// State events, oldest first.
    pub events: Vec<StateEvent>,
    outcome: Bytes,
}

impl Record {
    /// Reads a whole record, or one without its body as the store's `read` returns it: then `with_body` is false and the bytes between
    /// names and events are missing.
    pub fn parse(bytes: &Bytes, with_body: bool) -> Result<Self, RecordError> {
        let header = Header::parse(bytes)?;
        let (line, rest_at) = text_at(bytes, HEADER_BYTES)?;
        let (kind, mut body_at) = text_at(bytes, rest_at)?;
        let (namespace, queue) = line
            .split_once('/')
            .ok_or(RecordError::Damaged("queue without namespace"))?;
        body_at += if header.has(flags::POLICY) { POLICY_BYTES } else { 0 }
            + if header.has(flags::KEY) { KEY_BYTES } else { 0 };
        let events_at = if with_body {
            HEADER_BYTES + header.body_len as usize
        } else {
            body_at
        };
        let outcome_at = events_at + header.version as usize * EVENT_BYTES;
        if body_at > events_at || outcome_at > bytes.len() {
            return Err(RecordError::Damaged("shorter than its events"));
        }
        let events = bytes[events_at..outcome_at]
            .chunks_exact(EVENT_BYTES)
            .map(StateEvent::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            namespace: Namespace::new(namespace).map_err(|_| RecordError::Damaged("namespace"))?,
            queue: Name::new(queue).map_err(|_| RecordError::Damaged("queue"))?,
            kind: Name::new(kind).map_err(|_| RecordError::Damaged("kind"))?,
            body: bytes.slice(body_at..events_at),
            outcome: bytes.slice(outcome_at..),
            header,
            events,
        })
    }

    /// Labels, trace context, backoffs and input. Empty if the record was read without its body.
    pub fn body(&self) -> Result<StoredBody, RecordError> {
        StoredBody::decode(self.body.clone()).map_err(|_| RecordError::Damaged("body"))
    }

    /// Output, error and cancel reason, as far as there are.
    pub fn outcome(&self) -> Result<StoredOutcome, RecordError> {
        StoredOutcome::decode(self.outcome.clone()).map_err(|_| RecordError::Damaged("outcome"))
    }

    /// The attempt that runs or ran last; 0 if the task was never leased.
    pub fn attempt(&self) -> u32 {
        self.last_lease().map_or(0, |event| u32::from(event.attempt))
    }

    /// The event of the last lease.
    pub fn last_lease(&self) -> Option<&StateEvent> {
        self.events.iter().rev().find(|event| event.cause == Cause::Leased)
    }

    /// Unix ms of the enqueue, by the store's clock.
    pub fn created_ms(&self) -> u64 {
        self.events.first().map_or(0, |event| event.time_ms)
    }

    /// Unix ms of the terminal transition.
    pub fn finished_ms(&self) -> Option<u64> {
        self.events
            .last()
            .filter(|event| event.state.is_terminal())
            .map(|event| event.time_ms)
    }
}

/// What a new record is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRecord {
    /// Tenant.
    pub namespace: Namespace,
    /// Queue.
    pub queue: Name,
    /// Kind.
    pub kind: Name,
    /// Priority.
    pub priority: Priority,
    /// Attempts allowed, 1 to 100.
    pub max_attempts: u8,
    /// Longest run of one attempt in ms.
    pub attempt_timeout_ms: u32,
    /// Retention of the finished task in seconds; 0: the default of its state.
    pub retention_s: u32,
    /// Cut the input off on success.
    pub drop_input: bool,
    /// Digest of the idempotency key.
    pub key_digest: Option<[u8; 16]>,
    /// The task expires this many ms after the store took it in; 0: never. Below 2^48.
    pub expires_in_ms: u64,
    /// The rest.
    pub body: StoredBody,
}

impl NewRecord {
    /// The bytes that the enqueue script completes: state, times, version and sequence are still zero and no event is appended.
    pub fn encode(&self) -> Bytes {
        let line = format!("{}/{}", self.namespace, self.queue);
        let names = 2 + line.len() + self.kind.as_str().len();
        let most = HEADER_BYTES + names + POLICY_BYTES + KEY_BYTES + self.body.encoded_len();
        let mut out = BytesMut::with_capacity(most);
        out.resize(HEADER_BYTES, 0);
        push_text(&mut out, &line);
        push_text(&mut out, self.kind.as_str());
        let input_len = self.body.input.as_ref().map_or(0, |input| {
            let len = input.encoded_len();
            // Tag 15 of wire type 2 takes one byte.
            1 + prost::length_delimiter_len(len) + len
        });
        let mut bits = 0;
        if self.retention_s > 0 || self.drop_input || self.expires_in_ms > 0 {
            bits |= flags::POLICY;
            out.extend_from_slice(&self.retention_s.to_be_bytes());
            let cut = if self.drop_input { input_len as u32 } else { 0 };
            out.extend_from_slice(&cut.to_be_bytes());
            out.extend_from_slice(&self.expires_in_ms.to_be_bytes()[2..]);
        }
        if let Some(digest) = &self.key_digest {
            bits |= flags::KEY;
            out.extend_from_slice(digest);
        }
        bits |= if self.expires_in_ms > 0 { flags::EXPIRES } else { 0 };
        self.body.encode_raw(&mut out);
        let body_len = (out.len() - HEADER_BYTES) as u32;
        out[0] = LAYOUT;
        out[2] = bits;
        out[3] = self.priority as u8;
        out[39] = self.max_attempts;
        out[56..60].copy_from_slice(&self.attempt_timeout_ms.to_be_bytes());
        out[60..64].copy_from_slice(&(body_len << 8).to_be_bytes());
        out.freeze()
    }
}

fn push_text(out: &mut BytesMut, text: &str) {
    // Names are at most 64 + 1 + 128 bytes.
    out.extend_from_slice(&[text.len() as u8]);
    out.extend_from_slice(text.as_bytes());
}

fn text_at(bytes: &[u8], at: usize) -> Result<(&str, usize), RecordError> {
    let length = usize::from(*bytes.get(at).ok_or(RecordError::Damaged("no names"))?);
    let text = bytes
        .get(at + 1..at + 1 + length)
        .ok_or(RecordError::Damaged("cut names"))?;
    Ok((
        std::str::from_utf8(text).map_err(|_| RecordError::Damaged("names"))?,
        at + 1 + length,
    ))
}

fn u48(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests;
