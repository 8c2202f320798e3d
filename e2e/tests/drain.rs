//! SIGTERM of a worker role and of a handler process with tasks running: everything goes on elsewhere and no attempt is charged.

use std::time::Duration;

use tidemill_e2e::{Client, Cluster, HandlerOptions, LIMIT, Role, check_log, key, request, watch_from};
use tidemill_proto::v1::TaskState;

async fn assert_uncharged(client: &Client, tasks: &[String]) {
    for task_id in tasks {
        let (log, _) = watch_from(client, task_id, 0, |_| {}).await;
        assert_eq!(check_log(&log).state(), TaskState::Succeeded);
        let task = client.task(task_id).await;
        assert_eq!(
            (task.attempt, task.crashes, task.failures, task.releases),
            (1, 0, 0, 0),
            "{log:?}"
        );
    }
}

async fn enqueue(cluster: &Cluster, kind: &str, input: &str, count: usize) -> Vec<String> {
    let client = cluster.client();
    let mut tasks = Vec::new();
    for _ in 0..count {
        tasks.push(client.enqueue(request(kind, input, &key("drain"))).await.task_id);
    }
    for task_id in &tasks {
        cluster.journal().wait_for("start", task_id, 1, LIMIT).await;
    }
    tasks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_role_that_is_told_to_stop_charges_nobody() {
    let mut cluster = Cluster::of(1, 2, 1).set("worker.drain_grace", "1s").start().await;
    let handler = cluster.handler(&HandlerOptions::new(&["slow"]), &[0, 1]);
    // Longer than drain grace and lease together: the handler must go elsewhere with what it holds.
    let tasks = enqueue(&cluster, "slow", "5000", 5).await;
    let worker = cluster.get(Role::Worker, 0);
    worker.signal("TERM");
    worker.wait_clean_end().await;

    assert_uncharged(&cluster.client(), &tasks).await;
    let runs = cluster.journal().executions();
    assert_eq!(runs.len(), tasks.len());
    assert!(runs.iter().all(|run| run.pid == handler.pid()));
    cluster.check_logs(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_role_lets_what_is_short_finish() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let _handler = cluster.handler(&HandlerOptions::new(&["slow"]), &[0]);
    let tasks = enqueue(&cluster, "slow", "1500", 3).await;
    let worker = cluster.get(Role::Worker, 0);
    worker.signal("TERM");
    worker.wait_clean_end().await;
    assert_uncharged(&cluster.client(), &tasks).await;
    cluster.check_logs(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_process_that_is_told_to_stop_is_not_charged() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let options = HandlerOptions {
        grace: Duration::from_millis(200),
        ..HandlerOptions::new(&["stuck-once"])
    };
    let mut first = cluster.handler(&options, &[0]);
    let tasks = enqueue(&cluster, "stuck-once", "hello", 5).await;
    let _second = cluster.handler(&HandlerOptions::new(&["stuck-once"]), &[0]);
    first.signal("TERM");
    let status = first.wait(LIMIT).await;
    assert_eq!(status.code(), Some(0), "{status}: {}", first.log());

    assert_uncharged(&cluster.client(), &tasks).await;
    for task_id in &tasks {
        assert_eq!(
            cluster.client().task(task_id).await.fence,
            2,
            "leased twice, one attempt"
        );
    }
    cluster.stop().await;
    cluster.check_logs(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_role_ends_when_told_with_streams_open() {
    let mut cluster = Cluster::of(1, 1, 1)
        .set("worker.drain_grace", "1s")
        .set("shutdown.grace", "5s")
        .start()
        .await;
    let _handler = cluster.handler(&HandlerOptions::new(&["stuck"]), &[0]);
    let tasks = enqueue(&cluster, "stuck", "", 1).await;
    let client = cluster.client();
    let watched = tidemill_proto::v1::WatchResultRequest {
        task_id: tasks[0].clone(),
        after_sequence: 0,
    };
    let mut watch = client.results(0).watch_result(watched).await.unwrap().into_inner();
    assert!(watch.message().await.unwrap().is_some());
    cluster.stop().await;
    // The watcher is told, in the words of the contract.
    let end = async {
        while watch.message().await?.is_some() {}
        Ok::<(), tonic::Status>(())
    }
    .await;
    let refusal = tidemill_e2e::Refusal::of(&end.unwrap_err());
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (tonic::Code::Unavailable, "DRAINING"),
        "{refusal:?}"
    );
    cluster.check_logs(true);
}
