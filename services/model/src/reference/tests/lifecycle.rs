use super::{T0, error, lease, output, queue, running, state, task};
use crate::{
    id::{LeaseToken, Namespace},
    op::{Cancelled, Heartbeat, Renewal, Settle, Settlement, StopRequest},
    record::{StoredOutcome, flags, settled},
    reference::ReferenceQueue,
    state::{Cause, TaskState},
    wire::outcome_cancel,
};

fn fail(permanent: bool, delay_ms: u64) -> Settle {
    Settle::Fail {
        outcome: error("oh"),
        permanent,
        delay_ms,
    }
}

fn complete() -> Settle {
    Settle::Complete { outcome: output("out") }
}

fn too_large() -> Settle {
    Settle::CompleteTooLarge {
        outcome: error("large"),
    }
}

const RELEASE: Settle = Settle::Release { counted: true };
const DRAIN: Settle = Settle::Release { counted: false };

fn done(state: TaskState) -> Settlement {
    Settlement::Done { state, due_ms: 0 }
}

fn outcome(queue: &ReferenceQueue, token: &LeaseToken) -> StoredOutcome {
    queue.record(&token.task).unwrap().outcome
}

fn cancel(queue: &mut ReferenceQueue, token: &LeaseToken) -> Cancelled {
    queue.cancel(T0, &Namespace::default(), &token.task, &outcome_cancel("why"))
}

fn causes(queue: &ReferenceQueue, token: &LeaseToken) -> Vec<Cause> {
    queue
        .record(&token.task)
        .unwrap()
        .events
        .iter()
        .map(|event| event.cause)
        .collect()
}

#[test]
fn each_settle_leads_to_its_state_and_may_be_said_again() {
    for (settle, expected, kind) in [
        (complete(), done(TaskState::Succeeded), settled::COMPLETE),
        (too_large(), done(TaskState::Failed), settled::COMPLETE),
        (fail(true, 5), done(TaskState::Failed), settled::FAIL),
        (
            fail(false, 5),
            Settlement::Done {
                state: TaskState::Scheduled,
                due_ms: T0 + 15,
            },
            settled::FAIL,
        ),
        (RELEASE, done(TaskState::Queued), settled::RELEASE),
        (DRAIN, done(TaskState::Queued), settled::RELEASE),
        (Settle::Stop { delay_ms: 0 }, done(TaskState::Queued), settled::RELEASE),
    ] {
        let mut queue = queue();
        let token = running(&mut queue, task(1));
        assert_eq!(queue.settle(T0 + 10, &token, settle.clone()), expected, "{settle:?}");
        let before = queue.record(&token.task).unwrap();
        assert_eq!((before.header.settled, before.header.version), (kind, 3));
        // Hours later, the same kind again: the same answer. Any other kind: lost. Neither changes anything.
        assert_eq!(
            queue.settle(T0 + 9_999_999, &token, settle.clone()),
            expected,
            "{settle:?} again"
        );
        for other in [complete(), fail(false, 0), RELEASE] {
            let same_kind = std::mem::discriminant(&other) == std::mem::discriminant(&settle)
                || (kind == settled::COMPLETE && matches!(other, Settle::Complete { .. }))
                || (kind == settled::RELEASE && matches!(other, Settle::Release { .. }));
            let answer = queue.settle(T0 + 11, &token, other.clone());
            assert_eq!(answer == Settlement::Lost, !same_kind, "{settle:?}, then {other:?}");
        }
        assert_eq!(queue.record(&token.task).unwrap(), before);
    }
}

#[test]
fn only_the_latest_grant_settles() {
    let mut queue = queue();
    let first = running(&mut queue, task(1));
    queue.settle(T0, &first, DRAIN);
    let second = lease(&mut queue, T0, 2);
    let wrong_nonce = LeaseToken {
        nonce: [0; 16],
        ..second
    };
    let wrong_task = LeaseToken {
        task: task(9).id,
        ..second
    };
    for stale in [first, wrong_nonce, wrong_task] {
        let before = queue.record(&second.task).unwrap();
        for settle in [
            complete(),
            too_large(),
            fail(true, 0),
            RELEASE,
            Settle::Stop { delay_ms: 0 },
        ] {
            assert_eq!(queue.settle(T0, &stale, settle), Settlement::Lost);
        }
        assert_eq!(
            queue.heartbeat(
                T0,
                &Heartbeat {
                    token: stale,
                    age_ms: 0
                }
            ),
            Renewal::Lost
        );
        assert_eq!(queue.record(&second.task).unwrap(), before);
    }
    // The lease ended long ago by its time, but nobody else was granted the task.
    assert_eq!(
        queue.settle(T0 + 9_999_999, &second, complete()),
        done(TaskState::Succeeded)
    );
}

#[test]
fn a_stop_request_decides_how_an_attempt_without_success_ends() {
    for (cancelled, expired, to) in [
        (true, false, TaskState::Cancelled),
        (false, true, TaskState::Expired),
        (true, true, TaskState::Cancelled),
    ] {
        for (settle, failures, releases) in [
            (fail(false, 0), 1, 0),
            (fail(true, 0), 1, 0),
            (RELEASE, 0, 0),
            (DRAIN, 0, 0),
            (Settle::Stop { delay_ms: 0 }, 0, 0),
        ] {
            let mut queue = queue();
            let mut new = task(1);
            new.record.expires_in_ms = if expired { 1_000 } else { 0 };
            let token = running(&mut queue, new);
            queue.tick(T0 + 1_000, true, |_| 0);
            if cancelled {
                assert_eq!(cancel(&mut queue, &token), Cancelled::State(TaskState::Running));
            }
            assert_eq!(queue.settle(T0 + 1_001, &token, settle.clone()), done(to), "{settle:?}");
            let seen = queue.record(&token.task).unwrap();
            assert_eq!((seen.header.failures, seen.header.releases), (failures, releases));
            assert_eq!(seen.outcome.error.is_some(), failures == 1);
            assert_eq!(seen.outcome.cancel_reason, if cancelled { "why" } else { "" });
        }
    }
}

#[test]
fn success_wins_over_a_stop_request() {
    let mut queue = queue();
    let token = running(&mut queue, task(1));
    cancel(&mut queue, &token);
    assert_eq!(queue.settle(T0, &token, complete()), done(TaskState::Succeeded));
    let outcome = outcome(&queue, &token);
    assert_eq!(
        (outcome.output.is_some(), outcome.cancel_reason.as_str()),
        (true, "why")
    );
    let mut queue = super::queue();
    let token = running(&mut queue, task(1));
    cancel(&mut queue, &token);
    assert_eq!(queue.settle(T0, &token, too_large()), done(TaskState::Failed));
}

#[test]
fn a_cancel_ends_what_waits_and_asks_what_runs() {
    let mut queue = queue();
    let token = running(&mut queue, task(1));
    assert_eq!(cancel(&mut queue, &token), Cancelled::State(TaskState::Running));
    assert_eq!(
        cancel(&mut queue, &token),
        Cancelled::State(TaskState::Running),
        "again"
    );
    assert_eq!(
        causes(&queue, &token),
        [Cause::Enqueued, Cause::Leased, Cause::CancelRequested]
    );
    let stop = match queue.heartbeat(T0 + 10, &Heartbeat { token, age_ms: 0 }) {
        Renewal::Renewed { stop, .. } => stop,
        other => panic!("{other:?}"),
    };
    assert_eq!(stop, Some(StopRequest::Cancel));
    queue.settle(T0, &token, Settle::Stop { delay_ms: 0 });
    assert_eq!(cancel(&mut queue, &token), Cancelled::State(TaskState::Cancelled));
    for (number, wait) in [(2, crate::op::Start::Now), (3, crate::op::Start::After(5))] {
        queue.enqueue(
            T0,
            crate::op::NewTask {
                start: wait,
                ..task(number)
            },
        );
        let id = task(number).id;
        let answer = queue.cancel(T0, &Namespace::default(), &id, b"");
        assert_eq!(
            (answer, state(&queue, id)),
            (Cancelled::State(TaskState::Cancelled), TaskState::Cancelled)
        );
    }
    assert_eq!(
        queue.cancel(T0, &Namespace::default(), &task(9).id, b""),
        Cancelled::NotFound
    );
}

#[test]
fn an_error_is_replaced_by_the_next_and_kept_by_a_success() {
    let mut queue = queue();
    let token = running(&mut queue, task(1));
    queue.settle(T0, &token, fail(false, 0));
    queue.tick(T0, true, |_| 0);
    let token = lease(&mut queue, T0, 2);
    queue.settle(
        T0,
        &token,
        Settle::Fail {
            outcome: error("ow"),
            permanent: false,
            delay_ms: 0,
        },
    );
    queue.tick(T0, true, |_| 0);
    assert_eq!(outcome(&queue, &token).error.unwrap().message, "ow");
    let token = lease(&mut queue, T0, 3);
    queue.settle(T0, &token, complete());
    let outcome = outcome(&queue, &token);
    assert_eq!(
        (outcome.error.unwrap().message.as_str(), outcome.output.is_some()),
        ("ow", true)
    );
    let record = queue.read(&Namespace::default(), &token.task).unwrap();
    assert_eq!((record.attempt(), record.header.failures), (3, 2));
}

#[test]
fn a_heartbeat_renews_from_the_sign_of_life_and_never_shortens() {
    let mut queue = queue();
    let token = running(&mut queue, task(1));
    let before = queue.record(&token.task).unwrap();
    let mut beat = |now_ms, age_ms| {
        let renewal = queue.heartbeat(now_ms, &Heartbeat { token, age_ms });
        (renewal, queue.record(&token.task).unwrap().header)
    };
    let (renewal, header) = beat(T0 + 10_000, 4_000);
    assert_eq!(
        renewal,
        Renewal::Renewed {
            stop: None,
            remaining_ms: 90_000
        }
    );
    assert_eq!(
        (header.deadline_ms, header.run_ms, header.mark),
        (T0 + 36_000, 10_000, T0 + 10_000)
    );
    let (_, header) = beat(T0 + 11_000, 99_000);
    assert_eq!(
        (header.deadline_ms, header.run_ms),
        (T0 + 36_000, 11_000),
        "an old sign of life takes nothing back"
    );
    // Long silence, or a jump of the clock, counts as one lease at most.
    let (_, header) = beat(T0 + 500_000, 0);
    assert_eq!((header.run_ms, header.deadline_ms), (41_000, T0 + 530_000));
    let (_, header) = beat(T0 + 400_000, 0);
    assert_eq!(
        (header.run_ms, header.mark, header.deadline_ms),
        (41_000, T0 + 400_000, T0 + 530_000),
        "a step back"
    );
    assert_eq!(
        (header.version, header.sequence),
        (before.header.version, before.header.sequence)
    );
}

#[test]
fn an_attempt_over_its_timeout_and_grace_is_not_renewed() {
    let mut queue = queue();
    let mut new = task(1);
    new.record.attempt_timeout_ms = 20_000;
    let token = running(&mut queue, new);
    let mut beat = |now_ms| queue.heartbeat(T0 + now_ms, &Heartbeat { token, age_ms: 0 });
    assert_eq!(
        beat(20_000),
        Renewal::Renewed {
            stop: None,
            remaining_ms: 0
        }
    );
    assert_eq!(
        beat(30_000),
        Renewal::Renewed {
            stop: None,
            remaining_ms: 0
        },
        "the end of the grace"
    );
    assert_eq!(beat(30_001), Renewal::TimedOut);
    let header = queue.record(&token.task).unwrap().header;
    assert_eq!(
        (header.run_ms, header.mark, header.deadline_ms),
        (30_000, T0 + 30_000, T0 + 60_000),
        "nothing written"
    );
    assert!(!header.has(flags::CANCEL));
}
