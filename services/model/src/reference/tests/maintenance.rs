use super::{T0, error, lease, line, name, output, queue, request, running, state, task};
use crate::{
    id::{Namespace, TaskId},
    op::{Heartbeat, NewTask, Renewal, Settle, Settlement, Start, Ticked},
    record::flags,
    state::{Cause, TaskState},
};

const DAY: u64 = 86_400_000;

#[test]
fn what_is_due_is_promoted_in_the_order_of_its_times() {
    let mut queue = queue();
    for (number, delay) in [(1, 30), (2, 10), (3, 20), (4, 40)] {
        queue.enqueue(
            T0,
            NewTask {
                start: Start::After(delay),
                ..task(number)
            },
        );
    }
    let quiet = Ticked {
        now_ms: T0 + 9,
        next_ms: T0 + 10,
        ..Ticked::default()
    };
    assert_eq!(queue.tick(T0 + 9, true, |_| 0), quiet);
    let ticked = queue.tick(T0 + 30, true, |_| 0);
    assert_eq!((ticked.promoted, ticked.next_ms, ticked.more), (3, T0 + 40, false));
    assert_eq!(
        queue.ready(&Namespace::default(), &line("k")),
        [2, 3, 1].map(|number| task(number).id)
    );
}

#[test]
fn each_kind_of_work_is_bounded() {
    let mut queue = queue();
    for number in 0..300 {
        queue.enqueue(
            T0,
            NewTask {
                start: Start::After(1),
                ..task(number)
            },
        );
    }
    let mut done = Vec::new();
    while done.last().is_none_or(|(_, more)| *more) {
        let ticked = queue.tick(T0 + 1, true, |_| 0);
        done.push((ticked.promoted, ticked.more));
    }
    assert_eq!(done, [(128, true), (128, true), (44, false)]);
}

#[test]
fn an_expired_lease_is_reaped_unless_reaping_holds_off() {
    let mut queue = queue();
    let token = running(&mut queue, task(1));
    assert_eq!(queue.tick(T0 + 29_999, true, |_| 0).reaped, 0);
    let held_off = queue.tick(T0 + 30_000, false, |_| 0);
    assert_eq!((held_off.reaped, held_off.next_ms), (0, 0));
    let ticked = queue.tick(T0 + 30_000, true, |_| 700);
    assert_eq!((ticked.reaped, ticked.next_ms), (1, T0 + 30_700));
    let seen = queue.record(&token.task).unwrap();
    assert_eq!(
        (seen.header.crashes, seen.header.failures, seen.events[2].cause),
        (1, 0, Cause::Crashed)
    );
    assert!(seen.outcome.error.is_some());
    for settle in [
        Settle::Complete { outcome: output("x") },
        Settle::Stop { delay_ms: 0 },
        Settle::Release { counted: false },
    ] {
        assert_eq!(
            queue.settle(T0 + 30_001, &token, settle),
            Settlement::Lost,
            "no settle repeats a reap"
        );
    }
    queue.tick(T0 + 30_700, true, |_| 0);
    assert_eq!(lease(&mut queue, T0 + 30_700, 2).fence, 2);
}

#[test]
fn a_renewed_lease_is_not_reaped() {
    let mut queue = queue();
    let token = running(&mut queue, task(1));
    let renewal = queue.heartbeat(T0 + 29_000, &Heartbeat { token, age_ms: 0 });
    assert!(matches!(renewal, Renewal::Renewed { .. }));
    assert_eq!(queue.tick(T0 + 58_999, true, |_| 0).reaped, 0);
    assert_eq!(queue.tick(T0 + 59_000, true, |_| 0).reaped, 1);
}

#[test]
fn a_lease_from_before_the_clock_stepped_back_is_clamped() {
    let mut queue = queue();
    let token = running(&mut queue, task(1));
    let now = T0 - 10 * DAY;
    let deadline = |queue: &crate::reference::ReferenceQueue| queue.record(&token.task).unwrap().header.deadline_ms;
    queue.tick(T0 - 35_000, true, |_| 0);
    assert_eq!(deadline(&queue), T0 + 30_000, "65 s are two leases and the slack");
    queue.tick(now, false, |_| 0);
    assert_eq!(deadline(&queue), T0 + 30_000, "not during a hold-off");
    queue.tick(now, true, |_| 0);
    assert_eq!(deadline(&queue), now + 30_000);
    assert_eq!(queue.tick(now + 30_000, true, |_| 0).reaped, 1);
}

#[test]
fn a_reaped_task_that_was_asked_to_stop_ends() {
    for (cancelled, expired, to) in [
        (true, false, TaskState::Cancelled),
        (false, true, TaskState::Expired),
        (true, true, TaskState::Cancelled),
    ] {
        let mut queue = queue();
        let mut new = task(1);
        new.record.expires_in_ms = if expired { 1_000 } else { 0 };
        let token = running(&mut queue, new);
        if cancelled {
            queue.cancel(T0, &Namespace::default(), &token.task, b"");
        }
        assert_eq!(queue.tick(T0 + 1_000, true, |_| 0).stopped, u32::from(expired));
        assert_eq!(queue.tick(T0 + 2_000, true, |_| 0).stopped, 0, "asked once");
        assert_eq!(queue.tick(T0 + 30_000, true, |_| 0).stopped, 1);
        let seen = queue.record(&token.task).unwrap();
        assert_eq!(
            (seen.header.state, seen.header.crashes, seen.outcome.error),
            (to, 1, None)
        );
    }
}

#[test]
fn expiry_ends_what_waits_and_asks_what_runs() {
    let mut queue = queue();
    let expiring = |number, start| {
        let mut new = NewTask { start, ..task(number) };
        new.record.expires_in_ms = 1_000;
        new
    };
    let token = running(&mut queue, expiring(1, Start::Now));
    queue.enqueue(T0, expiring(2, Start::Now));
    queue.enqueue(T0, expiring(3, Start::After(5_000)));
    assert_eq!(queue.tick(T0 + 999, true, |_| 0).expired, 0);
    let ticked = queue.tick(T0 + 1_000, true, |_| 0);
    assert_eq!((ticked.expired, ticked.stopped), (2, 1));
    for number in [2, 3] {
        assert_eq!(state(&queue, task(number).id), TaskState::Expired);
    }
    let seen = queue.record(&token.task).unwrap();
    assert!(seen.header.has(flags::EXPIRY_PASSED) && seen.header.state == TaskState::Running);
    assert_eq!(
        seen.events.last().map(|event| event.cause),
        Some(Cause::ExpiryRequested)
    );
    // A cancel on top of it is asked as well, and wins.
    queue.cancel(T0 + 1_001, &Namespace::default(), &token.task, b"");
    queue.settle(T0 + 1_002, &token, Settle::Stop { delay_ms: 0 });
    assert_eq!(state(&queue, token.task), TaskState::Cancelled);
}

#[test]
fn each_state_has_its_retention() {
    for (settle, retention_s, kept_ms) in [
        (Settle::Complete { outcome: output("x") }, 0, DAY),
        (
            Settle::Fail {
                outcome: error("x"),
                permanent: true,
                delay_ms: 0,
            },
            0,
            30 * DAY,
        ),
        (Settle::Complete { outcome: output("x") }, 5, 5_000),
        (
            Settle::Fail {
                outcome: error("x"),
                permanent: true,
                delay_ms: 0,
            },
            5,
            5_000,
        ),
    ] {
        let mut queue = queue();
        let mut new = task(1);
        new.record.retention_s = retention_s;
        let token = running(&mut queue, new);
        queue.settle(T0 + 10, &token, settle);
        let end = T0 + 10 + kept_ms;
        let ticked = queue.tick(end - 1, true, |_| 0);
        assert_eq!((ticked.purged, ticked.next_ms), (0, end));
        assert_eq!(queue.tick(end, true, |_| 0).purged, 1);
        assert_eq!((queue.record(&token.task), queue.ids()), (None, Vec::<TaskId>::new()));
        assert_eq!(queue.counters(&Namespace::default(), &name("q")), Default::default());
    }
}

#[test]
fn counters_follow_every_state() {
    let mut queue = queue();
    for number in 0..8 {
        queue.enqueue(T0, task(number));
    }
    queue.enqueue(
        T0,
        NewTask {
            start: Start::After(9),
            ..task(8)
        },
    );
    let leased = queue.lease(T0, &request(1, &[line("k")], 4));
    queue.settle(T0, &leased[0].token, Settle::Complete { outcome: output("x") });
    queue.settle(T0, &leased[1].token, Settle::CompleteTooLarge { outcome: error("x") });
    queue.cancel(T0, &Namespace::default(), &task(7).id, b"");
    let counters = queue.counters(&Namespace::default(), &name("q"));
    assert_eq!((counters.scheduled, counters.queued, counters.running), (1, 3, 2));
    assert_eq!(
        (
            counters.succeeded,
            counters.failed,
            counters.cancelled,
            counters.expired
        ),
        (1, 1, 1, 0)
    );
    assert_eq!(counters, queue.recount(&Namespace::default(), &name("q")));
    assert_eq!((counters.unfinished(), counters.bytes % 6), (6, 0));
}
