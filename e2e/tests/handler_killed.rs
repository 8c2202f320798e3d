//! `kill -9` of a handler process in mid-task: another finishes the task within the lease and 2 s, counted as a crash.

use std::time::{Duration, Instant};

use tidemill_e2e::{Cluster, HandlerOptions, LIMIT, check_log, key, request, state_changes, watch_from};
use tidemill_proto::v1::{StateCause, TaskState};

const LEASE: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_handler_finishes_what_a_killed_one_had() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let options = HandlerOptions::new(&["stuck-once"]);
    let mut handlers = [cluster.handler(&options, &[0]), cluster.handler(&options, &[0])];
    let client = cluster.client();
    let task_id = client
        .enqueue(request("stuck-once", "hello", &key("killed")))
        .await
        .task_id;
    let first = cluster.journal().wait_for("start", &task_id, 1, LIMIT).await;

    let victim = handlers.iter_mut().find(|handler| handler.pid() == first.pid).unwrap();
    victim.kill();
    let killed = Instant::now();
    let (log, _) = watch_from(&client, &task_id, 0, |_| {}).await;
    let took = killed.elapsed();

    assert_eq!(check_log(&log).state(), TaskState::Succeeded);
    assert!(
        took < LEASE + Duration::from_secs(2),
        "the task was finished {took:?} after the kill"
    );
    assert!(
        state_changes(&log)
            .iter()
            .any(|(_, cause, _)| *cause == StateCause::Crashed),
        "{log:?}"
    );
    let task = client.task(&task_id).await;
    assert_eq!((task.attempt, task.crashes, task.failures, task.releases), (2, 1, 0, 0));
    let runs = cluster.journal().executions();
    let attempts: Vec<i32> = runs.iter().map(|run| run.attempt).collect();
    assert_eq!(attempts, [1, 2]);
    assert!(runs[0].pid != runs[1].pid && runs[0].fence < runs[1].fence, "{runs:?}");
    cluster.stop().await;
    cluster.check_logs(true);
}
