//! T2.

use tidemill_model::{
    id::TaskId,
    op::{Enqueued, Leased, Settle},
    state::{Priority, TaskState},
};

use crate::{
    conformance,
    subject::{START, Subject, line, output, request, task},
};

conformance!(
    order_and_fence,
    a_repeat_answers_the_same_leases,
    shares_are_equal_first,
    priority_is_strict_but_every_sixteenth,
    tombstones_are_skipped,
    a_paused_queue_takes_in_and_leases_none,
    an_expired_task_is_not_leased,
    bytes_are_bounded_but_one_comes,
    an_unserved_kind_blocks_nobody,
);

fn ids(leased: &[Leased]) -> Vec<TaskId> {
    leased.iter().map(|one| one.token.task).collect()
}

async fn fill(s: &mut impl Subject, from: u64, to: u64, queue: &str, kind: &str) -> Vec<TaskId> {
    let mut made = Vec::new();
    for number in from..to {
        let new = task(number, queue, kind);
        made.push(new.id);
        assert!(matches!(s.enqueue(START, new).await, Enqueued::Stored(_)));
    }
    made
}

async fn order_and_fence(s: &mut impl Subject) {
    let made = fill(s, 1, 4, "q", "k").await;
    let leased = s.lease(START + 5, &request(1, &[line("q", "k")], 2)).await;
    assert_eq!(ids(&leased), made[..2]);
    let found = s.snapshot(made[0]).await.unwrap();
    assert_eq!(found.header.state, TaskState::Running);
    assert_eq!(
        (found.header.fence, found.header.nonce, found.header.deadline_ms),
        (1, [101; 16], START + 30_005)
    );
    assert_eq!(found.events[1].attempt, 1);
    let counters = s.counters("q").await;
    assert_eq!((counters.queued, counters.running), (1, 2));
}

async fn a_repeat_answers_the_same_leases(s: &mut impl Subject) {
    let made = fill(s, 1, 4, "q", "k").await;
    let ask = request(1, &[line("q", "k")], 2);
    let first = s.lease(START, &ask).await;
    s.settle(START, first[0].token, Settle::Complete { outcome: output("x") })
        .await;
    assert_eq!(ids(&s.lease(START + 10, &ask).await), [made[1]]);
    assert_eq!(s.counters("q").await.queued, 1);
    assert_eq!(ids(&s.lease(START, &request(2, &[line("q", "k")], 2)).await), [made[2]]);
}

async fn shares_are_equal_first(s: &mut impl Subject) {
    let a = fill(s, 1, 9, "q", "a").await;
    let b = fill(s, 11, 13, "q", "b").await;
    let lines = [line("q", "empty"), line("q", "b"), line("q", "a")];
    let leased = ids(&s.lease(START, &request(1, &lines, 6)).await);
    assert_eq!(leased, [b[0], b[1], a[0], a[1], a[2], a[3]]);
}

async fn priority_is_strict_but_every_sixteenth(s: &mut impl Subject) {
    let low = {
        let mut new = task(500, "q", "k");
        new.record.priority = Priority::Low;
        let id = new.id;
        s.enqueue(START, new).await;
        id
    };
    let normal = fill(s, 1, 21, "q", "k").await;
    let mut urgent = task(600, "q", "k");
    urgent.record.priority = Priority::Urgent;
    let urgent_id = urgent.id;
    s.enqueue(START, urgent).await;
    let leased = ids(&s.lease(START, &request(1, &[line("q", "k")], 20)).await);
    assert_eq!(leased[0], urgent_id);
    assert_eq!(leased[1..15], normal[..14]);
    assert_eq!(leased[15], low);
    assert_eq!(leased[16..], normal[14..18]);
}

async fn tombstones_are_skipped(s: &mut impl Subject) {
    let made = fill(s, 1, 4, "q", "k").await;
    s.cancel(START, made[0], "no").await;
    assert_eq!(ids(&s.lease(START, &request(1, &[line("q", "k")], 1)).await), [made[1]]);
}

async fn a_paused_queue_takes_in_and_leases_none(s: &mut impl Subject) {
    s.pause("q", true).await;
    let made = fill(s, 1, 2, "q", "k").await;
    assert!(s.lease(START, &request(1, &[line("q", "k")], 1)).await.is_empty());
    s.pause("q", false).await;
    assert_eq!(ids(&s.lease(START, &request(2, &[line("q", "k")], 1)).await), made);
}

async fn an_expired_task_is_not_leased(s: &mut impl Subject) {
    let mut new = task(1, "q", "k");
    new.record.expires_in_ms = 1_000;
    let id = new.id;
    s.enqueue(START, new).await;
    assert!(
        s.lease(START + 1_000, &request(1, &[line("q", "k")], 1))
            .await
            .is_empty()
    );
    assert_eq!(s.state(id).await, TaskState::Expired);
    assert_eq!(s.counters("q").await.expired, 1);
}

async fn bytes_are_bounded_but_one_comes(s: &mut impl Subject) {
    let made = fill(s, 1, 4, "q", "k").await;
    let mut ask = request(1, &[line("q", "k")], 3);
    ask.max_bytes = 10;
    assert_eq!(ids(&s.lease(START, &ask).await), made[..1]);
    assert_eq!(s.counters("q").await.queued, 2);
}

async fn an_unserved_kind_blocks_nobody(s: &mut impl Subject) {
    fill(s, 1, 4, "q", "nobody").await;
    let served = fill(s, 5, 6, "q", "k").await;
    assert_eq!(ids(&s.lease(START, &request(1, &[line("q", "k")], 5)).await), served);
    assert_eq!(s.counters("q").await.queued, 3);
}
