use bytes::Bytes;
use tidemill_proto::v1::ErrorReason;

use super::{T0, error, lease, output, queue, running, state, task};
use crate::{
    id::Namespace,
    op::{Enqueued, Idempotency, NewTask, Reported, Rules, Settle, Settlement, Start},
    reference::ReferenceQueue,
    state::TaskState,
    wire::LogKind,
};

fn reason(queue: &ReferenceQueue, new: &NewTask) -> ErrorReason {
    queue.record(&new.id).unwrap().outcome.error.unwrap().reason()
}

#[test]
fn failures_are_counted_to_max_attempts() {
    let mut queue = queue();
    let new = task(1);
    queue.enqueue(T0, new.clone());
    for attempt in 1..=4 {
        let token = lease(&mut queue, T0, attempt);
        queue.settle(
            T0,
            &token,
            Settle::Fail {
                outcome: error("x"),
                permanent: false,
                delay_ms: 0,
            },
        );
        let expected = if attempt < 4 {
            TaskState::Scheduled
        } else {
            TaskState::Failed
        };
        assert_eq!(state(&queue, new.id), expected, "failure {attempt}");
        queue.tick(T0, true, |_| 0);
    }
}

#[test]
fn crashes_are_counted_to_their_limit_or_to_max_attempts() {
    for (max_attempts, failures, expected) in [
        (4, 0, ErrorReason::CrashLimit),
        (2, 0, ErrorReason::AttemptsExhausted),
        (3, 1, ErrorReason::AttemptsExhausted),
    ] {
        let mut queue = queue();
        let mut new = task(1);
        new.record.max_attempts = max_attempts;
        queue.enqueue(T0, new.clone());
        let mut now = T0;
        for round in 0..10 {
            if state(&queue, new.id) == TaskState::Failed {
                break;
            }
            let token = lease(&mut queue, now, round);
            if round < failures {
                queue.settle(
                    now,
                    &token,
                    Settle::Fail {
                        outcome: error("x"),
                        permanent: false,
                        delay_ms: 0,
                    },
                );
            }
            now += 30_000;
            queue.tick(now, true, |_| 0);
            queue.tick(now, true, |_| 0);
        }
        assert_eq!(
            (state(&queue, new.id), reason(&queue, &new)),
            (TaskState::Failed, expected)
        );
        let header = queue.record(&new.id).unwrap().header;
        assert_eq!(
            (header.failures, header.crashes),
            (failures, max_attempts.min(3 + failures) - failures)
        );
    }
}

#[test]
fn wished_releases_are_limited_and_drains_are_not() {
    let mut queue = ReferenceQueue::new(Rules {
        release_limit: 2,
        ..Rules::default()
    });
    let new = task(1);
    queue.enqueue(T0, new.clone());
    for (round, (counted, expected)) in [
        (false, TaskState::Queued),
        (true, TaskState::Queued),
        (true, TaskState::Queued),
        (false, TaskState::Queued),
        (true, TaskState::Failed),
    ]
    .into_iter()
    .enumerate()
    {
        let token = lease(&mut queue, T0, round as u8);
        let settlement = queue.settle(T0, &token, Settle::Release { counted });
        assert_eq!(
            settlement,
            Settlement::Done {
                state: expected,
                due_ms: 0
            },
            "release {round}"
        );
    }
    assert_eq!(
        (reason(&queue, &new), queue.record(&new.id).unwrap().header.releases),
        (ErrorReason::ReleaseLimit, 2)
    );
}

#[test]
fn a_queue_is_full_by_count_and_by_bytes() {
    let mut queue = queue();
    let size = task(1).record.encode().len() as u64;
    let limited = |number, queue_limit, queue_bytes_limit| NewTask {
        queue_limit,
        queue_bytes_limit,
        ..task(number)
    };
    for number in 0..3 {
        assert_eq!(
            queue.enqueue(T0, limited(number, 3, 3 * size)),
            Enqueued::Stored(TaskState::Queued)
        );
    }
    assert_eq!(queue.enqueue(T0, limited(3, 3, 0)), Enqueued::QueueFull(3));
    assert_eq!(
        queue.enqueue(T0, limited(3, 0, 4 * size - 1)),
        Enqueued::QueueBytes(3 * size)
    );
    assert_eq!(queue.enqueue(T0, task(2)), Enqueued::IdTaken);
    let token = lease(&mut queue, T0, 1);
    assert_eq!(
        queue.enqueue(T0, limited(3, 3, 0)),
        Enqueued::QueueFull(3),
        "a running task is not finished"
    );
    queue.settle(T0, &token, Settle::Complete { outcome: output("x") });
    assert_eq!(
        queue.enqueue(T0, limited(3, 3, 3 * size)),
        Enqueued::Stored(TaskState::Queued)
    );
}

#[test]
fn start_times_in_the_past_mean_now() {
    let mut queue = queue();
    for (number, (start, expected)) in [
        (Start::Now, TaskState::Queued),
        (Start::After(0), TaskState::Queued),
        (Start::After(1), TaskState::Scheduled),
        (Start::At(0), TaskState::Queued),
        (Start::At(T0), TaskState::Queued),
        (Start::At(T0 + 1), TaskState::Scheduled),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = queue.enqueue(
            T0,
            NewTask {
                start,
                ..task(number as u64)
            },
        );
        assert_eq!(answer, Enqueued::Stored(expected), "{start:?}");
    }
}

fn keyed(number: u64, key: u8, content: u8) -> NewTask {
    let mut new = task(number);
    new.record.key_digest = Some([key; 16]);
    new.idempotency = Some(Idempotency {
        key: [key; 16],
        content: [content; 32],
    });
    new
}

#[test]
fn a_key_names_one_task_as_long_as_it_lives_and_a_day_after() {
    let mut queue = queue();
    let day = 86_400_000;
    let first = keyed(1, 7, 1);
    let token = running(&mut queue, first.clone());
    // Long after: the task is not finished, so the key lives.
    let later = T0 + 300 * day;
    assert_eq!(
        queue.enqueue(later, keyed(2, 7, 1)),
        Enqueued::Duplicate(first.id, TaskState::Running)
    );
    assert_eq!(queue.enqueue(later, keyed(2, 7, 2)), Enqueued::KeyReused(first.id));
    assert_eq!(
        queue.enqueue(later, keyed(2, 8, 2)),
        Enqueued::Stored(TaskState::Queued),
        "another key"
    );
    queue.settle(later, &token, Settle::Complete { outcome: output("x") });
    let end = later + day;
    assert_eq!(
        queue.enqueue(end - 1, keyed(3, 7, 1)),
        Enqueued::Duplicate(first.id, TaskState::Succeeded)
    );
    assert_eq!(queue.enqueue(end, keyed(3, 7, 1)), Enqueued::Stored(TaskState::Queued));
    assert_eq!(
        queue.enqueue(end, keyed(4, 7, 2)),
        Enqueued::KeyReused(keyed(3, 7, 1).id),
        "the new owner of the key"
    );
}

#[test]
fn a_key_outlives_a_purged_task() {
    let mut queue = queue();
    let mut first = keyed(1, 7, 1);
    first.record.retention_s = 1;
    let token = running(&mut queue, first.clone());
    queue.settle(
        T0,
        &token,
        Settle::Fail {
            outcome: error("x"),
            permanent: true,
            delay_ms: 0,
        },
    );
    assert_eq!(queue.tick(T0 + 1_000, true, |_| 0).purged, 1);
    assert!(queue.record(&first.id).is_none());
    assert_eq!(
        queue.enqueue(T0 + 2_000, keyed(2, 7, 1)),
        Enqueued::Duplicate(first.id, TaskState::Succeeded)
    );
    assert_eq!(queue.enqueue(T0 + 2_000, keyed(2, 7, 2)), Enqueued::KeyReused(first.id));
    assert_eq!(
        queue.settle(
            T0 + 2_000,
            &token,
            Settle::Fail {
                outcome: error("x"),
                permanent: true,
                delay_ms: 0
            }
        ),
        Settlement::Lost
    );
}

#[test]
fn a_key_belongs_to_its_queue_and_namespace() {
    let mut queue = queue();
    queue.enqueue(T0, keyed(1, 7, 1));
    let mut other = keyed(2, 7, 2);
    other.record.queue = super::name("other");
    assert_eq!(queue.enqueue(T0, other), Enqueued::Stored(TaskState::Queued));
    let mut other = keyed(3, 7, 3);
    other.record.namespace = Namespace::new("other").unwrap();
    assert_eq!(queue.enqueue(T0, other), Enqueued::Stored(TaskState::Queued));
}

#[test]
fn the_log_keeps_to_its_bounds_and_cuts_the_oldest() {
    let rules = Rules {
        log_entries: 3,
        log_bytes: 100,
        ..Rules::default()
    };
    let mut queue = ReferenceQueue::new(rules);
    let token = running(&mut queue, task(1));
    let report = |queue: &mut ReferenceQueue, bytes: usize| match queue.report(
        T0,
        &token,
        LogKind::Chunk,
        Bytes::from(vec![0; bytes]),
    ) {
        Reported::Stored { sequence, stop: None } => sequence,
        other => panic!("{other:?}"),
    };
    let kept = |queue: &ReferenceQueue| {
        let numbers: Vec<u32> = queue.log(&token.task).iter().map(|entry| entry.sequence).collect();
        (numbers, queue.record(&token.task).unwrap().header.first_kept)
    };
    // 1 and 2 are the state events.
    assert_eq!(
        [report(&mut queue, 10), report(&mut queue, 10), report(&mut queue, 10)],
        [3, 4, 5]
    );
    assert_eq!(kept(&queue), (vec![3, 4, 5], 0));
    queue.cancel(T0, &Namespace::default(), &token.task, b"");
    let answer = queue.report(T0, &token, LogKind::Progress, Bytes::new());
    assert_eq!(
        answer,
        Reported::Stored {
            sequence: 7,
            stop: Some(crate::op::StopRequest::Cancel)
        }
    );
    assert_eq!(kept(&queue), (vec![4, 5, 7], 4), "by entries");
    queue.report(T0, &token, LogKind::Chunk, Bytes::from(vec![0; 100]));
    assert_eq!(kept(&queue), (vec![7, 8], 7), "by bytes");
    queue.report(T0, &token, LogKind::Chunk, Bytes::from(vec![0; 101]));
    assert_eq!(kept(&queue), (vec![9], 9), "the newest stays");
    queue.settle(T0, &token, Settle::Stop { delay_ms: 0 });
    assert_eq!(
        queue.report(T0, &token, LogKind::Progress, Bytes::new()),
        Reported::Lost
    );
    assert_eq!(queue.record(&token.task).unwrap().header.sequence, 10);
}

#[test]
fn the_input_is_dropped_on_success_only() {
    for (settle, kept) in [
        (Settle::Complete { outcome: output("x") }, false),
        (Settle::CompleteTooLarge { outcome: error("x") }, true),
        (Settle::Release { counted: true }, true),
    ] {
        let mut queue = queue();
        let mut new = task(1);
        new.record.drop_input = true;
        new.record.body.labels.insert("team".into(), "blue".into());
        let token = running(&mut queue, new);
        queue.settle(T0, &token, settle);
        let body = queue.read(&Namespace::default(), &token.task).unwrap().body().unwrap();
        assert_eq!((body.input.is_some(), body.labels.len()), (kept, 1));
    }
}
