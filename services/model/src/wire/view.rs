use tidemill_proto::v1::{self, task_event};

use super::{
    enqueue::resolve,
    time::{duration, timestamp},
};
use crate::{
    id::{LeaseToken, TaskId},
    op::{Leased, Rules, StopRequest},
    record::{Record, RecordError, StateEvent, StoredBody, flags},
    retry::RetryPolicy,
    state::TaskState,
};

/// A task as GetTask and, without payloads, ListTasks show it. A record read without its body has no labels, no input and no
/// backoffs.
pub fn task_view(
    id: &TaskId,
    record: &Record,
    defaults: &RetryPolicy,
    payloads: bool,
) -> Result<v1::Task, RecordError> {
    let (header, body, outcome) = (&record.header, record.body()?, record.outcome()?);
    let policy = resolve(header.max_attempts, &body, defaults);
    let state = header.state;
    Ok(v1::Task {
        task_id: id.to_string(),
        queue: record.queue.to_string(),
        kind: record.kind.to_string(),
        state: state.to_proto().into(),
        priority: header.priority.to_proto().into(),
        attempt: record.attempt() as i32,
        failures: i32::from(header.failures),
        crashes: i32::from(header.crashes),
        releases: i32::from(header.releases),
        retry_policy: Some(v1::RetryPolicy {
            max_attempts: i32::from(policy.max_attempts),
            // Of the body: where that was not read they are not known, and the defaults would be wrong.
            initial_backoff: payloads.then(|| duration(policy.initial_backoff_ms)),
            max_backoff: payloads.then(|| duration(policy.max_backoff_ms)),
            multiplier: if payloads { policy.multiplier } else { 0.0 },
        }),
        labels: body.labels.into_iter().collect(),
        input: body.input.filter(|_| payloads),
        output: outcome.output.filter(|_| payloads && state == TaskState::Succeeded),
        error: outcome.error,
        create_time: Some(timestamp(record.created_ms())),
        due_time: (state == TaskState::Scheduled).then(|| timestamp(header.deadline_ms)),
        start_time: start_time(record),
        finish_time: record.finished_ms().map(timestamp),
        purge_time: state.is_terminal().then(|| timestamp(header.deadline_ms)),
        cancel_requested: cancel_requested(record),
        attempt_timeout: Some(duration(u64::from(header.attempt_timeout_ms))),
        last_sequence: i64::from(header.sequence),
        fence: i64::from(header.fence),
        cancel_reason: outcome.cancel_reason,
    })
}

/// Answer to GetResult. The record may have been read without its body.
pub fn result_view(id: &TaskId, record: &Record) -> Result<v1::GetResultResponse, RecordError> {
    let outcome = record.outcome()?;
    let state = record.header.state;
    Ok(v1::GetResultResponse {
        task_id: id.to_string(),
        state: state.to_proto().into(),
        attempt: record.attempt() as i32,
        output: outcome.output.filter(|_| state == TaskState::Succeeded),
        error: outcome.error,
        create_time: Some(timestamp(record.created_ms())),
        start_time: start_time(record),
        finish_time: record.finished_ms().map(timestamp),
        last_sequence: i64::from(record.header.sequence),
        cancel_requested: cancel_requested(record),
    })
}

/// One state event of the record's log; the terminal one is the result. The record may have been read without its body.
pub fn state_event(event: &StateEvent, record: &Record) -> Result<v1::TaskEvent, RecordError> {
    if !event.state.is_terminal() {
        return Ok(step_event(event));
    }
    let outcome = record.outcome()?;
    let result = v1::TaskResult {
        state: event.state.to_proto().into(),
        output: outcome.output.filter(|_| event.state == TaskState::Succeeded),
        error: outcome.error.filter(|_| event.state == TaskState::Failed),
    };
    Ok(task_event(event, task_event::Event::Result(result)))
}

/// A state event that is not terminal: it says all by itself.
pub fn step_event(event: &StateEvent) -> v1::TaskEvent {
    let changed = v1::StateChanged {
        state: event.state.to_proto().into(),
        cause: event.cause.to_proto().into(),
    };
    task_event(event, task_event::Event::StateChanged(changed))
}

fn task_event(event: &StateEvent, what: task_event::Event) -> v1::TaskEvent {
    v1::TaskEvent {
        sequence: i64::from(event.sequence),
        attempt: i32::from(event.attempt),
        time: Some(timestamp(event.time_ms)),
        event: Some(what),
    }
}

/// A leased task as its handler gets it.
pub fn assignment(leased: &Leased, rules: &Rules) -> Result<v1::Assignment, RecordError> {
    let record = Record::parse(&leased.record, true)?;
    let body = record.body()?;
    assignment_of(leased.token, &record, body, rules)
}

/// The same of a record that was taken apart already.
pub fn assignment_of(
    token: LeaseToken,
    record: &Record,
    body: StoredBody,
    rules: &Rules,
) -> Result<v1::Assignment, RecordError> {
    let (header, outcome) = (&record.header, record.outcome()?);
    Ok(v1::Assignment {
        lease_token: token.to_string(),
        task_id: token.task.to_string(),
        queue: record.queue.to_string(),
        kind: record.kind.to_string(),
        payload: body.input,
        attempt: header.attempt() as i32,
        max_attempts: i32::from(header.max_attempts),
        fence: i64::from(token.fence),
        lease_ttl: Some(duration(rules.lease_ttl_ms)),
        attempt_timeout: Some(duration(u64::from(header.attempt_timeout_ms))),
        labels: body.labels.into_iter().collect(),
        trace_context: body.trace,
        create_time: Some(timestamp(record.created_ms())),
        lease_time: start_time(record),
        last_error: outcome.error,
    })
}

/// Why a handler is asked to stop, in the contract.
pub fn cancel_cause(stop: Option<StopRequest>) -> v1::CancelCause {
    match stop {
        None => v1::CancelCause::Unspecified,
        Some(StopRequest::Cancel) => v1::CancelCause::Client,
        Some(StopRequest::Expiry) => v1::CancelCause::Expiry,
    }
}

fn start_time(record: &Record) -> Option<prost_types::Timestamp> {
    record.last_lease().map(|event| timestamp(event.time_ms))
}

fn cancel_requested(record: &Record) -> bool {
    record.header.state == TaskState::Running && record.header.has(flags::CANCEL)
}
