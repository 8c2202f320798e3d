//! Tasks as the suite writes them.

use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use tidemill_client::{Payload, Priority, RetryPolicy, Task, TraceContext};

use crate::{
    Trouble,
    wrong::{lost_field, wrong},
};

/// Milliseconds.
pub(crate) fn millis(value: &Value) -> Option<Duration> {
    value.as_u64().map(Duration::from_millis)
}

/// Reads a `task`.
pub(crate) fn read(task: &Value) -> Result<Task, Trouble> {
    let mut fields = task.clone();
    if let (Some(field), Some(fields)) = (lost_field(), fields.as_object_mut()) {
        fields.remove(field);
    }
    let text = |key: &str| fields[key].as_str();
    let time = |key: &str| millis(&fields[key]);
    let mut task = Task::new(text("kind").unwrap_or_default());
    if let Some(queue) = text("queue") {
        task = task.queue(queue);
    }
    if let Some(payload) = payload(&fields)? {
        task = task.payload(payload);
    }
    if let Some(key) = text("idempotency_key") {
        task = task.idempotency_key(key);
    }
    if let Some(priority) = text("priority") {
        task = task.priority(self::priority(priority)?);
    }
    if let Some(delay) = time("delay_ms") {
        task = task.delay(delay);
    }
    if let Some(delay) = time("run_in_ms") {
        task = task.run_at(SystemTime::now() + delay);
    }
    if let Some(policy) = fields.get("retry_policy") {
        task = task.retry_policy(self::policy(policy));
    }
    if let Some(timeout) = time("attempt_timeout_ms") {
        task = task.attempt_timeout(timeout);
    }
    if let Some(time) = time("expires_in_ms") {
        task = task.expires_in(time);
    }
    if let Some(time) = time("result_retention_ms") {
        task = task.result_retention(time);
    }
    for (name, value) in fields["labels"].as_object().into_iter().flatten() {
        task = task.label(name, value.as_str().unwrap_or_default());
    }
    if let Some(traceparent) = text("traceparent") {
        let mut trace = TraceContext::new(traceparent);
        trace.tracestate = text("tracestate").unwrap_or_default().to_owned();
        task = task.trace_context(trace);
    }
    if fields["drop_input_on_success"].as_bool() == Some(true) {
        task = task.drop_input_on_success();
    }
    Ok(task)
}

fn payload(fields: &Value) -> Result<Option<Payload>, Trouble> {
    let payload = if let Some(text) = fields["text"].as_str() {
        Payload::text(text)
    } else if let Some(data) = fields["data"].as_str() {
        let bytes = STANDARD
            .decode(data)
            .map_err(|error| Trouble::Invalid(format!("data: {error}")))?;
        if wrong("bytes-as-text") {
            Payload::text(data)
        } else {
            Payload::bytes(bytes)
        }
    } else if let Some(json) = fields.get("json") {
        if wrong("json-as-text") {
            Payload::text(json.to_string())
        } else {
            Payload::json(json)?
        }
    } else {
        return Ok(None);
    };
    Ok(Some(match fields["content_type"].as_str() {
        Some(content_type) => payload.with_content_type(content_type),
        None => payload,
    }))
}

fn priority(name: &str) -> Result<Priority, Trouble> {
    Ok(match name {
        "LOW" => Priority::Low,
        "NORMAL" => Priority::Normal,
        "HIGH" => Priority::High,
        "URGENT" => Priority::Urgent,
        _ => return Err(Trouble::Invalid(format!("priority `{name}` is not known"))),
    })
}

fn policy(fields: &Value) -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    if let Some(attempts) = fields["max_attempts"].as_u64() {
        policy = policy.max_attempts(u32::try_from(attempts).unwrap_or(u32::MAX));
    }
    if let Some(backoff) = millis(&fields["initial_backoff_ms"]) {
        policy = policy.initial_backoff(backoff);
    }
    if let Some(backoff) = millis(&fields["max_backoff_ms"]) {
        policy = policy.max_backoff(backoff);
    }
    match fields["multiplier"].as_f64() {
        Some(multiplier) => policy.multiplier(multiplier),
        None => policy,
    }
}
