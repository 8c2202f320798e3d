use std::collections::HashMap;

use proptest::prelude::*;
use prost::Message;
use prost_types::Timestamp;
use tidemill_proto::v1::{self, enqueue_request::Start as ProtoStart, payload::Content};

use super::{DAY_S, NOW, fields, nanos, seconds, words};
use crate::{
    id::{Namespace, route},
    op::{NewTask, Start},
    retry::RetryPolicy,
    state::Priority,
    wire::{EnqueueDefaults, Limits, Violations, parse_batch, parse_enqueue},
};

fn minimal() -> v1::EnqueueRequest {
    v1::EnqueueRequest {
        kind: "email.send".into(),
        ..Default::default()
    }
}

fn parse(request: v1::EnqueueRequest) -> Result<NewTask, Violations> {
    parse_enqueue(request, &Namespace::default(), &EnqueueDefaults::default(), NOW, 1)
}

/// Parses the minimal request with one change.
fn with(change: impl FnOnce(&mut v1::EnqueueRequest)) -> Result<NewTask, Violations> {
    let mut request = minimal();
    change(&mut request);
    parse(request)
}

fn retry(policy: v1::RetryPolicy) -> Result<NewTask, Violations> {
    with(|request| request.retry_policy = Some(policy))
}

const OK: [&str; 0] = [];

#[test]
fn only_the_kind_is_required_and_defaults_fill_the_rest() {
    let task = parse(minimal()).unwrap();
    assert_eq!(task.record.queue.as_str(), "default");
    assert_eq!(task.record.kind.as_str(), "email.send");
    assert_eq!(task.record.priority, Priority::Normal);
    assert_eq!(
        (task.record.max_attempts, task.record.attempt_timeout_ms),
        (4, 1_800_000)
    );
    assert_eq!((task.record.retention_s, task.record.expires_in_ms), (0, 0));
    let body = &task.record.body;
    assert_eq!(
        (body.initial_backoff_ms, body.max_backoff_ms, body.multiplier),
        (0, 0, 0.0)
    );
    assert_eq!((task.start, task.idempotency), (Start::Now, None));
    assert_eq!(task.id.route(), route(&Namespace::default(), &task.record.queue));
    assert_eq!(fields(parse(v1::EnqueueRequest::default())), ["kind"]);
}

#[test]
fn names_follow_their_form() {
    for (text, good) in [
        ("a".repeat(128), true),
        ("a".repeat(129), false),
        ("a b".into(), false),
        ("-a".into(), false),
    ] {
        let expected: &[&str] = if good { &[] } else { &["queue"] };
        assert_eq!(fields(with(|request| request.queue = text.clone())), expected, "{text}");
        let expected: &[&str] = if good { &[] } else { &["kind"] };
        assert_eq!(fields(with(|request| request.kind = text.clone())), expected, "{text}");
    }
}

#[test]
fn payload_is_limited_by_its_encoded_length() {
    let payload = |len: usize| v1::Payload {
        content: Some(Content::Data(vec![0; len].into())),
        ..Default::default()
    };
    let largest = (256 << 10) - 4;
    assert_eq!(payload(largest).encoded_len(), 256 << 10);
    assert_eq!(fields(with(|request| request.payload = Some(payload(largest)))), OK);
    let over = with(|request| request.payload = Some(payload(largest + 1)));
    assert!(words(over, "payload").contains("262144"));
    let typed = |len| v1::Payload {
        content_type: "t".repeat(len),
        ..Default::default()
    };
    assert_eq!(fields(with(|request| request.payload = Some(typed(256)))), OK);
    assert_eq!(
        fields(with(|request| request.payload = Some(typed(257)))),
        ["payload.content_type"]
    );
}

#[test]
fn idempotency_key_and_trace_context_are_limited_in_bytes() {
    assert_eq!(fields(with(|request| request.idempotency_key = "k".repeat(255))), OK);
    assert_eq!(
        fields(with(|request| request.idempotency_key = "k".repeat(256))),
        ["idempotency_key"]
    );
    // 128 characters of two bytes each.
    assert_eq!(
        fields(with(|request| request.idempotency_key = "é".repeat(128))),
        ["idempotency_key"]
    );
    let trace = |parent: usize, state: usize| {
        with(|request| {
            let trace = v1::TraceContext {
                traceparent: "p".repeat(parent),
                tracestate: "s".repeat(state),
            };
            request.trace_context = Some(trace);
        })
    };
    assert_eq!(fields(trace(64, 512)), OK);
    assert_eq!(
        fields(trace(65, 513)),
        ["trace_context.traceparent", "trace_context.tracestate"]
    );
}

#[test]
fn priorities_are_a_closed_list() {
    for (number, expected) in [
        (0, Some(Priority::Normal)),
        (1, Some(Priority::Low)),
        (4, Some(Priority::Urgent)),
    ] {
        assert_eq!(
            with(|request| request.priority = number)
                .ok()
                .map(|task| task.record.priority),
            expected
        );
    }
    for number in [-1, 5, 256, 258, i32::MAX] {
        assert_eq!(fields(with(|request| request.priority = number)), ["priority"]);
    }
}

#[test]
fn delay_is_between_zero_and_a_year_and_rounds_up() {
    let delay = |value: Option<prost_types::Duration>| with(|request| request.start = value.map(ProtoStart::Delay));
    for (value, start) in [
        (seconds(0), Start::Now),
        (nanos(0, 1), Start::After(1)),
        (nanos(1, 1_000_000), Start::After(1_001)),
        (seconds(365 * DAY_S), Start::After(365 * 86_400_000)),
    ] {
        assert_eq!(delay(value).map(|task| task.start), Ok(start));
    }
    for bad in [
        nanos(365 * DAY_S, 1),
        seconds(-1),
        nanos(0, -1),
        nanos(1, -1),
        nanos(-1, 1),
        nanos(0, 1_000_000_000),
        nanos(0, -1_000_000_000),
        nanos(0, i32::MIN),
        seconds(i64::MAX),
        seconds(i64::MIN),
    ] {
        assert_eq!(fields(delay(bad)), ["delay"], "{bad:?}");
    }
}

#[test]
fn run_at_may_lie_in_the_past_and_at_most_a_year_ahead() {
    let run_at = |seconds: i64, nanos: i32| {
        with(|request| request.start = Some(ProtoStart::RunAt(Timestamp { seconds, nanos })))
    };
    let now_s = NOW as i64 / 1_000;
    for (at, start) in [
        ((now_s - 5, 0), (now_s as u64 - 5) * 1_000),
        ((-62_135_596_800, 0), 0),
        ((now_s, 1), NOW + 1),
        ((now_s + 365 * DAY_S, 0), NOW + 365 * 86_400_000),
    ] {
        assert_eq!(run_at(at.0, at.1).map(|task| task.start), Ok(Start::At(start)));
    }
    for bad in [
        (now_s + 365 * DAY_S, 1),
        (253_402_300_799, 0),
        (253_402_300_800, 0),
        (-62_135_596_801, 0),
        (now_s, -1),
        (now_s, 1_000_000_000),
        (i64::MAX, 0),
        (i64::MIN, 0),
    ] {
        assert_eq!(fields(run_at(bad.0, bad.1)), ["run_at"], "{bad:?}");
    }
}

#[test]
fn max_attempts_is_at_most_a_hundred() {
    let attempts = |max_attempts| {
        retry(v1::RetryPolicy {
            max_attempts,
            ..Default::default()
        })
    };
    for (sent, stored) in [(0, 4), (1, 1), (100, 100)] {
        assert_eq!(attempts(sent).map(|task| task.record.max_attempts), Ok(stored));
    }
    for bad in [-1, 101, 256, i32::MAX, i32::MIN] {
        assert_eq!(fields(attempts(bad)), ["retry_policy.max_attempts"]);
    }
}

#[test]
fn backoffs_stay_in_their_spans_and_in_order() {
    let backoff = |initial_backoff, max_backoff| {
        retry(v1::RetryPolicy {
            initial_backoff,
            max_backoff,
            ..Default::default()
        })
    };
    let stored = |initial, max| {
        let body = backoff(initial, max).unwrap().record.body;
        (body.initial_backoff_ms, body.max_backoff_ms)
    };
    assert_eq!(stored(seconds(0), seconds(0)), (0, 0));
    assert_eq!(stored(nanos(0, 1_000_000), nanos(0, 1_000_000)), (1, 1));
    assert_eq!(stored(seconds(DAY_S), seconds(7 * DAY_S)), (86_400_000, 7 * 86_400_000));
    assert_eq!(stored(seconds(600), None), (600_000, 0));
    assert_eq!(stored(None, seconds(1)), (0, 1_000));
    let initial = ["retry_policy.initial_backoff"];
    assert_eq!(fields(backoff(nanos(0, 999_999), None)), initial);
    assert_eq!(fields(backoff(nanos(DAY_S, 1), seconds(7 * DAY_S))), initial);
    assert_eq!(fields(backoff(seconds(-1), None)), initial);
    let max = ["retry_policy.max_backoff"];
    assert_eq!(fields(backoff(None, nanos(7 * DAY_S, 1))), max);
    assert_eq!(fields(backoff(seconds(2), nanos(1, 999_999_999))), OK, "rounded up");
    assert_eq!(fields(backoff(seconds(2), nanos(1, 999_000_000))), max);
    assert_eq!(
        fields(backoff(None, nanos(0, 999_000_000))),
        max,
        "below the default of initial_backoff"
    );
    assert_eq!(
        fields(backoff(nanos(600, 1), None)),
        max,
        "above the default of max_backoff"
    );
    assert!(words(backoff(seconds(601), None), max[0]).contains("default"));
}

#[test]
fn multiplier_is_a_number_between_one_and_a_hundred() {
    let multiplier = |multiplier| {
        retry(v1::RetryPolicy {
            multiplier,
            ..Default::default()
        })
    };
    for good in [0.0, -0.0, 1.0, 100.0] {
        assert_eq!(
            multiplier(good).map(|task| task.record.body.multiplier.abs()),
            Ok(f64::abs(good))
        );
    }
    for bad in [
        0.999,
        100.001,
        -1.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
    ] {
        assert_eq!(fields(multiplier(bad)), ["retry_policy.multiplier"], "{bad}");
    }
}

#[test]
fn timeouts_and_retentions_stay_in_their_spans() {
    let timeout = |value| with(|request| request.attempt_timeout = value);
    for (value, ms) in [
        (None, 1_800_000),
        (seconds(0), 1_800_000),
        (seconds(1), 1_000),
        (seconds(DAY_S), 86_400_000),
    ] {
        assert_eq!(timeout(value).map(|task| task.record.attempt_timeout_ms), Ok(ms));
    }
    for bad in [nanos(0, 999_999_999), nanos(DAY_S, 1), seconds(-1), nanos(0, i32::MAX)] {
        assert_eq!(fields(timeout(bad)), ["attempt_timeout"]);
    }
    let expires = |value| with(|request| request.expires_in = value);
    for (value, ms) in [(None, 0), (seconds(1), 1_000), (seconds(365 * DAY_S), 365 * 86_400_000)] {
        assert_eq!(expires(value).map(|task| task.record.expires_in_ms), Ok(ms));
    }
    let retention = |value| with(|request| request.result_retention = value);
    for (value, s) in [
        (None, 0),
        (seconds(1), 1),
        (nanos(1, 1), 2),
        (seconds(365 * DAY_S), 365 * 86_400),
    ] {
        assert_eq!(retention(value).map(|task| task.record.retention_s), Ok(s));
    }
    for bad in [
        seconds(0),
        nanos(0, 999_999_999),
        nanos(365 * DAY_S, 1),
        seconds(-1),
        nanos(1, -1),
    ] {
        assert_eq!(fields(expires(bad)), ["expires_in"]);
        assert_eq!(fields(retention(bad)), ["result_retention"]);
    }
}

#[test]
fn labels_are_few_and_short() {
    let labels = |labels: HashMap<String, String>| with(|request| request.labels = labels);
    let numbered = |count: usize| {
        (0..count)
            .map(|number| (format!("k{number}"), "v".repeat(256)))
            .collect()
    };
    assert_eq!(fields(labels(numbered(32))), OK);
    assert_eq!(fields(labels(numbered(33))), ["labels"]);
    let long = HashMap::from([("b".to_owned(), "v".repeat(257)), ("a".to_owned(), "v".repeat(257))]);
    assert_eq!(fields(labels(long)), ["labels[a]", "labels[b]"]);
    let keys = HashMap::from([
        (String::new(), String::new()),
        ("a b".into(), String::new()),
        ("x".repeat(129), String::new()),
    ]);
    assert!(words(labels(keys), "labels").contains("3 do not"));
}

#[test]
fn every_violation_is_reported_at_once() {
    let request = v1::EnqueueRequest {
        queue: "?".into(),
        kind: String::new(),
        payload: Some(v1::Payload {
            content_type: "t".repeat(257),
            content: Some(Content::Text("x".repeat(256 << 10))),
        }),
        idempotency_key: "k".repeat(256),
        priority: 9,
        start: Some(ProtoStart::Delay(prost_types::Duration { seconds: -1, nanos: 0 })),
        retry_policy: Some(v1::RetryPolicy {
            max_attempts: 101,
            initial_backoff: seconds(2 * DAY_S),
            max_backoff: seconds(8 * DAY_S),
            multiplier: f64::NAN,
        }),
        attempt_timeout: nanos(0, 1),
        expires_in: seconds(0),
        result_retention: seconds(0),
        labels: HashMap::from([("?".into(), String::new())]),
        trace_context: Some(v1::TraceContext {
            traceparent: "p".repeat(65),
            tracestate: "s".repeat(513),
        }),
        drop_input_on_success: true,
    };
    let expected = [
        "queue",
        "kind",
        "payload",
        "payload.content_type",
        "idempotency_key",
        "priority",
        "delay",
        "retry_policy.max_attempts",
        "retry_policy.initial_backoff",
        "retry_policy.max_backoff",
        "retry_policy.multiplier",
        "attempt_timeout",
        "expires_in",
        "result_retention",
        "labels",
        "trace_context.traceparent",
        "trace_context.tracestate",
    ];
    assert_eq!(fields(parse(request.clone())), expected);
    let inner = parse(request).unwrap_err().within("requests[3]");
    assert_eq!(inner.0[1].field, "requests[3].kind");
    assert!(inner.to_string().starts_with("requests[3].queue: must match"));
}

#[test]
fn a_batch_has_one_to_a_thousand_entries() {
    let batch = |count| {
        parse_batch(
            &v1::BatchEnqueueRequest {
                requests: vec![minimal(); count],
            },
            &Limits::default(),
        )
    };
    assert_eq!((batch(1), batch(1_000)), (Ok(()), Ok(())));
    assert_eq!(fields(batch(0)), ["requests"]);
    assert!(words(batch(1_001), "requests").contains("1000"));
}

#[test]
fn the_policy_in_force_takes_its_gaps_from_the_defaults() {
    let policy = v1::RetryPolicy {
        max_attempts: 7,
        max_backoff: seconds(30),
        ..Default::default()
    };
    let body = retry(policy).unwrap().record.body;
    let defaults = RetryPolicy {
        initial_backoff_ms: 5_000,
        multiplier: 3.0,
        ..RetryPolicy::default()
    };
    let expected = RetryPolicy {
        max_attempts: 7,
        initial_backoff_ms: 5_000,
        max_backoff_ms: 30_000,
        multiplier: 3.0,
    };
    assert_eq!(crate::wire::enqueue::resolve(7, &body, &defaults), expected);
    let defaults = RetryPolicy {
        initial_backoff_ms: 60_000,
        ..defaults
    };
    assert_eq!(
        crate::wire::enqueue::resolve(7, &body, &defaults).max_backoff_ms,
        60_000,
        "never below initial_backoff"
    );
}

proptest! {
    /// Whatever numbers come in: no panic, and what is accepted is within the limits.
    #[test]
    fn no_number_gets_past_its_limit(
        seconds in prop_oneof![any::<i64>(), -5i64..40_000_000], nanos in prop_oneof![any::<i32>(), 0..1_000_000_000],
        attempts in prop_oneof![any::<i32>(), -1..120], multiplier in any::<f64>(), priority in any::<i32>(), now_ms in any::<u64>(),
    ) {
        let span = Some(prost_types::Duration { seconds, nanos });
        let request = v1::EnqueueRequest {
            priority: priority % 6,
            start: Some(ProtoStart::RunAt(Timestamp { seconds, nanos })),
            retry_policy: Some(v1::RetryPolicy { max_attempts: attempts, initial_backoff: span, max_backoff: span, multiplier }),
            attempt_timeout: span, expires_in: span, result_retention: span,
            ..minimal()
        };
        if let Ok(task) = parse_enqueue(request, &Namespace::default(), &EnqueueDefaults::default(), now_ms, 1) {
            prop_assert!((1..=100).contains(&task.record.max_attempts));
            prop_assert!((1_000..=86_400_000).contains(&task.record.attempt_timeout_ms));
            prop_assert!((1_000..=31_536_000_000).contains(&task.record.expires_in_ms));
            prop_assert!((1..=31_536_000).contains(&task.record.retention_s));
            let body = &task.record.body;
            prop_assert!((1..=86_400_000).contains(&body.initial_backoff_ms) && body.initial_backoff_ms <= body.max_backoff_ms);
        }
    }
}
