//! What the client found, as the suite's JSON.

use serde_json::{Map, Value, json};
use tidemill_client::{Error, ErrorKind, Event, EventKind, Outcome, Payload, TaskError};
use tidemill_e2e::{payload_json, task_error_json};
use tonic::Code;

use crate::wrong::wrong;

/// The error of a call.
pub(crate) fn error(error: &Error) -> Value {
    let kind = match error.kind() {
        _ if wrong("wrong-kind") => "contract",
        ErrorKind::Refused => "refused",
        ErrorKind::Unreachable => "unreachable",
        ErrorKind::ConnectionLost => "connection_lost",
        ErrorKind::DeadlineExceeded => "deadline_exceeded",
        ErrorKind::Invalid => "invalid",
        _ => "contract",
    };
    let outcome = match error.outcome() {
        Outcome::Unknown if !wrong("wrong-outcome") => "unknown",
        _ => "not_applied",
    };
    let violations = error
        .violations()
        .iter()
        .take(if wrong("one-violation") { 1 } else { usize::MAX });
    let violations: Vec<Value> = violations
        .map(|violation| json!({ "subject": violation.subject, "description": violation.description }))
        .collect();
    let mut shown = Map::new();
    let mut put = |key: &str, value: Value| drop(shown.insert(key.to_owned(), value));
    put("kind", kind.into());
    put("reason", error.reason_name().into());
    put("outcome", outcome.into());
    put("violations", violations.into());
    put(
        "message",
        if wrong("vague-errors") {
            "it failed".into()
        } else {
            error.to_string().into()
        },
    );
    if let Some(code) = error.code() {
        put("code", code_name(code).into());
    }
    if let Some(time) = error.retry_after().filter(|_| !wrong("no-retry-hint")) {
        put(
            "retry_after_ms",
            u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into(),
        );
    }
    if let Some(key) = error.idempotency_key().filter(|_| !wrong("forget-key")) {
        put("idempotency_key", key.into());
    }
    Value::Object(shown)
}

/// The name as gRPC writes it.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for (place, letter) in format!("{code:?}").char_indices() {
        if letter.is_uppercase() && place > 0 {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// The error of a task.
pub(crate) fn task_error(error: &TaskError) -> Value {
    task_error_json(error.as_proto())
}

/// An output or a chunk.
pub(crate) fn payload(payload: &Payload) -> Value {
    payload_json(payload.as_proto())
}

/// An event of a watch.
pub(crate) fn event(watch: &str, task_id: &str, event: &Event) -> Value {
    let mut shown = json!({ "watch": watch, "task_id": task_id, "sequence": event.sequence, "attempt": event.attempt });
    let more = match &event.kind {
        EventKind::StateChanged { state, cause } => {
            let cause = cause.as_str_name();
            json!({ "type": "state", "state": state.to_string(), "cause": cause.strip_prefix("STATE_CAUSE_").unwrap_or(cause) })
        }
        EventKind::Progress { fraction, message } => {
            json!({ "type": "progress", "fraction": fraction, "message": message })
        }
        EventKind::OutputChunk(chunk) => json!({ "type": "chunk", "payload": payload(chunk) }),
        EventKind::Truncated {
            from_sequence,
            to_sequence,
        } => {
            json!({ "type": "truncated", "from": from_sequence, "to": to_sequence })
        }
        EventKind::Result(result) => {
            let mut more = json!({ "type": "result", "state": result.state.to_string() });
            if let Some(output) = &result.output {
                more["output"] = payload(output);
            }
            if let Some(error) = &result.error {
                more["error"] = task_error(error);
            }
            more
        }
        _ => json!({ "type": "unknown" }),
    };
    for (key, value) in more.as_object().into_iter().flatten() {
        shown[key] = value.clone();
    }
    shown
}
