//! Tasks in, nothing out.

use std::time::Instant;

use super::{BATCH, Clients, Inputs, Latency, Report};
use crate::{args::Target, gate};

const IN_FLIGHT: usize = 4;

pub(crate) async fn run(target: Target) {
    let clients = Clients::connect(&target).await;
    gate::ready().await;
    let begun = Instant::now();
    let ids = fill(&clients, target.tasks).await;
    let report = Report {
        tasks: ids.len(),
        seconds: begun.elapsed().as_secs_f64(),
        latency: Latency::default(),
    };
    gate::report(&report).await;
}

/// Puts exactly so many tasks in.
pub(crate) async fn fill(clients: &Clients, tasks: usize) -> Vec<String> {
    let mut running = tokio::task::JoinSet::new();
    for own in 0..IN_FLIGHT {
        let mut clients = clients.clone();
        let mut left = tasks / IN_FLIGHT + usize::from(own < tasks % IN_FLIGHT);
        running.spawn(async move {
            let (mut inputs, mut ids) = (Inputs::new(), Vec::with_capacity(left));
            while left > 0 {
                let size = left.min(BATCH);
                ids.extend(clients.enqueue_batch(&mut inputs, size).await);
                left -= size;
            }
            ids
        });
    }
    running.join_all().await.into_iter().flatten().collect()
}
