use std::collections::HashMap;

use tidemill_proto::v1::{self, enqueue_request::Start as ProtoStart, payload::Content};

use super::{NOW, seconds};
use crate::{
    id::Namespace,
    op::Idempotency,
    wire::{EnqueueDefaults, parse_enqueue},
};

fn full() -> v1::EnqueueRequest {
    v1::EnqueueRequest {
        queue: "mail".into(),
        kind: "send".into(),
        payload: Some(v1::Payload {
            content: Some(Content::Text("hello".into())),
            ..Default::default()
        }),
        idempotency_key: "key".into(),
        priority: 2,
        start: Some(ProtoStart::Delay(prost_types::Duration { seconds: 5, nanos: 0 })),
        retry_policy: Some(v1::RetryPolicy {
            max_attempts: 3,
            ..Default::default()
        }),
        attempt_timeout: seconds(10),
        expires_in: seconds(100),
        result_retention: seconds(1_000),
        labels: (0..20)
            .map(|number| (format!("k{number}"), format!("v{number}")))
            .collect(),
        trace_context: Some(v1::TraceContext {
            traceparent: "00-1".into(),
            tracestate: String::new(),
        }),
        drop_input_on_success: true,
    }
}

fn digests(request: v1::EnqueueRequest) -> Idempotency {
    let task = parse_enqueue(request, &Namespace::default(), &EnqueueDefaults::default(), NOW, 1).unwrap();
    assert_eq!(task.record.key_digest, task.idempotency.map(|known| known.key));
    task.idempotency.unwrap()
}

#[test]
fn content_does_not_depend_on_the_order_of_labels() {
    // Each HashMap has an order of its own.
    for _ in 0..20 {
        assert_eq!(digests(full()), digests(full()));
        let mut labels: Vec<_> = full().labels.into_iter().collect();
        labels.sort();
        labels.reverse();
        assert_eq!(
            digests(v1::EnqueueRequest {
                labels: labels.into_iter().collect(),
                ..full()
            }),
            digests(full())
        );
    }
}

#[test]
fn key_and_trace_context_are_not_content() {
    let other = v1::EnqueueRequest {
        idempotency_key: "other".into(),
        trace_context: None,
        ..full()
    };
    assert_eq!(digests(other.clone()).content, digests(full()).content);
    assert_ne!(digests(other).key, digests(full()).key);
}

#[test]
fn every_other_field_is_content() {
    let changes: [fn(&mut v1::EnqueueRequest); 14] = [
        |request| request.queue = String::new(),
        |request| request.kind = "sent".into(),
        |request| request.payload = None,
        |request| request.payload = Some(v1::Payload::default()),
        |request| request.priority = 0,
        |request| request.start = None,
        |request| request.start = Some(ProtoStart::RunAt(prost_types::Timestamp { seconds: 5, nanos: 0 })),
        |request| request.retry_policy = None,
        |request| request.attempt_timeout = None,
        |request| request.expires_in = seconds(101),
        |request| request.result_retention = None,
        |request| request.labels = HashMap::new(),
        |request| drop(request.labels.insert("k0".into(), "v1".into())),
        |request| request.drop_input_on_success = false,
    ];
    let mut seen = vec![digests(full()).content];
    for change in changes {
        let mut request = full();
        change(&mut request);
        let content = digests(request).content;
        assert!(!seen.contains(&content));
        seen.push(content);
    }
}

#[test]
fn fields_as_sent_count_not_what_they_default_to() {
    let implicit = v1::EnqueueRequest {
        queue: String::new(),
        priority: 0,
        ..full()
    };
    let explicit = v1::EnqueueRequest {
        queue: "default".into(),
        priority: 2,
        ..full()
    };
    assert_ne!(digests(implicit).content, digests(explicit).content);
}

/// The digests are stored and compared across releases.
#[test]
fn digests_are_frozen() {
    let known = digests(full());
    assert_eq!(hex(&known.key), "2c70e12b7a0646f92279f427c7b38e73");
    assert_eq!(
        hex(&known.content),
        "8f71337c37d97b9dc47639cf2d081df4f00f33a7c18a68fc7169cc36d0f87b29"
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
