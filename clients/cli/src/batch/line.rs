//! One line of a batch: an EnqueueRequest in the contract's JSON mapping. Every mistake names its field.

use serde_json::{Map, Value};
use tidemill_client::proto::{EnqueueRequest, RetryPolicy, TraceContext, enqueue_request::Start};

use super::field::{Field, Name, canonical};

/// Both spellings are allowed by the mapping.
const FIELDS: &[Name] = &[
    ("kind", "kind"),
    ("queue", "queue"),
    ("payload", "payload"),
    ("idempotencyKey", "idempotency_key"),
    ("priority", "priority"),
    ("delay", "delay"),
    ("runAt", "run_at"),
    ("retryPolicy", "retry_policy"),
    ("attemptTimeout", "attempt_timeout"),
    ("expiresIn", "expires_in"),
    ("resultRetention", "result_retention"),
    ("labels", "labels"),
    ("traceContext", "trace_context"),
    ("dropInputOnSuccess", "drop_input_on_success"),
];
const POLICY_FIELDS: &[Name] = &[
    ("maxAttempts", "max_attempts"),
    ("initialBackoff", "initial_backoff"),
    ("maxBackoff", "max_backoff"),
    ("multiplier", "multiplier"),
];
const TRACE_FIELDS: &[Name] = &[("traceparent", "traceparent"), ("tracestate", "tracestate")];

/// Reads a line on top of the defaults.
pub(super) fn parse(line: &str, defaults: &EnqueueRequest) -> Result<EnqueueRequest, String> {
    let mut request = defaults.clone();
    let mut start = None;
    for (name, value) in object(line)? {
        let field = Field::new(&name, value);
        let name = canonical(FIELDS, &field)?;
        // As the mapping has it: null is absent.
        if field.is_null() {
            continue;
        }
        match name {
            "kind" => request.kind = field.text()?,
            "queue" => request.queue = field.text()?,
            "payload" => request.payload = Some(field.payload()?),
            "idempotencyKey" => request.idempotency_key = field.text()?,
            "priority" => request.priority = field.priority()?,
            "delay" => set_start(&mut start, Start::Delay(field.duration()?))?,
            "runAt" => set_start(&mut start, Start::RunAt(field.time()?))?,
            "retryPolicy" => policy(field, request.retry_policy.get_or_insert_default())?,
            "attemptTimeout" => request.attempt_timeout = Some(field.duration()?),
            "expiresIn" => request.expires_in = Some(field.duration()?),
            "resultRetention" => request.result_retention = Some(field.duration()?),
            "labels" => {
                for label in field.fields()? {
                    request.labels.insert(label.name().to_owned(), label.text()?);
                }
            }
            "traceContext" => request.trace_context = Some(trace_context(field)?),
            _ => request.drop_input_on_success = field.boolean()?,
        }
    }
    request.start = start.or(request.start);
    if request.kind.is_empty() {
        return Err("kind: required, here or as KIND on the command line".to_owned());
    }
    Ok(request)
}

fn object(line: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(line) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("not a JSON object".to_owned()),
        Err(error) => {
            // The parser counts lines, too, and would always say the first one.
            let text = error.to_string();
            let what = text.split(" at line ").next().unwrap_or_default();
            Err(format!("not JSON: {what} at column {}", error.column()))
        }
    }
}

fn set_start(start: &mut Option<Start>, value: Start) -> Result<(), String> {
    match start.replace(value) {
        None => Ok(()),
        Some(_) => Err("delay, runAt: only one of them can be meant".to_owned()),
    }
}

fn policy(field: Field, policy: &mut RetryPolicy) -> Result<(), String> {
    for field in field.fields()? {
        match canonical(POLICY_FIELDS, &field)? {
            _ if field.is_null() => {}
            "maxAttempts" => policy.max_attempts = field.number()?,
            "initialBackoff" => policy.initial_backoff = Some(field.duration()?),
            "maxBackoff" => policy.max_backoff = Some(field.duration()?),
            _ => policy.multiplier = field.number()?,
        }
    }
    Ok(())
}

fn trace_context(field: Field) -> Result<TraceContext, String> {
    let mut context = TraceContext::default();
    for field in field.fields()? {
        match canonical(TRACE_FIELDS, &field)? {
            _ if field.is_null() => {}
            "traceparent" => context.traceparent = field.text()?,
            _ => context.tracestate = field.text()?,
        }
    }
    Ok(context)
}

#[cfg(test)]
mod tests {
    use tidemill_client::proto::{Payload, payload::Content};

    use super::*;

    fn read(line: &str) -> Result<EnqueueRequest, String> {
        parse(line, &EnqueueRequest::default())
    }

    fn seconds(seconds: i64) -> Option<prost_types::Duration> {
        Some(prost_types::Duration { seconds, nanos: 0 })
    }

    #[test]
    fn every_field_in_both_spellings() {
        let camel = r#"{"kind":"k","queue":"q","payload":{"contentType":"x/y","data":"/w=="},"idempotencyKey":"i",
            "priority":"PRIORITY_HIGH","runAt":"1970-01-01T00:01:00Z","retryPolicy":{"maxAttempts":3,"initialBackoff":"1s",
            "maxBackoff":"2s","multiplier":1.5},"attemptTimeout":"3s","expiresIn":"4s","resultRetention":"5s","labels":{"a":"b"},
            "traceContext":{"traceparent":"t","tracestate":"s"},"dropInputOnSuccess":true}"#;
        let snake = r#"{"kind":"k","queue":"q","payload":{"content_type":"x/y","data":"_w"},"idempotency_key":"i",
            "priority":3,"run_at":"1970-01-01T00:01:00Z","retry_policy":{"max_attempts":"3","initial_backoff":"1s",
            "max_backoff":"2s","multiplier":"1.5"},"attempt_timeout":"3s","expires_in":"4s","result_retention":"5s","labels":{"a":"b"},
            "trace_context":{"traceparent":"t","tracestate":"s"},"drop_input_on_success":true}"#;
        let expected = EnqueueRequest {
            kind: "k".into(),
            queue: "q".into(),
            payload: Some(Payload {
                content_type: "x/y".into(),
                content: Some(Content::Data(vec![0xff].into())),
            }),
            idempotency_key: "i".into(),
            priority: 3,
            start: Some(Start::RunAt(prost_types::Timestamp { seconds: 60, nanos: 0 })),
            retry_policy: Some(RetryPolicy {
                max_attempts: 3,
                initial_backoff: seconds(1),
                max_backoff: seconds(2),
                multiplier: 1.5,
            }),
            attempt_timeout: seconds(3),
            expires_in: seconds(4),
            result_retention: seconds(5),
            labels: [("a".to_owned(), "b".to_owned())].into(),
            trace_context: Some(TraceContext {
                traceparent: "t".into(),
                tracestate: "s".into(),
            }),
            drop_input_on_success: true,
        };
        assert_eq!(read(camel), Ok(expected.clone()));
        assert_eq!(read(snake), Ok(expected));
    }

    #[test]
    fn a_line_adds_to_the_defaults() {
        let defaults = EnqueueRequest {
            kind: "default".into(),
            queue: "q".into(),
            start: seconds(9).map(Start::Delay),
            retry_policy: Some(RetryPolicy {
                max_attempts: 7,
                ..RetryPolicy::default()
            }),
            labels: [("a".to_owned(), "1".to_owned())].into(),
            ..EnqueueRequest::default()
        };
        let line = r#"{"delay":"0.5s","retryPolicy":{"multiplier":2},"labels":{"b":"2"},"queue":null}"#;
        let read = parse(line, &defaults).expect("read");
        assert_eq!(
            (read.kind.as_str(), read.queue.as_str(), read.labels.len()),
            ("default", "q", 2)
        );
        assert_eq!(
            read.retry_policy.map(|policy| (policy.max_attempts, policy.multiplier)),
            Some((7, 2.0))
        );
        let nanos = 500_000_000;
        assert_eq!(
            read.start,
            Some(Start::Delay(prost_types::Duration { seconds: 0, nanos }))
        );
        assert_eq!(parse("{}", &defaults), Ok(defaults));
    }

    #[test]
    fn payloads() {
        let content = |line: &str| read(line).map(|request| request.payload.and_then(|payload| payload.content));
        let text = Content::Text("x".into());
        assert_eq!(content(r#"{"kind":"k","payload":{"text":"x"}}"#), Ok(Some(text)));
        let null = content(r#"{"kind":"k","payload":{"json":null}}"#).expect("read");
        assert!(matches!(null, Some(Content::Json(_))), "null is a value: {null:?}");
        assert_eq!(content(r#"{"kind":"k","payload":{"text":null}}"#), Ok(None));
    }

    #[test]
    fn mistakes_name_their_field() {
        for (line, says) in [
            ("{", "not JSON: EOF while parsing an object at column 1"),
            ("[]", "not a JSON object"),
            ("{}", "kind: required"),
            (
                r#"{"kind":"k","qeue":"q"}"#,
                "unknown field `qeue`; known here: kind, queue, payload, ",
            ),
            (r#"{"kind":"k","qeue":null}"#, "unknown field `qeue`"),
            (r#"{"kind":7}"#, "kind: not a string"),
            (r#"{"kind":"k","delay":10}"#, "delay: not a duration"),
            (r#"{"kind":"k","delay":"10"}"#, "delay: `10` is not a duration"),
            (
                r#"{"kind":"k","delay":"1s","runAt":"1970-01-01T00:00:00Z"}"#,
                "delay, runAt: only one",
            ),
            (r#"{"kind":"k","runAt":"soon"}"#, "runAt: `soon` is not a time"),
            (r#"{"kind":"k","priority":"max"}"#, "priority: "),
            (
                r#"{"kind":"k","retryPolicy":{"max":1}}"#,
                "unknown field `retryPolicy.max`",
            ),
            (
                r#"{"kind":"k","retryPolicy":{"maxAttempts":1.5}}"#,
                "retryPolicy.maxAttempts: ",
            ),
            (r#"{"kind":"k","retryPolicy":3}"#, "retryPolicy: not an object"),
            (r#"{"kind":"k","labels":{"a":1}}"#, "labels.a: not a string"),
            (
                r#"{"kind":"k","payload":{"text":"a","json":1}}"#,
                "payload: more than one",
            ),
            (r#"{"kind":"k","payload":{"data":"*"}}"#, "payload.data: not base64"),
            (r#"{"kind":"k","payload":{"json":9007199254740993}}"#, "payload.json: "),
            (r#"{"kind":"k","payload":{"body":1}}"#, "unknown field `payload.body`"),
            (
                r#"{"kind":"k","dropInputOnSuccess":"yes"}"#,
                "dropInputOnSuccess: not true or false",
            ),
        ] {
            let error = read(line).expect_err(line);
            assert!(error.starts_with(says), "{line}: {error}");
        }
    }
}
