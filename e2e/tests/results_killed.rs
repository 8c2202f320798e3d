//! `kill -9` of a results process with watches open: each client resumes elsewhere and has seen every sequence number once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tidemill_e2e::{Cluster, HandlerOptions, LIMIT, Role, check_log, key, request, until, watch_from};
use tidemill_proto::v1::{TaskState, task_event::Event};
use tokio::task::JoinSet;

const WATCHES: usize = 50;
const CHUNKS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_resume_elsewhere_and_miss_nothing() {
    let mut cluster = Cluster::of(1, 1, 2).start().await;
    let _handler = cluster.handler(
        &HandlerOptions {
            credits: 64,
            ..HandlerOptions::new(&["chunks"])
        },
        &[0],
    );
    let client = cluster.client();
    let under_way = Arc::new(AtomicUsize::new(0));
    let mut watches = JoinSet::new();
    for _ in 0..WATCHES {
        let task_id = client
            .enqueue(request("chunks", &format!("{CHUNKS} 75"), &key("watch")))
            .await
            .task_id;
        let (client, under_way) = (client.clone(), Arc::clone(&under_way));
        watches.spawn(async move {
            watch_from(&client, &task_id, 0, |event| {
                // In the middle of its output.
                if event.sequence == 8 {
                    under_way.fetch_add(1, Ordering::Relaxed);
                }
            })
            .await
        });
    }
    until("every watch is under way", LIMIT, async || {
        (under_way.load(Ordering::Relaxed) == WATCHES).then_some(())
    })
    .await;
    cluster.get(Role::Results, 0).kill();

    let mut resumed = 0;
    while let Some(watch) = watches.join_next().await {
        let (log, resumes) = watch.unwrap();
        resumed += usize::from(resumes > 0);
        assert_eq!(check_log(&log).state(), TaskState::Succeeded);
        let chunks = log
            .iter()
            .filter(|event| matches!(event.event, Some(Event::OutputChunk(_))))
            .count();
        assert_eq!((chunks, log.len()), (CHUNKS, CHUNKS + 3), "{log:?}");
    }
    assert!(
        resumed > WATCHES / 2,
        "only {resumed} watches were cut off: the kill came too late"
    );
    cluster.check_logs(true);
}
