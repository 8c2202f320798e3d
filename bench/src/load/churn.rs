//! A queue whose depth stays: as many tasks come in as were settled. Producer and handler in one process.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use super::{BATCH, Clients, Inputs, Latency, Report, WARM_UP, connect};
use crate::{
    args::Target,
    gate,
    handler::{Work, serve},
};

const CREDITS: i32 = 512;

pub(crate) async fn run(target: Target) {
    let clients = Clients::connect(&target).await;
    let work = Work::new(0);
    let channel = connect(&target.worker).await;
    // Warm, and with the producer in step, before the clocks are read.
    tokio::spawn(serve(channel, Arc::clone(&work), CREDITS));
    produce(&clients, &work, WARM_UP).await;
    let (own, ours) = (clients.clone(), Arc::clone(&work));
    let endless = tokio::spawn(async move { produce(&own, &ours, usize::MAX).await });
    gate::ready().await;
    let (begun, before) = (Instant::now(), work.settled.load(Ordering::Relaxed));
    while work.settled.load(Ordering::Relaxed) < before + target.tasks {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let report = Report {
        tasks: work.settled.load(Ordering::Relaxed) - before,
        seconds: begun.elapsed().as_secs_f64(),
        latency: Latency::default(),
    };
    endless.abort();
    gate::report(&report).await;
}

/// One batch in for each batch that was settled, until `tasks` more are settled.
async fn produce(clients: &Clients, work: &Arc<Work>, tasks: usize) {
    let first = work.settled.load(Ordering::Relaxed);
    let mut put = first;
    let mut running = tokio::task::JoinSet::new();
    loop {
        let settled = work.settled.load(Ordering::Relaxed);
        if settled - first >= tasks {
            running.join_all().await;
            return;
        }
        while put + BATCH <= settled {
            put += BATCH;
            let mut clients = clients.clone();
            running.spawn(async move { clients.enqueue_batch(&mut Inputs::new(), BATCH).await.len() });
        }
        while running.try_join_next().is_some() {}
        work.progress.notified().await;
    }
}
