//! T0.

use tidemill_model::{
    op::{Enqueued, Start},
    state::{Cause, TaskState},
};

use crate::{
    conformance,
    subject::{START, Subject, task, with_key},
};

conformance!(
    ready_at_once,
    delayed,
    the_past_is_now,
    key_names_the_first_task,
    key_with_other_content,
    limits,
    id_is_taken_once
);

async fn ready_at_once(s: &mut impl Subject) {
    let new = task(1, "q", "k");
    let id = new.id;
    assert_eq!(s.enqueue(START, new).await, Enqueued::Stored(TaskState::Queued));
    let found = s.snapshot(id).await.unwrap();
    assert_eq!(
        (found.header.version, found.header.sequence, found.header.fence),
        (1, 1, 0)
    );
    assert_eq!(found.events.len(), 1);
    assert_eq!(
        (found.events[0].cause, found.events[0].attempt, found.events[0].time_ms),
        (Cause::Enqueued, 0, START)
    );
    assert_eq!(s.counters("q").await.queued, 1);
}

async fn delayed(s: &mut impl Subject) {
    let mut new = task(1, "q", "k");
    new.start = Start::After(5_000);
    let id = new.id;
    assert_eq!(s.enqueue(START, new).await, Enqueued::Stored(TaskState::Scheduled));
    assert_eq!(s.snapshot(id).await.unwrap().header.deadline_ms, START + 5_000);
    assert_eq!(s.counters("q").await.scheduled, 1);
}

async fn the_past_is_now(s: &mut impl Subject) {
    let mut new = task(1, "q", "k");
    new.start = Start::At(START);
    assert_eq!(s.enqueue(START, new).await, Enqueued::Stored(TaskState::Queued));
}

async fn key_names_the_first_task(s: &mut impl Subject) {
    let first = with_key(task(1, "q", "k"), 9, 1);
    let id = first.id;
    s.enqueue(START, first).await;
    assert_eq!(
        s.enqueue(START, with_key(task(2, "q", "k"), 9, 1)).await,
        Enqueued::Duplicate(id, TaskState::Queued)
    );
    // Another queue is another scope.
    assert_eq!(
        s.enqueue(START, with_key(task(3, "other", "k"), 9, 2)).await,
        Enqueued::Stored(TaskState::Queued)
    );
    assert_eq!(s.counters("q").await.queued, 1);
}

async fn key_with_other_content(s: &mut impl Subject) {
    let first = with_key(task(1, "q", "k"), 9, 1);
    let id = first.id;
    s.enqueue(START, first).await;
    let other = with_key(task(2, "q", "k"), 9, 2);
    let other_id = other.id;
    assert_eq!(s.enqueue(START, other).await, Enqueued::KeyReused(id));
    assert!(s.snapshot(other_id).await.is_none());
    assert_eq!(s.counters("q").await.queued, 1);
}

async fn limits(s: &mut impl Subject) {
    let mut second = task(2, "q", "k");
    second.queue_limit = 1;
    let mut third = task(3, "q", "k");
    s.enqueue(START, task(1, "q", "k")).await;
    let bytes = s.counters("q").await.bytes;
    third.queue_bytes_limit = 2 * bytes - 1;
    assert_eq!(s.enqueue(START, second.clone()).await, Enqueued::QueueFull(1));
    assert_eq!(s.enqueue(START, third.clone()).await, Enqueued::QueueBytes(bytes));
    third.queue_bytes_limit = 2 * bytes;
    assert_eq!(s.enqueue(START, third).await, Enqueued::Stored(TaskState::Queued));
    assert!(s.snapshot(second.id).await.is_none());
    second.queue_limit = 3;
    assert_eq!(s.enqueue(START, second).await, Enqueued::Stored(TaskState::Queued));
}

async fn id_is_taken_once(s: &mut impl Subject) {
    s.enqueue(START, task(1, "q", "k")).await;
    assert_eq!(s.enqueue(START, task(1, "q", "k")).await, Enqueued::IdTaken);
    assert_eq!(s.counters("q").await.queued, 1);
}
