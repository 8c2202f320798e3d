use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    id::{LeaseToken, TaskId},
    op::{Line, NewTask, Rules, StopRequest},
    record::{EVENT_BYTES, HEADER_BYTES, Header, LAYOUT, Record, RecordError, StateEvent, flags},
    snapshot::Snapshot,
    state::{Cause, TaskState},
    wire::LogEntry,
};

/// A task of the reference queue. It is kept taken apart and put together to a record when somebody reads it.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) id: TaskId,
    pub(super) namespace: crate::id::Namespace,
    pub(super) line: Line,
    pub(super) header: Header,
    /// Names, policy and body.
    body: Bytes,
    /// Bytes to cut off the end of the body on success.
    droppable: usize,
    pub(super) retention_s: u32,
    pub(super) key: Option<[u8; 16]>,
    /// Unix ms.
    pub(super) expires_ms: Option<u64>,
    pub(super) events: Vec<StateEvent>,
    outcome: BytesMut,
    pub(super) log: VecDeque<LogEntry>,
}

impl Task {
    /// A task before its first event: no state yet that means anything.
    pub(super) fn new(now_ms: u64, new: &NewTask) -> Result<Self, RecordError> {
        let encoded = new.record.encode();
        // The template has no state, which no reader accepts.
        let mut template = BytesMut::from(encoded.as_ref());
        if let Some(state) = template.get_mut(1) {
            *state = TaskState::Scheduled as u8;
        }
        let record = &new.record;
        let without_input = crate::record::NewRecord {
            body: crate::record::StoredBody {
                input: None,
                ..record.body.clone()
            },
            ..record.clone()
        };
        Ok(Self {
            id: new.id,
            namespace: record.namespace.clone(),
            line: Line {
                queue: record.queue.clone(),
                kind: record.kind.clone(),
            },
            header: Header::parse(&template)?,
            body: encoded.slice(HEADER_BYTES..),
            droppable: if record.drop_input {
                encoded.len() - without_input.encode().len()
            } else {
                0
            },
            retention_s: record.retention_s,
            key: record.key_digest,
            expires_ms: (record.expires_in_ms > 0).then(|| now_ms + record.expires_in_ms),
            events: Vec::new(),
            outcome: BytesMut::new(),
            log: VecDeque::new(),
        })
    }

    /// Header and body: what the bytes counter of the queue counts.
    pub(super) fn size(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.header.body_len)
    }

    /// Length of the whole record.
    pub(super) fn record_len(&self) -> usize {
        HEADER_BYTES + self.body.len() + self.events.len() * EVENT_BYTES + self.outcome.len()
    }

    pub(super) fn record_bytes(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.record_len());
        put_header(&mut out, &self.header);
        out.put_slice(&self.body);
        for event in &self.events {
            put_event(&mut out, event);
        }
        out.put_slice(&self.outcome);
        out.freeze()
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot, RecordError> {
        Snapshot::of(&Record::parse(&self.record_bytes(), true)?)
    }

    /// True if the token is that of the latest grant, whether or not it still runs.
    pub(super) fn granted_last(&self, token: &LeaseToken) -> bool {
        self.header.fence == token.fence && self.header.nonce == token.nonce
    }

    pub(super) fn stop_request(&self) -> Option<StopRequest> {
        if self.header.has(flags::CANCEL) {
            Some(StopRequest::Cancel)
        } else {
            self.header.has(flags::EXPIRY_PASSED).then_some(StopRequest::Expiry)
        }
    }

    /// Adds to the outcome: protobuf merges.
    pub(super) fn add_outcome(&mut self, outcome: &[u8]) {
        self.outcome.extend_from_slice(outcome);
    }

    /// Writes the error of an ended attempt. It takes the place of the one before, but a cancel's reason stays.
    pub(super) fn set_error(&mut self, outcome: &[u8]) {
        if self.stop_request().is_none() {
            self.outcome.clear();
        }
        self.add_outcome(outcome);
    }

    pub(super) fn drop_input(&mut self) {
        self.body.truncate(self.body.len() - self.droppable);
        self.header.body_len = self.body.len() as u32;
        self.droppable = 0;
    }

    /// Appends one state event: one transition.
    pub(super) fn push_event(&mut self, now_ms: u64, state: TaskState, cause: Cause) {
        let attempt = match cause {
            Cause::Leased => self.header.attempt() as u8,
            _ => self.events.last().map_or(0, |event| event.attempt),
        };
        self.header.version += 1;
        self.header.sequence += 1;
        self.header.state = state;
        self.events.push(StateEvent {
            sequence: self.header.sequence,
            state,
            cause,
            attempt,
            time_ms: now_ms,
        });
    }

    /// Appends to the log and cuts it to its bounds, oldest first. The newest entry is always kept.
    pub(super) fn push_log(&mut self, rules: &Rules, entry: LogEntry) {
        self.header.flags |= flags::LOG;
        self.log.push_back(entry);
        let bytes = |log: &VecDeque<LogEntry>| log.iter().map(|entry| entry.payload.len() as u64).sum::<u64>();
        while self.log.len() > 1 && (self.log.len() > rules.log_entries as usize || bytes(&self.log) > rules.log_bytes)
        {
            self.log.pop_front();
            self.header.first_kept = self.log.front().map_or(0, |entry| entry.sequence);
        }
    }
}

fn put_header(out: &mut BytesMut, header: &Header) {
    out.put_slice(&[LAYOUT, header.state as u8, header.flags, header.priority as u8]);
    for number in [header.version, header.sequence, header.first_kept, header.fence] {
        out.put_u32(number);
    }
    out.put_slice(&header.nonce);
    out.put_slice(&[header.failures, header.crashes, header.releases, header.max_attempts]);
    out.put_uint(header.deadline_ms, 6);
    out.put_uint(header.mark, 6);
    out.put_u32(header.run_ms);
    out.put_u32(header.attempt_timeout_ms);
    out.put_u32((header.body_len << 8) | u32::from(header.settled));
}

fn put_event(out: &mut BytesMut, event: &StateEvent) {
    out.put_u32(event.sequence);
    out.put_slice(&[event.state as u8, event.cause as u8, event.attempt]);
    out.put_uint(event.time_ms, 6);
}
