//! The contract's JSON mapping of what is printed: lowerCamelCase, 64-bit numbers as strings, enums by their full name, bytes in
//! base64. Scalar fields are always there, so that a filter need not care; messages only if they are set.

use std::time::SystemTime;

use base64::{Engine, engine::general_purpose::STANDARD};
use prost_types::{Duration, Timestamp};
use serde_json::{Map, Value, json};
use tidemill_client::{
    Cancelled, Enqueued, Event, EventKind, TaskResult, TaskSnapshot, TaskState,
    proto::{KindDepth, Payload, Queue, RetryPolicy, Task, TaskError, payload::Content},
};

use crate::{names, text};

/// EnqueueResponse.
pub(crate) fn enqueued(answer: &Enqueued) -> Value {
    json!({
        "taskId": answer.task_id,
        "state": names::json_state(answer.state),
        "deduplicated": answer.deduplicated,
    })
}

/// CancelTaskResponse.
pub(crate) fn cancelled(answer: Cancelled) -> Value {
    json!({ "state": names::json_state(answer.state), "cancelRequested": answer.cancel_requested })
}

/// google.rpc.Status, with the reason of its ErrorInfo beside the code.
pub(crate) fn refusal(code: i32, reason: &str, message: &str) -> Value {
    json!({ "code": code, "reason": reason, "message": message })
}

/// TaskEvent.
pub(crate) fn event(event: &Event) -> Value {
    let object = json!({ "sequence": event.sequence.to_string(), "attempt": event.attempt });
    let object = with(object, "time", event.time.map(system_time));
    let (name, value) = match &event.kind {
        EventKind::StateChanged { state, cause } => (
            "stateChanged",
            json!({ "state": names::json_state(*state), "cause": names::json_cause(*cause) }),
        ),
        EventKind::Progress { fraction, message } => {
            ("progress", json!({ "fraction": double(*fraction), "message": message }))
        }
        EventKind::OutputChunk(chunk) => ("outputChunk", json!({ "payload": payload(chunk.as_proto()) })),
        EventKind::Truncated {
            from_sequence,
            to_sequence,
        } => (
            "truncated",
            json!({ "fromSequence": from_sequence.to_string(), "toSequence": to_sequence.to_string() }),
        ),
        EventKind::Result(end) => ("result", result(end)),
        _ => return object,
    };
    with(object, name, Some(value))
}

/// TaskResult.
fn result(result: &TaskResult) -> Value {
    let value = json!({ "state": names::json_state(result.state) });
    let value = with(
        value,
        "output",
        result.output.as_ref().map(|output| payload(output.as_proto())),
    );
    with(
        value,
        "error",
        result.error.as_ref().map(|failure| error(failure.as_proto())),
    )
}

/// GetResultResponse.
pub(crate) fn snapshot(found: &TaskSnapshot) -> Value {
    let object = json!({
        "taskId": found.task_id,
        "state": names::json_state(found.state),
        "attempt": found.attempt,
        "lastSequence": found.last_sequence.to_string(),
        "cancelRequested": found.cancel_requested,
    });
    let object = with(
        object,
        "output",
        found.output.as_ref().map(|output| payload(output.as_proto())),
    );
    let object = with(
        object,
        "error",
        found.error.as_ref().map(|failure| error(failure.as_proto())),
    );
    let object = with(object, "createTime", found.create_time.map(system_time));
    let object = with(object, "startTime", found.start_time.map(system_time));
    with(object, "finishTime", found.finish_time.map(system_time))
}

/// Queue.
pub(crate) fn queue(queue: &Queue) -> Value {
    json!({
        "name": queue.name,
        "paused": queue.paused,
        "scheduled": queue.scheduled.to_string(),
        "queued": queue.queued.to_string(),
        "running": queue.running.to_string(),
        "succeeded": queue.succeeded.to_string(),
        "failed": queue.failed.to_string(),
        "cancelled": queue.cancelled.to_string(),
        "expired": queue.expired.to_string(),
        "bytes": queue.bytes.to_string(),
        "kinds": queue.kinds.iter().map(kind_depth).collect::<Vec<_>>(),
    })
}

fn kind_depth(depth: &KindDepth) -> Value {
    let object = json!({ "kind": depth.kind, "queued": depth.queued.to_string() });
    with(object, "oldestAge", depth.oldest_age.as_ref().map(duration))
}

/// Task.
pub(crate) fn task(task: &Task) -> Value {
    let object = json!({
        "taskId": task.task_id,
        "queue": task.queue,
        "kind": task.kind,
        "state": names::json_state(TaskState::from_proto(task.state)),
        "priority": names::json_priority(task.priority),
        "attempt": task.attempt,
        "failures": task.failures,
        "crashes": task.crashes,
        "releases": task.releases,
        "labels": task.labels.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect::<Map<_, _>>(),
        "cancelRequested": task.cancel_requested,
        "lastSequence": task.last_sequence.to_string(),
        "fence": task.fence.to_string(),
        "cancelReason": task.cancel_reason,
    });
    let object = with(object, "retryPolicy", task.retry_policy.as_ref().map(retry_policy));
    let object = with(object, "input", task.input.as_ref().map(payload));
    let object = with(object, "output", task.output.as_ref().map(payload));
    let object = with(object, "error", task.error.as_ref().map(error));
    let object = with(object, "createTime", task.create_time.as_ref().map(time));
    let object = with(object, "dueTime", task.due_time.as_ref().map(time));
    let object = with(object, "startTime", task.start_time.as_ref().map(time));
    let object = with(object, "finishTime", task.finish_time.as_ref().map(time));
    let object = with(object, "purgeTime", task.purge_time.as_ref().map(time));
    with(object, "attemptTimeout", task.attempt_timeout.as_ref().map(duration))
}

fn retry_policy(policy: &RetryPolicy) -> Value {
    let object = json!({ "maxAttempts": policy.max_attempts, "multiplier": double(policy.multiplier) });
    let object = with(object, "initialBackoff", policy.initial_backoff.as_ref().map(duration));
    with(object, "maxBackoff", policy.max_backoff.as_ref().map(duration))
}

fn payload(payload: &Payload) -> Value {
    let object = json!({ "contentType": payload.content_type });
    match &payload.content {
        None => object,
        Some(Content::Data(data)) => with(object, "data", Some(Value::from(STANDARD.encode(data)))),
        Some(Content::Text(text)) => with(object, "text", Some(Value::from(text.as_str()))),
        Some(Content::Json(_)) => with(object, "json", Some(text::json_value(&payload.clone().into()))),
    }
}

fn error(error: &TaskError) -> Value {
    json!({
        "reason": names::json_reason(error.reason),
        "message": error.message,
        "type": error.r#type,
        "permanent": error.permanent,
    })
}

fn time(time: &Timestamp) -> Value {
    Value::from(time.to_string())
}

fn system_time(at: SystemTime) -> Value {
    time(&Timestamp::from(at))
}

fn duration(duration: &Duration) -> Value {
    Value::from(duration.to_string())
}

/// A double as the mapping has it: what JSON has no number for is a string.
fn double(number: f64) -> Value {
    match number {
        n if n.is_nan() => Value::from("NaN"),
        n if n.is_infinite() => Value::from(if n > 0.0 { "Infinity" } else { "-Infinity" }),
        n => Value::from(n),
    }
}

fn with(mut object: Value, name: &str, value: Option<Value>) -> Value {
    if let (Some(fields), Some(value)) = (object.as_object_mut(), value) {
        fields.insert(name.to_owned(), value);
    }
    object
}

#[cfg(test)]
mod tests {
    use tidemill_client::proto::{self, GetResultResponse, TaskEvent, task_event};

    use super::*;

    fn told(sequence: i64, what: task_event::Event) -> Value {
        let time = Some(Timestamp {
            seconds: 1,
            nanos: 500_000_000,
        });
        event(&Event::from(TaskEvent {
            sequence,
            attempt: 1,
            time,
            event: Some(what),
        }))
    }

    #[test]
    fn events_have_the_names_of_the_contract() {
        let (state, cause) = (proto::TaskState::Running as i32, proto::StateCause::Leased as i32);
        assert_eq!(
            told(3, task_event::Event::StateChanged(proto::StateChanged { state, cause })),
            json!({
                "sequence": "3", "attempt": 1, "time": "1970-01-01T00:00:01.500Z",
                "stateChanged": { "state": "TASK_STATE_RUNNING", "cause": "STATE_CAUSE_LEASED" },
            })
        );
        let output = Payload {
            content_type: String::new(),
            content: Some(Content::Data(vec![0xff].into())),
        };
        let chunk = proto::OutputChunk { payload: Some(output) };
        let chunk = told(4, task_event::Event::OutputChunk(chunk));
        assert_eq!(chunk["outputChunk"]["payload"]["data"], "/w==");
        let error = Some(TaskError {
            reason: 18,
            ..TaskError::default()
        });
        let result = proto::TaskResult {
            state: proto::TaskState::Failed as i32,
            output: None,
            error,
        };
        let failed = told(5, task_event::Event::Result(result));
        assert_eq!(failed["result"]["error"]["reason"], "ERROR_REASON_CRASH_LIMIT");
        assert!(
            failed["result"].get("output").is_none(),
            "an absent message has no field"
        );
    }

    #[test]
    fn a_result_has_its_times_and_output() {
        let output = Payload {
            content_type: String::new(),
            content: Some(Content::Json(prost_types::Value::from(1.0))),
        };
        let found = snapshot(&TaskSnapshot::from(GetResultResponse {
            task_id: "T1".into(),
            state: 4,
            output: Some(output),
            finish_time: Some(Timestamp { seconds: 1, nanos: 0 }),
            ..GetResultResponse::default()
        }));
        assert_eq!(
            (&found["state"], &found["output"]["json"], &found["finishTime"]),
            (
                &json!("TASK_STATE_SUCCEEDED"),
                &json!(1),
                &json!("1970-01-01T00:00:01Z")
            )
        );
        assert!(found.get("startTime").is_none());
    }

    #[test]
    fn numbers_of_64_bits_are_strings() {
        let queue = queue(&Queue {
            name: "q".into(),
            queued: i64::MAX,
            ..Queue::default()
        });
        assert_eq!(
            (&queue["queued"], &queue["paused"]),
            (&json!("9223372036854775807"), &json!(false))
        );
        let timeout = Some(Duration {
            seconds: 1,
            nanos: 500_000_000,
        });
        let task = task(&Task {
            attempt_timeout: timeout,
            state: 42,
            ..Task::default()
        });
        assert_eq!(
            (&task["attemptTimeout"], &task["state"]),
            (&json!("1.500s"), &json!(42))
        );
        assert_eq!(double(f64::NAN), "NaN");
    }
}
