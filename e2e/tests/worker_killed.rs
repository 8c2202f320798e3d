//! `kill -9` of the worker role that a handler process is connected to: the handler goes to another one with what it holds and
//! finishes, and nobody is charged.

use tidemill_e2e::{Cluster, HandlerOptions, LIMIT, Role, check_log, key, request, state_changes, watch_from};
use tidemill_proto::v1::TaskState;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_keeps_its_tasks_when_its_worker_role_is_killed() {
    let mut cluster = Cluster::of(1, 2, 1).start().await;
    let handler = cluster.handler(&HandlerOptions::new(&["slow"]), &[0, 1]);
    let client = cluster.client();
    let mut tasks = Vec::new();
    // Twice as long as the lease: somebody must renew it after the kill.
    for _ in 0..5 {
        tasks.push(client.enqueue(request("slow", "4000", &key("worker"))).await.task_id);
    }
    for task_id in &tasks {
        cluster.journal().wait_for("start", task_id, 1, LIMIT).await;
    }
    cluster.get(Role::Worker, 0).kill();

    for task_id in &tasks {
        let (log, _) = watch_from(&client, task_id, 0, |_| {}).await;
        assert_eq!(check_log(&log).state(), TaskState::Succeeded);
        assert_eq!(
            state_changes(&log).len(),
            2,
            "enqueued, leased, and nothing more: {log:?}"
        );
        let task = client.task(task_id).await;
        assert_eq!(
            (task.attempt, task.crashes, task.failures, task.releases, task.fence),
            (1, 0, 0, 0, 1)
        );
    }
    let runs = cluster.journal().executions();
    assert_eq!(runs.len(), tasks.len());
    assert!(runs.iter().all(|run| run.pid == handler.pid()));
    cluster.check_logs(true);
}
