//! Entries of batched calls: how each is written as arguments and how its reply is read. The order of the arguments is that of the
//! script's header.

use bytes::Bytes;
use prost::Message;
use tidemill_model::{
    id::{LeaseToken, Namespace, TaskId},
    op::{Cancelled, Enqueued, Heartbeat, LeaseRequest, NewTask, Renewal, Reported, Rules, Settle, Settlement, Start},
    wire::{LogEntry, LogKind},
};

use crate::{
    error::StoreError,
    reply::{Fields, unexpected, unknown_tag},
    scripts::Call,
    store::{ReadRequest, Reading},
};

pub(crate) struct SettleEntry {
    pub(crate) token: LeaseToken,
    pub(crate) settle: Settle,
}

pub(crate) struct CancelEntry {
    pub(crate) id: TaskId,
    pub(crate) namespace: Namespace,
    pub(crate) outcome: Bytes,
}

pub(crate) struct ReportEntry {
    pub(crate) token: LeaseToken,
    pub(crate) kind: LogKind,
    pub(crate) payload: Bytes,
}

impl SettleEntry {
    pub(crate) fn size(&self) -> usize {
        64 + match &self.settle {
            Settle::Complete { outcome } | Settle::CompleteTooLarge { outcome } | Settle::Fail { outcome, .. } => {
                outcome.len()
            }
            Settle::Release { .. } | Settle::Stop { .. } => 0,
        }
    }
}

pub(crate) fn rules_text(rules: &Rules) -> String {
    let numbers = [
        rules.lease_ttl_ms,
        u64::from(rules.crash_limit),
        u64::from(rules.release_limit),
        rules.retention_ms,
        rules.failed_retention_ms,
        rules.key_retention_ms,
        rules.reap_delay_ms,
        rules.timeout_grace_ms,
        u64::from(rules.log_entries),
        rules.log_bytes,
    ];
    numbers.map(|n| n.to_string()).join(" ")
}

/// `terms` of `enqueue.lua`: u8 start and four u48.
const TERMS_BYTES: usize = 25;
const MAX_U48: u64 = (1 << 48) - 1;

pub(crate) fn size_of_task(task: &NewTask) -> usize {
    256 + task.record.body.encoded_len()
}

pub(crate) fn push_new_task(call: &mut Call, task: &NewTask) {
    let record = &task.record;
    let (start, ms) = match task.start {
        Start::Now => (0, 0),
        Start::After(ms) => (1, ms),
        Start::At(ms) => (2, ms),
    };
    // All numbers in one argument: most tasks of a batch have the same, and the script reads it once.
    let mut terms = [0; TERMS_BYTES];
    terms[0] = start;
    let numbers = [ms, record.expires_in_ms, task.queue_limit, task.queue_bytes_limit];
    for (place, number) in terms[1..].chunks_exact_mut(6).zip(numbers) {
        // No time and no limit comes near 2^48.
        place.copy_from_slice(&number.min(MAX_U48).to_be_bytes()[2..]);
    }
    let key = task
        .idempotency
        .as_ref()
        .map_or_else(Vec::new, |i| [i.key.as_slice(), i.content.as_slice()].concat());
    call.arg(task.id.as_bytes().as_slice())
        .arg(record.encode().as_ref())
        .arg(format!("{}/{}", record.namespace, record.queue))
        .arg(record.kind.as_str())
        .arg(terms.as_slice())
        .arg(key);
}

pub(crate) fn enqueued(fields: &mut Fields) -> Result<Enqueued, StoreError> {
    Ok(match fields.tag()?.as_ref() {
        b"stored" => Enqueued::Stored(fields.state()?),
        b"duplicate" => Enqueued::Duplicate(fields.task_id()?, fields.state()?),
        b"reused" => Enqueued::KeyReused(fields.task_id()?),
        b"full" => Enqueued::QueueFull(fields.number()?),
        b"bytes" => Enqueued::QueueBytes(fields.number()?),
        b"taken" => Enqueued::IdTaken,
        other => return unknown_tag(other),
    })
}

pub(crate) fn push_lease(call: &mut Call, request: &LeaseRequest) {
    call.arg(request.namespace.as_str())
        .arg(request.max)
        .arg(request.max_bytes)
        .arg(request.request.as_slice())
        .arg(request.nonce.as_slice());
    for line in &request.lines {
        call.arg(line.queue.as_str()).arg(line.kind.as_str());
    }
}

fn push_token(call: &mut Call, token: &LeaseToken) {
    call.arg(token.task.as_bytes().as_slice())
        .arg(token.fence)
        .arg(token.nonce.as_slice());
}

pub(crate) fn push_heartbeat(call: &mut Call, heartbeat: &Heartbeat) {
    push_token(call, &heartbeat.token);
    call.arg(heartbeat.age_ms);
}

pub(crate) fn renewal(fields: &mut Fields) -> Result<Renewal, StoreError> {
    Ok(match fields.tag()?.as_ref() {
        b"renewed" => Renewal::Renewed {
            stop: fields.stop()?,
            remaining_ms: fields.number()?,
        },
        b"timeout" => Renewal::TimedOut,
        b"lost" => Renewal::Lost,
        other => return unknown_tag(other),
    })
}

pub(crate) fn push_settle(call: &mut Call, entry: &SettleEntry) {
    push_token(call, &entry.token);
    match &entry.settle {
        Settle::Complete { outcome } => call.arg("ok").arg(outcome.as_ref()),
        Settle::CompleteTooLarge { outcome } => call.arg("large").arg(outcome.as_ref()),
        Settle::Fail {
            outcome,
            permanent,
            delay_ms,
        } => call.arg(u8::from(*permanent)).arg(*delay_ms).arg(outcome.as_ref()),
        Settle::Release { counted: true } => call.arg("counted").arg(0),
        Settle::Release { counted: false } => call.arg("uncounted").arg(0),
        Settle::Stop { delay_ms } => call.arg("stop").arg(*delay_ms),
    };
}

pub(crate) fn settlement(fields: &mut Fields) -> Result<Settlement, StoreError> {
    Ok(match fields.tag()?.as_ref() {
        b"done" => Settlement::Done {
            state: fields.state()?,
            due_ms: fields.number()?,
        },
        b"lost" => Settlement::Lost,
        other => return unknown_tag(other),
    })
}

pub(crate) fn push_cancel(call: &mut Call, entry: &CancelEntry) {
    call.arg(entry.id.as_bytes().as_slice())
        .arg(entry.namespace.as_str())
        .arg(entry.outcome.as_ref());
}

pub(crate) fn cancelled(fields: &mut Fields) -> Result<Cancelled, StoreError> {
    Ok(match fields.tag()?.as_ref() {
        b"state" => Cancelled::State(fields.state()?),
        b"missing" => Cancelled::NotFound,
        other => return unknown_tag(other),
    })
}

pub(crate) fn push_report(call: &mut Call, entry: &ReportEntry) {
    push_token(call, &entry.token);
    call.arg(entry.kind as u8).arg(entry.payload.as_ref());
}

pub(crate) fn reported(fields: &mut Fields) -> Result<Reported, StoreError> {
    Ok(match fields.tag()?.as_ref() {
        b"stored" => Reported::Stored {
            sequence: fields.small()?,
            stop: fields.stop()?,
        },
        b"lost" => Reported::Lost,
        other => return unknown_tag(other),
    })
}

pub(crate) fn push_read(call: &mut Call, request: &ReadRequest) {
    call.arg(request.id.as_bytes().as_slice())
        .arg(request.namespace.as_str())
        .arg(u8::from(request.with_body))
        .arg(request.after.map_or(-1, i64::from))
        .arg(request.most_entries);
}

pub(crate) fn reading(fields: &mut Fields) -> Result<Option<Reading>, StoreError> {
    match fields.tag()?.as_ref() {
        b"missing" => return Ok(None),
        b"found" => {}
        other => return unknown_tag(other),
    }
    let record = fields.bytes()?;
    let more = fields.number()? == 1;
    let mut entries = Vec::new();
    while let Some(sequence) = fields.next() {
        let redis::Value::Int(sequence) = sequence else {
            return Err(unexpected("sequence of a log entry"));
        };
        let sequence = u32::try_from(sequence).map_err(|_| unexpected("sequence of a log entry"))?;
        entries.push(log_entry(sequence, &fields.bytes()?)?);
    }
    Ok(Some(Reading { record, entries, more }))
}

/// u8 attempt, u48 time, u8 type, u48 total, payload: see `report.lua`.
fn log_entry(sequence: u32, bytes: &Bytes) -> Result<LogEntry, StoreError> {
    let head: &[u8; 14] = bytes.first_chunk().ok_or_else(|| unexpected("short log entry"))?;
    let time_ms = head[1..7].iter().fold(0, |n, byte| (n << 8) | u64::from(*byte));
    let kind = LogKind::from_number(head[7]).ok_or_else(|| unexpected("kind of a log entry"))?;
    Ok(LogEntry {
        sequence,
        attempt: head[0],
        time_ms,
        kind,
        payload: bytes.slice(14..),
    })
}
