//! T8.

use tidemill_model::{
    op::{Cancelled, Settle, Start},
    state::TaskState,
};

use crate::{
    conformance,
    subject::{START, Subject, output, task},
};

conformance!(
    waiting_tasks_end_at_once,
    a_running_task_is_asked_once,
    a_finished_task_stays,
    unknown
);

async fn waiting_tasks_end_at_once(s: &mut impl Subject) {
    let queued = task(1, "q", "k");
    let mut scheduled = task(2, "q", "k");
    scheduled.start = Start::After(1_000);
    for new in [queued, scheduled] {
        let id = new.id;
        s.enqueue(START, new).await;
        assert_eq!(s.cancel(START, id, "why").await, Cancelled::State(TaskState::Cancelled));
        assert_eq!(s.snapshot(id).await.unwrap().outcome.cancel_reason, "why");
    }
    let counters = s.counters("q").await;
    assert_eq!(
        (counters.cancelled, counters.queued, counters.scheduled, counters.bytes),
        (2, 0, 0, 0)
    );
    assert_eq!(s.tick(START + 2_000, true).await.promoted, 0);
}

async fn a_running_task_is_asked_once(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    for _ in 0..2 {
        assert_eq!(
            s.cancel(START, token.task, "why").await,
            Cancelled::State(TaskState::Running)
        );
    }
    assert_eq!(s.snapshot(token.task).await.unwrap().header.version, 3);
}

async fn a_finished_task_stays(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    s.settle(START, token, Settle::Complete { outcome: output("x") }).await;
    assert_eq!(
        s.cancel(START, token.task, "late").await,
        Cancelled::State(TaskState::Succeeded)
    );
    assert_eq!(s.snapshot(token.task).await.unwrap().outcome.cancel_reason, "");
}

async fn unknown(s: &mut impl Subject) {
    assert_eq!(s.cancel(START, task(1, "q", "k").id, "").await, Cancelled::NotFound);
}
