//! `kill -9` of a gateway under load, with clients that retry: no task is stored twice.

use std::collections::HashSet;

use tidemill_e2e::{Cluster, HandlerOptions, LIMIT, Load, Role, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_after_a_killed_gateway_make_no_doubles() {
    let mut cluster = Cluster::of(2, 1, 1).start().await;
    let _handler = cluster.handler(
        &HandlerOptions {
            credits: 64,
            ..HandlerOptions::new(&["quick"])
        },
        &[0],
    );
    let client = cluster.client();
    let load = Load::start(&client, 16, 2_000);
    for (round, kill_at) in [200, 600, 1_000, 1_400].into_iter().enumerate() {
        load.reached(kill_at).await;
        let gateway = cluster.get(Role::Gateway, round % 2);
        gateway.kill();
        gateway.start();
        gateway.wait_ready().await;
    }
    let tasks = load.finish().await;
    assert!(
        client.retries() > 0,
        "no call was under way at any kill: the test proves nothing"
    );
    until("all are done", LIMIT, async || {
        (client.queue("default").await.succeeded >= 2_000).then_some(())
    })
    .await;

    let runs = cluster.journal().executions();
    let ran: HashSet<&String> = runs.iter().map(|run| &run.task_id).collect();
    let stored: HashSet<&String> = tasks.values().collect();
    assert_eq!((runs.len(), ran.len()), (2_000, 2_000), "each task is run once");
    assert!(ran == stored, "what was run is what was acknowledged");
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
    cluster.check_logs(true);
}
