use tidemill_proto::v1::{self, payload::Content, task_event::Event};

use super::{NOW, seconds};
use crate::{
    id::Namespace,
    op::{Cancelled, LeaseRequest, Line, NewTask, Rules, Settle, StopRequest},
    reference::ReferenceQueue,
    retry::RetryPolicy,
    wire::{
        EnqueueDefaults, assignment, cancel_cause, duration, outcome_cancel, outcome_error, outcome_output,
        parse_enqueue, result_view, retry_policy_of, state_event, task_view, timestamp,
    },
};

fn text(text: &str) -> v1::Payload {
    v1::Payload {
        content: Some(Content::Text(text.into())),
        ..Default::default()
    }
}

fn new_task(start_s: i64) -> NewTask {
    let request = v1::EnqueueRequest {
        queue: "mail".into(),
        kind: "send".into(),
        payload: Some(text("in")),
        labels: [("team".to_owned(), "blue".to_owned())].into(),
        retry_policy: Some(v1::RetryPolicy {
            max_attempts: 9,
            initial_backoff: seconds(2),
            ..Default::default()
        }),
        trace_context: Some(v1::TraceContext {
            traceparent: "00-1".into(),
            tracestate: String::new(),
        }),
        start: Some(v1::enqueue_request::Start::Delay(prost_types::Duration {
            seconds: start_s,
            nanos: 0,
        })),
        ..Default::default()
    };
    parse_enqueue(request, &Namespace::default(), &EnqueueDefaults::default(), NOW, 5).unwrap()
}

fn lease(queue: &mut ReferenceQueue, now_ms: u64, task: &NewTask) -> crate::op::Leased {
    let line = Line {
        queue: task.record.queue.clone(),
        kind: task.record.kind.clone(),
    };
    let request = LeaseRequest {
        namespace: Namespace::default(),
        lines: vec![line],
        max: 1,
        max_bytes: 1 << 20,
        request: [now_ms as u8; 16],
        nonce: [now_ms as u8; 16],
    };
    queue.lease(now_ms, &request).remove(0)
}

#[test]
fn a_task_is_seen_through_its_life() {
    let mut queue = ReferenceQueue::new(Rules::default());
    let (new, namespace, defaults) = (new_task(5), Namespace::default(), RetryPolicy::default());
    let id = new.id;
    queue.enqueue(NOW, new.clone());
    let view = |queue: &ReferenceQueue, payloads| {
        task_view(&id, &queue.read(&namespace, &id).unwrap(), &defaults, payloads).unwrap()
    };
    let listed = view(&queue, false).retry_policy.unwrap();
    assert_eq!(
        (listed.max_attempts, listed.initial_backoff, listed.multiplier),
        (9, None, 0.0),
        "a list does not read the backoffs, and does not make them up"
    );
    let task = view(&queue, true);
    assert_eq!(
        (task.state(), task.attempt, task.due_time),
        (v1::TaskState::Scheduled, 0, Some(timestamp(NOW + 5_000)))
    );
    assert_eq!(
        (task.input, task.labels.len(), task.start_time),
        (Some(text("in")), 1, None)
    );
    let policy = task.retry_policy.unwrap();
    assert_eq!(
        (policy.max_attempts, policy.initial_backoff, policy.multiplier),
        (9, seconds(2), 2.0)
    );

    queue.tick(NOW + 5_000, true, |_| 0);
    let leased = lease(&mut queue, NOW + 5_001, &new);
    let given = assignment(&leased, &Rules::default()).unwrap();
    assert_eq!(
        (given.attempt, given.max_attempts, given.fence, given.payload),
        (1, 9, 1, Some(text("in")))
    );
    assert_eq!(
        (given.lease_ttl, given.attempt_timeout),
        (Some(duration(30_000)), Some(duration(1_800_000)))
    );
    assert_eq!(
        (given.create_time, given.lease_time),
        (Some(timestamp(NOW)), Some(timestamp(NOW + 5_001)))
    );
    assert_eq!((given.lease_token, given.last_error), (leased.token.to_string(), None));

    let error = v1::TaskError {
        reason: 20,
        message: "oh".into(),
        ..Default::default()
    };
    let failed = Settle::Fail {
        outcome: outcome_error(&error),
        permanent: false,
        delay_ms: 0,
    };
    queue.settle(NOW + 5_002, &leased.token, failed);
    queue.tick(NOW + 5_003, true, |_| 0);
    let leased = lease(&mut queue, NOW + 5_004, &new);
    assert_eq!(
        assignment(&leased, &Rules::default()).unwrap().last_error,
        Some(error.clone())
    );
    assert_eq!(
        queue.cancel(NOW + 5_005, &namespace, &id, &outcome_cancel("why")),
        Cancelled::State(crate::state::TaskState::Running)
    );
    let task = view(&queue, true);
    assert_eq!(
        (task.cancel_requested, task.cancel_reason.as_str(), task.failures),
        (true, "why", 1)
    );
    let result = result_view(&id, &queue.read(&namespace, &id).unwrap()).unwrap();
    assert_eq!(
        (result.attempt, result.cancel_requested, result.finish_time),
        (2, true, None)
    );

    queue.settle(
        NOW + 5_006,
        &leased.token,
        Settle::Complete {
            outcome: outcome_output(Some(text("out"))),
        },
    );
    let task = view(&queue, true);
    assert_eq!(
        (task.state(), task.output, task.cancel_requested),
        (v1::TaskState::Succeeded, Some(text("out")), false)
    );
    assert_eq!(task.purge_time, Some(timestamp(NOW + 5_006 + 86_400_000)));
    let listed = view(&queue, false);
    assert_eq!((listed.input, listed.output, listed.error), (None, None, Some(error)));

    let record = queue.read(&namespace, &id).unwrap();
    assert_eq!(retry_policy_of(&record, &defaults).unwrap().initial_backoff_ms, 2_000);
    let events: Vec<_> = record
        .events
        .iter()
        .map(|event| state_event(event, &record).unwrap())
        .collect();
    assert_eq!(
        events.iter().map(|event| event.sequence).collect::<Vec<_>>(),
        (1..=8).collect::<Vec<_>>()
    );
    let changed = v1::StateChanged {
        state: 1,
        cause: v1::StateCause::Enqueued.into(),
    };
    assert_eq!(events[0].event, Some(Event::StateChanged(changed)));
    let ended = v1::TaskResult {
        state: 4,
        output: Some(text("out")),
        error: None,
    };
    assert_eq!(events[7].event, Some(Event::Result(ended)));
    assert_eq!(record.body().unwrap().input, Some(text("in")));
}

#[test]
fn the_cause_of_a_stop_request_is_told() {
    assert_eq!(cancel_cause(None), v1::CancelCause::Unspecified);
    assert_eq!(cancel_cause(Some(StopRequest::Cancel)), v1::CancelCause::Client);
    assert_eq!(cancel_cause(Some(StopRequest::Expiry)), v1::CancelCause::Expiry);
}

#[test]
fn times_keep_their_milliseconds() {
    assert_eq!(
        timestamp(1_234),
        prost_types::Timestamp {
            seconds: 1,
            nanos: 234_000_000
        }
    );
    assert_eq!(
        duration(999),
        prost_types::Duration {
            seconds: 0,
            nanos: 999_000_000
        }
    );
}
