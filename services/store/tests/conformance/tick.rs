//! T1, T6, T11, T13.

use tidemill_model::{
    op::{Cancelled, Enqueued, Settle, Settlement, Start},
    state::{Cause, TaskState},
};
use tidemill_proto::v1::ErrorReason;

use crate::{
    conformance,
    subject::{START, Subject, line, output, request, task, with_key},
};

conformance!(
    promotes_when_due,
    reaps_and_charges_a_crash,
    a_hold_off_reaps_nothing,
    crash_limit,
    attempts_used_up_by_crashes,
    a_cancelled_task_of_a_dead_worker_ends,
    expires_waiting_tasks,
    asks_running_tasks_to_stop,
    purges_after_retention,
    retention_of_the_request,
    a_key_outlives_its_task,
    bounded,
);

async fn promotes_when_due(s: &mut impl Subject) {
    let mut new = task(1, "q", "k");
    new.start = Start::After(1_000);
    let id = new.id;
    s.enqueue(START, new).await;
    let early = s.tick(START + 999, true).await;
    assert_eq!((early.promoted, early.next_ms), (0, START + 1_000));
    assert_eq!(s.tick(START + 1_000, true).await.promoted, 1);
    assert_eq!(s.snapshot(id).await.unwrap().events.last().unwrap().cause, Cause::Due);
    assert_eq!(s.lease(START + 1_000, &request(1, &[line("q", "k")], 1)).await.len(), 1);
}

async fn reaps_and_charges_a_crash(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    assert_eq!(s.tick(START + 29_999, true).await.reaped, 0);
    assert_eq!(s.tick(START + 30_000, true).await.reaped, 1);
    let found = s.snapshot(token.task).await.unwrap();
    assert_eq!(
        (found.header.crashes, found.header.failures, found.header.state),
        (1, 0, TaskState::Scheduled)
    );
    assert_eq!(
        s.settle(
            START + 30_001,
            token,
            Settle::Complete {
                outcome: output("late")
            }
        )
        .await,
        Settlement::Lost
    );
}

async fn a_hold_off_reaps_nothing(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    let held = s.tick(START + 60_000, false).await;
    assert_eq!((held.reaped, held.next_ms), (0, 0));
    assert_eq!(s.state(token.task).await, TaskState::Running);
}

async fn crash_limit(s: &mut impl Subject) {
    let mut new = task(1, "q", "k");
    new.record.max_attempts = 100;
    let mut token = s.running(START, new).await;
    let mut now = START;
    for crash in 1..=3u8 {
        now += 30_000;
        let ticked = s.tick(now, true).await;
        assert_eq!(
            (ticked.reaped, ticked.crashed_out),
            (u32::from(crash < 3), u32::from(crash == 3))
        );
        if crash < 3 {
            s.tick(now, true).await;
            token = s.lease(now, &request(crash, &[line("q", "k")], 1)).await[0].token;
        }
    }
    let found = s.snapshot(token.task).await.unwrap();
    assert_eq!((found.header.state, found.header.crashes), (TaskState::Failed, 3));
    assert_eq!(found.outcome.error.unwrap().reason(), ErrorReason::CrashLimit);
}

async fn attempts_used_up_by_crashes(s: &mut impl Subject) {
    let mut new = task(1, "q", "k");
    new.record.max_attempts = 1;
    let token = s.running(START, new).await;
    assert_eq!(s.tick(START + 30_000, true).await.crashed_out, 1);
    let error = s.snapshot(token.task).await.unwrap().outcome.error.unwrap();
    assert_eq!(error.reason(), ErrorReason::AttemptsExhausted);
}

async fn a_cancelled_task_of_a_dead_worker_ends(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    assert_eq!(
        s.cancel(START, token.task, "x").await,
        Cancelled::State(TaskState::Running)
    );
    assert_eq!(s.tick(START + 30_000, true).await.stopped, 1);
    assert_eq!(s.state(token.task).await, TaskState::Cancelled);
}

async fn expires_waiting_tasks(s: &mut impl Subject) {
    let mut queued = task(1, "q", "k");
    queued.record.expires_in_ms = 500;
    let mut scheduled = task(2, "q", "k");
    scheduled.record.expires_in_ms = 500;
    scheduled.start = Start::After(10_000);
    let ids = [queued.id, scheduled.id];
    s.enqueue(START, queued).await;
    s.enqueue(START, scheduled).await;
    let ticked = s.tick(START + 500, true).await;
    assert_eq!(ticked.expired, 2);
    for id in ids {
        assert_eq!(s.state(id).await, TaskState::Expired);
    }
}

async fn asks_running_tasks_to_stop(s: &mut impl Subject) {
    let mut new = task(1, "q", "k");
    new.record.expires_in_ms = 500;
    let token = s.running(START, new).await;
    assert_eq!(s.tick(START + 500, true).await.stopped, 1);
    assert_eq!(s.tick(START + 501, true).await.stopped, 0);
    assert_eq!(
        s.snapshot(token.task).await.unwrap().events.last().unwrap().cause,
        Cause::ExpiryRequested
    );
    let answer = s.settle(START + 502, token, Settle::Stop { delay_ms: 0 }).await;
    assert_eq!(
        answer,
        Settlement::Done {
            state: TaskState::Expired,
            due_ms: 0
        }
    );
}

async fn purges_after_retention(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    s.settle(START, token, Settle::Complete { outcome: output("x") }).await;
    let day = 24 * 3_600_000;
    assert_eq!(s.tick(START + day - 1, true).await.purged, 0);
    assert_eq!(s.tick(START + day, true).await.purged, 1);
    assert!(s.snapshot(token.task).await.is_none());
    assert_eq!(s.counters("q").await.succeeded, 0);
}

async fn retention_of_the_request(s: &mut impl Subject) {
    let mut new = task(1, "q", "k");
    new.record.retention_s = 60;
    let token = s.running(START, new).await;
    s.settle(START, token, Settle::Complete { outcome: output("x") }).await;
    assert_eq!(s.tick(START + 60_000, true).await.purged, 1);
}

async fn a_key_outlives_its_task(s: &mut impl Subject) {
    let mut new = with_key(task(1, "q", "k"), 3, 3);
    new.record.retention_s = 60;
    let id = new.id;
    let token = s.running(START, new).await;
    s.settle(START, token, Settle::Complete { outcome: output("x") }).await;
    assert_eq!(s.tick(START + 60_000, true).await.purged, 1);
    let again = s.enqueue(START + 61_000, with_key(task(2, "q", "k"), 3, 3)).await;
    assert_eq!(again, Enqueued::Duplicate(id, TaskState::Succeeded));
}

async fn bounded(s: &mut impl Subject) {
    for number in 1..=130 {
        let mut new = task(number, "q", "k");
        new.start = Start::After(10);
        s.enqueue(START, new).await;
    }
    let first = s.tick(START + 10, true).await;
    assert_eq!((first.promoted, first.more), (128, true));
    let second = s.tick(START + 10, true).await;
    assert_eq!((second.promoted, second.more), (2, false));
}
