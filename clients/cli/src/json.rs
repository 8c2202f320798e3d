//! The contract's JSON mapping of what is printed: lowerCamelCase, 64-bit numbers as strings, enums by their full name, bytes in
//! base64. Scalar fields are always there, so that a filter need not care; messages only if they are set.

use base64::{Engine, engine::general_purpose::STANDARD};
use prost_types::{Duration, Timestamp};
use serde_json::{Map, Value, json};
use tidemill_proto::v1::{
    CancelTaskResponse, EnqueueResponse, GetResultResponse, KindDepth, Payload, Queue, RetryPolicy, Task, TaskError,
    TaskEvent, payload::Content, task_event::Event,
};

use crate::{names, payload};

/// EnqueueResponse.
pub(crate) fn enqueued(response: &EnqueueResponse) -> Value {
    json!({
        "taskId": response.task_id,
        "state": names::json_state(response.state),
        "deduplicated": response.deduplicated,
    })
}

/// CancelTaskResponse.
pub(crate) fn cancelled(response: &CancelTaskResponse) -> Value {
    json!({ "state": names::json_state(response.state), "cancelRequested": response.cancel_requested })
}

/// TaskEvent.
pub(crate) fn event(event: &TaskEvent) -> Value {
    let object = json!({ "sequence": event.sequence.to_string(), "attempt": event.attempt });
    let object = with(object, "time", event.time.as_ref().map(time));
    let (name, value) = match &event.event {
        None => return object,
        Some(Event::StateChanged(change)) => (
            "stateChanged",
            json!({ "state": names::json_state(change.state), "cause": names::json_cause(change.cause) }),
        ),
        Some(Event::Progress(progress)) => (
            "progress",
            json!({ "fraction": double(progress.fraction), "message": progress.message }),
        ),
        Some(Event::OutputChunk(chunk)) => (
            "outputChunk",
            with(json!({}), "payload", chunk.payload.as_ref().map(payload)),
        ),
        Some(Event::Truncated(gap)) => (
            "truncated",
            json!({ "fromSequence": gap.from_sequence.to_string(), "toSequence": gap.to_sequence.to_string() }),
        ),
        Some(Event::Result(result)) => {
            let value = json!({ "state": names::json_state(result.state) });
            let value = with(value, "output", result.output.as_ref().map(payload));
            ("result", with(value, "error", result.error.as_ref().map(error)))
        }
    };
    with(object, name, Some(value))
}

/// GetResultResponse.
pub(crate) fn result(result: &GetResultResponse) -> Value {
    let object = json!({
        "taskId": result.task_id,
        "state": names::json_state(result.state),
        "attempt": result.attempt,
        "lastSequence": result.last_sequence.to_string(),
        "cancelRequested": result.cancel_requested,
    });
    let object = with(object, "output", result.output.as_ref().map(payload));
    let object = with(object, "error", result.error.as_ref().map(error));
    let object = with(object, "createTime", result.create_time.as_ref().map(time));
    let object = with(object, "startTime", result.start_time.as_ref().map(time));
    with(object, "finishTime", result.finish_time.as_ref().map(time))
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
        "state": names::json_state(task.state),
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
        Some(Content::Json(value)) => with(object, "json", Some(payload::from_proto(value))),
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
    use tidemill_proto::v1::{OutputChunk, TaskResult, TaskState};

    use super::*;
    use crate::testing;

    #[test]
    fn events_have_the_names_of_the_contract() {
        let mut running = testing::running(3);
        running.time = Some(Timestamp {
            seconds: 1,
            nanos: 500_000_000,
        });
        assert_eq!(
            event(&running),
            json!({
                "sequence": "3", "attempt": 1, "time": "1970-01-01T00:00:01.500Z",
                "stateChanged": { "state": "TASK_STATE_RUNNING", "cause": "STATE_CAUSE_LEASED" },
            })
        );
        let output = Payload {
            content_type: String::new(),
            content: Some(Content::Data(vec![0xff].into())),
        };
        let chunk = testing::event(4, Event::OutputChunk(OutputChunk { payload: Some(output) }));
        assert_eq!(event(&chunk)["outputChunk"]["payload"]["data"], "/w==");
        let error = Some(TaskError {
            reason: 18,
            ..TaskError::default()
        });
        let result = TaskResult {
            state: TaskState::Failed as i32,
            output: None,
            error,
        };
        let failed = event(&testing::event(5, Event::Result(result)));
        assert_eq!(failed["result"]["error"]["reason"], "ERROR_REASON_CRASH_LIMIT");
        assert!(
            failed["result"].get("output").is_none(),
            "an absent message has no field"
        );
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
