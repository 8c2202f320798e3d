//! A gateway that is up for a second and down for a second, for a minute, under the Rust client: every call succeeds, nothing is stored
//! twice, and the retries stay within the budget.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tidemill_client::{Client, Task};
use tidemill_e2e::{Cluster, Role};
use tokio::task::JoinSet;

const PRODUCERS: usize = 8;
const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
/// Between two calls of one producer.
const PACE: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_flapping_gateway_costs_no_task_and_few_retries() {
    let mut cluster = Cluster::of(1, 0, 1).start().await;
    let gateway = cluster.get(Role::Gateway, 0).port;
    let client = Client::new(format!("http://127.0.0.1:{gateway}")).expect("a client");
    let over = Arc::new(AtomicBool::new(false));
    let mut producers = JoinSet::new();
    for _ in 0..PRODUCERS {
        let (client, over) = (client.clone(), Arc::clone(&over));
        producers.spawn(async move {
            let mut stored = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let enqueued = client.enqueue(Task::new("nobody").text("x")).await;
                stored.push(enqueued.expect("the client bears a second without a server").task_id);
                tokio::time::sleep(PACE).await;
            }
            stored
        });
    }

    let begun = Instant::now();
    let mut flaps = 0;
    while begun.elapsed() < MINUTE {
        tokio::time::sleep(SECOND).await;
        let gateway = cluster.get(Role::Gateway, 0);
        gateway.kill();
        tokio::time::sleep(SECOND).await;
        gateway.start();
        gateway.wait_ready().await;
        flaps += 1;
    }
    over.store(true, Ordering::Relaxed);

    let mut acknowledged = Vec::new();
    while let Some(stored) = producers.join_next().await {
        acknowledged.extend(stored.expect("no panic"));
    }
    let distinct: HashSet<&String> = acknowledged.iter().collect();
    assert_eq!(
        distinct.len(),
        acknowledged.len(),
        "two calls were answered with one task"
    );
    let stats = client.stats();
    let queue = client.queue("default").await.expect("known");
    println!("{flaps} flaps, {stats:?}, {} stored", queue.queued);
    assert_eq!(
        queue.queued,
        i64::try_from(acknowledged.len()).expect("few"),
        "lost or doubled"
    );
    assert!(flaps >= 20 && stats.calls > 1_000, "{flaps} flaps, {stats:?}");
    assert!(
        stats.attempts * 10 <= stats.calls * 12,
        "more than 1.2 tries for a call: {stats:?}"
    );
    assert!(stats.attempts > stats.calls, "no fault hit a call: {stats:?}");
    cluster.check_logs(true);
}
