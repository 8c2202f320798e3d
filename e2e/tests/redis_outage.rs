//! Redis is away for longer than a lease while tasks run: afterwards the leases are renewed before anything is reaped, so nobody is
//! charged with a crash.

use std::time::Duration;

use tidemill_e2e::{Cluster, HandlerOptions, LIMIT, check_log, key, request, signal, watch_from};
use tidemill_proto::v1::TaskState;

/// Twice the lease.
const OUTAGE: Duration = Duration::from_secs(4);

async fn running(cluster: &mut Cluster) -> Vec<String> {
    let client = cluster.client();
    let mut tasks = Vec::new();
    for _ in 0..10 {
        tasks.push(client.enqueue(request("slow", "8000", &key("outage"))).await.task_id);
    }
    for task_id in &tasks {
        cluster.journal().wait_for("start", task_id, 1, LIMIT).await;
    }
    tasks
}

async fn assert_uncharged(cluster: &mut Cluster, tasks: &[String]) {
    let client = cluster.client();
    for task_id in tasks {
        let (log, _) = watch_from(&client, task_id, 0, |_| {}).await;
        assert_eq!(check_log(&log).state(), TaskState::Succeeded);
        let task = client.task(task_id).await;
        assert_eq!((task.attempt, task.crashes, task.failures), (1, 0, 0), "{log:?}");
    }
    assert_eq!(cluster.journal().executions().len(), tasks.len());
    cluster.stop().await;
    cluster.check_logs(false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_redis_costs_no_running_task_its_lease() {
    let mut cluster = Cluster::of(1, 2, 1).start().await;
    let options = HandlerOptions {
        credits: 5,
        ..HandlerOptions::new(&["slow"])
    };
    let _handlers = [0, 1].map(|worker| cluster.handler(&options, &[worker, 1 - worker]));
    let tasks = running(&mut cluster).await;
    cluster.server.kill();
    tokio::time::sleep(OUTAGE).await;
    cluster.server.resume();
    assert_uncharged(&mut cluster, &tasks).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_redis_costs_no_running_task_its_lease() {
    let mut cluster = Cluster::of(1, 2, 1).start().await;
    let options = HandlerOptions {
        credits: 5,
        ..HandlerOptions::new(&["slow"])
    };
    let _handlers = [0, 1].map(|worker| cluster.handler(&options, &[worker, 1 - worker]));
    let tasks = running(&mut cluster).await;
    let redis = cluster.server.pid().to_string();
    signal("STOP", &redis);
    tokio::time::sleep(OUTAGE).await;
    signal("CONT", &redis);
    assert_uncharged(&mut cluster, &tasks).await;
}
