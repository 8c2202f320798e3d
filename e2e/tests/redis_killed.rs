//! `kill -9` and restart of Redis under load, in `strict` mode: no acknowledged task is lost, and each has one terminal result.

use std::time::Duration;

use tidemill_e2e::{Cluster, HandlerOptions, Load, check_log, text_of, watch_from};
use tidemill_proto::v1::TaskState;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_redis_is_killed() {
    let mut cluster = Cluster::of(2, 2, 2).start().await;
    let options = HandlerOptions {
        credits: 8,
        ..HandlerOptions::new(&["quick"])
    };
    let _handlers = [cluster.handler(&options, &[0, 1]), cluster.handler(&options, &[1, 0])];
    let client = cluster.client();
    let load = Load::start(&client, 16, 2_000);
    // Outages around the second after which reaping holds off.
    for (kill_at, outage_ms) in [(200, 0), (600, 300), (1_000, 1_500), (1_500, 0)] {
        load.reached(kill_at).await;
        cluster.server.kill();
        tokio::time::sleep(Duration::from_millis(outage_ms)).await;
        cluster.server.resume();
    }
    let tasks = load.finish().await;
    assert!(
        client.retries() > 0,
        "no call was under way at any kill: the test proves nothing"
    );

    for (number, (key, task_id)) in tasks.iter().enumerate() {
        // Only a log with every number, and one result at its end, comes back.
        let (log, _) = watch_from(&client, task_id, number, |_| {}).await;
        let result = check_log(&log);
        assert_eq!(
            (result.state(), text_of(result.output.as_ref())),
            (TaskState::Succeeded, key.as_str()),
            "{log:?}"
        );
    }
    // No (task, attempt) and no lease was run twice, and nothing was run that nobody enqueued.
    let runs = cluster.journal().executions();
    assert!(runs.len() >= tasks.len());
    let known: std::collections::HashSet<&String> = tasks.values().collect();
    assert!(
        runs.iter().all(|run| known.contains(&run.task_id)),
        "a task was run that no client knows"
    );
    let queue = client.queue("default").await;
    assert_eq!(
        (
            queue.succeeded,
            queue.failed,
            queue.queued,
            queue.running,
            queue.scheduled
        ),
        (2_000, 0, 0, 0, 0)
    );
    cluster.stop().await;
    cluster.check_logs(false);
}
