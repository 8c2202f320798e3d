//! T4, T5, T7, T9.

use bytes::Bytes;
use tidemill_model::{
    id::LeaseToken,
    op::{Heartbeat, Settle, Settlement},
    state::{Cause, TaskState},
};
use tidemill_proto::v1::ErrorReason;

use crate::{
    conformance,
    subject::{START, Subject, error, line, output, request, task},
};

conformance!(
    complete,
    complete_drops_the_input,
    too_large,
    late_but_still_the_holder,
    stale_tokens_are_refused,
    saying_it_again_is_done,
    fail_and_retry,
    fail_for_good,
    release_goes_to_the_head,
    released_too_often,
    a_pending_cancel_decides,
    agreeing_after_attempt_timeout_is_a_failure,
    agreeing_to_nothing_is_a_counted_release,
    a_completion_wins_over_a_cancel,
);

fn fail(permanent: bool) -> Settle {
    Settle::Fail {
        outcome: error("broken"),
        permanent,
        delay_ms: 700,
    }
}

const STOP: Settle = Settle::Stop { delay_ms: 700 };

fn done(state: TaskState) -> Settlement {
    Settlement::Done { state, due_ms: 0 }
}

async fn complete(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    assert_eq!(
        s.settle(START + 1, token, Settle::Complete { outcome: output("out") })
            .await,
        done(TaskState::Succeeded)
    );
    let found = s.snapshot(token.task).await.unwrap();
    assert!(found.outcome.output.is_some());
    assert_eq!(found.events.last().unwrap().cause, Cause::Finished);
    assert_eq!(found.header.deadline_ms, START + 1 + 24 * 3_600_000);
    let counters = s.counters("q").await;
    assert_eq!((counters.succeeded, counters.running, counters.bytes), (1, 0, 0));
}

async fn complete_drops_the_input(s: &mut impl Subject) {
    let mut new = task(1, "q", "k");
    new.record.drop_input = true;
    let token = s.running(START, new).await;
    let before = s.snapshot(token.task).await.unwrap().header.body_len;
    s.settle(START, token, Settle::Complete { outcome: output("out") })
        .await;
    let after = s.snapshot(token.task).await.unwrap();
    // Tag, length, and inside tag, length and "input".
    assert_eq!(before - after.header.body_len, 9);
    assert!(after.outcome.output.is_some());
    assert_eq!(s.counters("q").await.bytes, 0);
}

async fn too_large(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    let settle = Settle::CompleteTooLarge {
        outcome: error("too large"),
    };
    assert_eq!(s.settle(START, token, settle).await, done(TaskState::Failed));
    assert_eq!(
        s.snapshot(token.task).await.unwrap().header.deadline_ms,
        START + 30 * 24 * 3_600_000
    );
}

async fn late_but_still_the_holder(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    let late = START + 3_600_000;
    assert_eq!(
        s.settle(late, token, Settle::Complete { outcome: Bytes::new() }).await,
        done(TaskState::Succeeded)
    );
}

async fn stale_tokens_are_refused(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    s.tick(START + 30_000, true).await;
    s.tick(START + 30_000, true).await;
    let next = s.lease(START + 30_000, &request(77, &[line("q", "k")], 1)).await[0].token;
    assert_eq!(next.fence, 2);
    for settle in [
        Settle::Complete {
            outcome: output("stale"),
        },
        fail(false),
        Settle::Release { counted: false },
        STOP,
    ] {
        assert_eq!(s.settle(START + 30_001, token, settle.clone()).await, Settlement::Lost);
        assert_eq!(
            s.settle(START + 30_001, LeaseToken { nonce: [0; 16], ..next }, settle)
                .await,
            Settlement::Lost
        );
    }
    assert_eq!(
        s.settle(START + 30_002, next, Settle::Complete { outcome: output("own") })
            .await,
        done(TaskState::Succeeded)
    );
    assert_eq!(s.snapshot(token.task).await.unwrap().header.crashes, 1);
}

async fn saying_it_again_is_done(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    for _ in 0..2 {
        assert_eq!(
            s.settle(START, token, Settle::Complete { outcome: output("a") }).await,
            done(TaskState::Succeeded)
        );
    }
    assert_eq!(s.settle(START, token, fail(false)).await, Settlement::Lost);
    let token = s.running(START, task(2, "q", "k")).await;
    for _ in 0..2 {
        let answer = s.settle(START, token, fail(false)).await;
        assert_eq!(
            answer,
            Settlement::Done {
                state: TaskState::Scheduled,
                due_ms: START + 700
            }
        );
    }
    assert_eq!(s.snapshot(token.task).await.unwrap().header.failures, 1);
    let token = s.running(START, task(3, "q", "k")).await;
    for _ in 0..2 {
        assert_eq!(
            s.settle(START, token, Settle::Release { counted: true }).await,
            done(TaskState::Queued)
        );
    }
    assert_eq!(s.snapshot(token.task).await.unwrap().header.releases, 1);
}

async fn fail_and_retry(s: &mut impl Subject) {
    let mut token = s.running(START, task(1, "q", "k")).await;
    let mut now = START;
    for attempt in 1..=4u32 {
        let Settlement::Done { state, .. } = s.settle(now, token, fail(false)).await else {
            panic!("lost")
        };
        let found = s.snapshot(token.task).await.unwrap();
        assert_eq!(u32::from(found.header.failures), attempt);
        if attempt == 4 {
            assert_eq!(state, TaskState::Failed);
            assert_eq!(found.outcome.error.unwrap().message, "broken");
            break;
        }
        assert_eq!(state, TaskState::Scheduled);
        now += 700;
        assert_eq!(s.tick(now, true).await.promoted, 1);
        token = s.lease(now, &request(attempt as u8, &[line("q", "k")], 1)).await[0].token;
    }
    assert_eq!(s.counters("q").await.failed, 1);
}

async fn fail_for_good(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    assert_eq!(s.settle(START, token, fail(true)).await, done(TaskState::Failed));
}

async fn release_goes_to_the_head(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    s.enqueue(START, task(2, "q", "k")).await;
    assert_eq!(
        s.settle(START, token, Settle::Release { counted: false }).await,
        done(TaskState::Queued)
    );
    let again = s.lease(START, &request(50, &[line("q", "k")], 1)).await[0].token;
    assert_eq!((again.task, again.fence), (token.task, 2));
    let found = s.snapshot(token.task).await.unwrap();
    assert_eq!(found.events.last().unwrap().attempt, 1, "a release charges no attempt");
}

async fn released_too_often(s: &mut impl Subject) {
    let mut token = s.running(START, task(1, "q", "k")).await;
    for number in 0..2 {
        assert_eq!(
            s.settle(START, token, Settle::Release { counted: true }).await,
            done(TaskState::Queued)
        );
        token = s.lease(START, &request(60 + number, &[line("q", "k")], 1)).await[0].token;
    }
    // A drain is never limited.
    assert_eq!(
        s.settle(START, token, Settle::Release { counted: false }).await,
        done(TaskState::Queued)
    );
    token = s.lease(START, &request(70, &[line("q", "k")], 1)).await[0].token;
    assert_eq!(
        s.settle(START, token, Settle::Release { counted: true }).await,
        done(TaskState::Failed)
    );
    let error = s.snapshot(token.task).await.unwrap().outcome.error.unwrap();
    assert_eq!(error.reason(), ErrorReason::ReleaseLimit);
}

async fn a_pending_cancel_decides(s: &mut impl Subject) {
    for (number, settle) in [(1, fail(false)), (2, Settle::Release { counted: true }), (3, STOP)] {
        let token = s.running(START, task(number, "q", "k")).await;
        s.cancel(START, token.task, "enough").await;
        assert_eq!(s.settle(START, token, settle).await, done(TaskState::Cancelled));
        assert_eq!(s.snapshot(token.task).await.unwrap().outcome.cancel_reason, "enough");
    }
}

async fn agreeing_after_attempt_timeout_is_a_failure(s: &mut impl Subject) {
    let mut new = task(1, "q", "k");
    new.record.max_attempts = 2;
    let mut token = s.running(START, new).await;
    let mut now = START;
    for attempt in 1..=2 {
        // The attempt may run for 100 s; no step counts for more than a lease, 30 s.
        for _ in 0..4 {
            now += 25_000;
            s.heartbeat(now, Heartbeat { token, age_ms: 0 }).await;
        }
        let answer = s.settle(now, token, STOP).await;
        let due_ms = now + 700;
        let (state, due_ms) = match attempt {
            1 => (TaskState::Scheduled, due_ms),
            _ => (TaskState::Failed, 0),
        };
        assert_eq!(answer, Settlement::Done { state, due_ms });
        assert_eq!(s.settle(now + 1, token, STOP).await, answer, "said again");
        let found = s.snapshot(token.task).await.unwrap();
        let header = &found.header;
        assert_eq!((header.failures, header.releases, header.crashes), (attempt, 0, 0));
        assert_eq!(found.outcome.error.unwrap().reason(), ErrorReason::AttemptTimeout);
        if attempt == 1 {
            assert_eq!(found.events.last().unwrap().cause, Cause::Retry);
            now = due_ms;
            s.tick(now, true).await;
            token = s.lease(now, &request(70, &[line("q", "k")], 1)).await[0].token;
        }
    }
    // A client's request goes before: nobody wants another attempt.
    let token = s.running(START, task(2, "q", "k")).await;
    s.cancel(START, token.task, "enough").await;
    for at in 1..=4 {
        s.heartbeat(START + at * 25_000, Heartbeat { token, age_ms: 0 }).await;
    }
    assert_eq!(s.settle(START + 100_000, token, STOP).await, done(TaskState::Cancelled));
}

async fn agreeing_to_nothing_is_a_counted_release(s: &mut impl Subject) {
    let mut token = s.running(START, task(1, "q", "k")).await;
    // One millisecond before the attempt has run for as long as it may.
    for at in 1..=3 {
        s.heartbeat(START + at * 25_000, Heartbeat { token, age_ms: 0 }).await;
    }
    assert_eq!(s.settle(START + 99_999, token, STOP).await, done(TaskState::Queued));
    let header = s.snapshot(token.task).await.unwrap().header;
    assert_eq!((header.failures, header.releases), (0, 1));
    token = s.lease(START, &request(60, &[line("q", "k")], 1)).await[0].token;
    assert_eq!(s.settle(START, token, STOP).await, done(TaskState::Queued));
    token = s.lease(START, &request(61, &[line("q", "k")], 1)).await[0].token;
    // Two releases are allowed here.
    assert_eq!(s.settle(START, token, STOP).await, done(TaskState::Failed));
}

async fn a_completion_wins_over_a_cancel(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    s.cancel(START, token.task, "too late").await;
    assert_eq!(
        s.settle(START, token, Settle::Complete { outcome: output("x") }).await,
        done(TaskState::Succeeded)
    );
    assert_eq!(s.snapshot(token.task).await.unwrap().outcome.cancel_reason, "too late");
}
