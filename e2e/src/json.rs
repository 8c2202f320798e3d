//! Messages of the contract as the conformance suite's JSON (clients/conformance/README.md).

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tidemill_client::{Payload, TaskState};
use tidemill_proto::v1::{self, payload::Content};

/// A payload: `text`, `json` or `data`, with its `content_type`; nothing at all if it has no content.
#[must_use]
pub fn payload_json(payload: &v1::Payload) -> Value {
    let mut shown = match &payload.content {
        None => return json!({}),
        Some(Content::Text(text)) => json!({ "text": text }),
        Some(Content::Data(data)) => json!({ "data": STANDARD.encode(data) }),
        Some(Content::Json(_)) => {
            let value: Value = Payload::from(payload.clone()).to_json().unwrap_or_default();
            json!({ "json": value })
        }
    };
    shown["content_type"] = Payload::from(payload.clone()).content_type().into();
    shown
}

/// Why a task failed.
#[must_use]
pub fn task_error_json(error: &v1::TaskError) -> Value {
    let reason = error.reason().as_str_name();
    json!({
        "reason": reason.strip_prefix("ERROR_REASON_").unwrap_or(reason),
        "message": error.message,
        "type": error.r#type,
        "permanent": error.permanent,
    })
}

/// A task as AdminService shows it. Times are told as milliseconds since it was enqueued (`…_after_ms`), `kept_ms` since it finished.
#[must_use]
pub fn task_json(task: &v1::Task) -> Value {
    let (created, finished) = (task.create_time.as_ref(), task.finish_time.as_ref());
    let policy = task.retry_policy.unwrap_or_default();
    json!({
        "task_id": task.task_id,
        "queue": task.queue,
        "kind": task.kind,
        "state": TaskState::from_proto(task.state).to_string(),
        "priority": task.priority().as_str_name().replace("PRIORITY_", ""),
        "attempt": task.attempt,
        "failures": task.failures,
        "crashes": task.crashes,
        "releases": task.releases,
        "retry_policy": {
            "max_attempts": policy.max_attempts,
            "initial_backoff_ms": policy.initial_backoff.as_ref().map(millis),
            "max_backoff_ms": policy.max_backoff.as_ref().map(millis),
            "multiplier": policy.multiplier,
        },
        "labels": task.labels,
        "input": task.input.as_ref().map(payload_json),
        "output": task.output.as_ref().map(payload_json),
        "error": task.error.as_ref().map(task_error_json),
        "due_after_ms": between(created, task.due_time.as_ref()),
        "start_after_ms": between(created, task.start_time.as_ref()),
        "finish_after_ms": between(created, finished),
        "kept_ms": between(finished, task.purge_time.as_ref()),
        "cancel_requested": task.cancel_requested,
        "cancel_reason": task.cancel_reason,
        "attempt_timeout_ms": task.attempt_timeout.as_ref().map(millis),
        "last_sequence": task.last_sequence,
        "fence": task.fence,
    })
}

/// A leased task.
#[must_use]
pub fn assignment_json(assignment: &v1::Assignment) -> Value {
    let trace = assignment.trace_context.clone().unwrap_or_default();
    json!({
        "lease_token": assignment.lease_token,
        "task_id": assignment.task_id,
        "attempt": assignment.attempt,
        "fence": assignment.fence,
        "labels": assignment.labels,
        "traceparent": trace.traceparent,
        "tracestate": trace.tracestate,
        "payload": assignment.payload.as_ref().map(payload_json),
    })
}

fn millis(duration: &prost_types::Duration) -> i64 {
    duration.seconds * 1_000 + i64::from(duration.nanos) / 1_000_000
}

fn between(from: Option<&prost_types::Timestamp>, to: Option<&prost_types::Timestamp>) -> Option<i64> {
    let (from, to) = (from?, to?);
    Some((to.seconds - from.seconds) * 1_000 + i64::from(to.nanos - from.nanos) / 1_000_000)
}
