//! SIGSTOP of a handler process beyond its lease, then SIGCONT: what it says late does not count, the result is the new owner's.

use tidemill_e2e::{Cluster, HandlerOptions, LIMIT, check_log, key, request, text_of, watch_from};
use tidemill_proto::v1::TaskState;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_settle_is_refused() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let client = cluster.client();
    // Stubborn: says its settle even if it was told that the lease is lost.
    let stubborn = HandlerOptions {
        stubborn: true,
        ..HandlerOptions::new(&["slow"])
    };
    let paused = cluster.handler(&stubborn, &[0]);
    let task_id = client.enqueue(request("slow", "1500", &key("paused"))).await.task_id;
    cluster.journal().wait_for("start", &task_id, 1, LIMIT).await;
    paused.signal("STOP");

    // Nobody but the new handler can run it from here on, once the lease is over.
    let other = cluster.handler(&HandlerOptions::new(&["slow"]), &[0]);
    let second = cluster.journal().wait_for("start", &task_id, 2, LIMIT).await;
    assert_eq!((second.attempt, second.pid), (2, other.pid()));
    paused.signal("CONT");
    let refused = cluster.journal().wait_for("refused", &task_id, 1, LIMIT).await;
    assert_eq!(
        (refused.attempt, refused.pid, refused.note.as_str()),
        (1, paused.pid(), "LEASE_LOST")
    );

    let (log, _) = watch_from(&client, &task_id, 0, |_| {}).await;
    let result = check_log(&log);
    assert_eq!(result.state(), TaskState::Succeeded);
    assert_eq!(
        text_of(result.output.as_ref()),
        format!("attempt 2 pid {}", other.pid())
    );
    let task = client.task(&task_id).await;
    assert_eq!((task.attempt, task.crashes, task.failures), (2, 1, 0));
    assert_eq!(cluster.journal().executions().len(), 2);
    let settled = cluster.journal().wait_for("settled", &task_id, 1, LIMIT).await;
    assert_eq!(settled.pid, other.pid());
    cluster.check_logs(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_settle_counts_while_nobody_else_was_granted_the_task() {
    let mut cluster = Cluster::of(1, 1, 1).set("rules.lease_ttl", "30s").start().await;
    let client = cluster.client();
    let paused = cluster.handler(&HandlerOptions::new(&["slow"]), &[0]);
    let task_id = client.enqueue(request("slow", "100", &key("paused"))).await.task_id;
    cluster.journal().wait_for("start", &task_id, 1, LIMIT).await;
    paused.signal("STOP");
    // Longer than the task would have taken.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    paused.signal("CONT");
    let (log, _) = watch_from(&client, &task_id, 0, |_| {}).await;
    assert_eq!(check_log(&log).state(), TaskState::Succeeded);
    assert_eq!(client.task(&task_id).await.attempt, 1);
}
