//! T12, on the server only: the reference queue has no indexes that could disagree. Indexes are damaged by hand.

use tidemill_model::{
    op::{Settle, Start},
    state::TaskState,
};

use crate::subject::{OnRedis, START, Subject, line, output, request, task};

async fn scan_all(s: &mut OnRedis) -> Vec<tidemill_model::id::TaskId> {
    let (mut cursor, mut found) = (0, Vec::new());
    loop {
        let step = s.store.reconcile_scan(0, cursor, 100).await.unwrap();
        found.extend(step.suspicious);
        cursor = step.cursor;
        if cursor == 0 {
            return found;
        }
    }
}

/// One task in each place, and every index gone.
#[tokio::test]
async fn every_index_is_rebuilt_from_the_records() {
    let s = &mut OnRedis::new().await;
    let mut scheduled = task(1, "q", "k");
    scheduled.start = Start::After(1_000);
    let mut expiring = task(2, "q", "other");
    expiring.record.expires_in_ms = 5_000;
    let (scheduled_id, expiring_id) = (scheduled.id, expiring.id);
    let running = s.running(START, task(3, "q", "k")).await;
    let failed = s.running(START, task(4, "q", "k")).await;
    s.settle(
        START,
        failed,
        Settle::Fail {
            outcome: output(""),
            permanent: true,
            delay_ms: 0,
        },
    )
    .await;
    s.enqueue(START, scheduled).await;
    s.enqueue(START, expiring).await;
    assert!(scan_all(s).await.is_empty(), "nothing is wrong yet");

    let keys = ["due", "lease", "expiry", "done", "dl:default/q", "r:default/q/other/2"];
    for key in keys {
        let gone: u32 = redis::cmd("DEL")
            .arg(format!("tm:{{0}}:{key}"))
            .query_async(&mut s.connection)
            .await
            .unwrap();
        assert_eq!(gone, 1, "{key} was there");
    }
    let suspicious = scan_all(s).await;
    assert_eq!(suspicious.len(), 4);
    assert_eq!(s.store.reconcile_mend(0, &suspicious).await.unwrap().len(), 4);
    assert!(scan_all(s).await.is_empty());

    assert_eq!(s.tick(START + 1_000, true).await.promoted, 1);
    assert_eq!(s.state(scheduled_id).await, TaskState::Queued);
    assert_eq!(s.tick(START + 5_000, true).await.expired, 1);
    assert_eq!(s.state(expiring_id).await, TaskState::Expired);
    assert_eq!(s.tick(START + 30_000, true).await.reaped, 1);
    assert_eq!(s.snapshot(running.task).await.unwrap().header.crashes, 1);
    assert_eq!(s.tick(START + 40 * 24 * 3_600_000, true).await.purged, 2);
}

/// An orphan in the middle of a line is found once the line has passed it.
#[tokio::test]
async fn an_orphan_of_a_line_is_pushed_again_when_the_line_has_passed_it() {
    let s = &mut OnRedis::new().await;
    let orphan = task(1, "q", "k");
    let id = orphan.id;
    s.enqueue(START, orphan).await;
    s.enqueue(START, task(2, "q", "k")).await;
    s.enqueue(START, task(3, "q", "k")).await;
    let removed: u32 = redis::cmd("LREM")
        .arg("tm:{0}:r:default/q/k/2")
        .arg(0)
        .arg(id.as_bytes().as_slice())
        .query_async(&mut s.connection)
        .await
        .unwrap();
    assert_eq!(removed, 1);
    assert!(scan_all(s).await.is_empty(), "the line has not passed it yet");
    assert_eq!(s.lease(START, &request(1, &[line("q", "k")], 1)).await.len(), 1);
    assert_eq!(scan_all(s).await, [id]);
    s.store.reconcile_mend(0, &[id]).await.unwrap();
    let leased = s.lease(START, &request(2, &[line("q", "k")], 5)).await;
    assert_eq!(leased.iter().filter(|one| one.token.task == id).count(), 1);
    assert_eq!(s.counters("q").await.queued, 0);
}

/// Tombstones and released tasks are no disagreement.
#[tokio::test]
async fn what_is_in_order_is_left_alone() {
    let s = &mut OnRedis::new().await;
    let token = s.running(START, task(1, "q", "k")).await;
    s.enqueue(START, task(2, "q", "k")).await;
    s.settle(START, token, Settle::Release { counted: false }).await;
    s.cancel(START, task(2, "q", "k").id, "").await;
    assert!(scan_all(s).await.is_empty());
}
