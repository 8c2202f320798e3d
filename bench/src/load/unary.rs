//! Loops of one Enqueue and one WatchResult for each task.

use std::time::{Duration, Instant};

use super::{Clients, Inputs, Latency, Report};
use crate::{args::Target, gate};

pub(crate) async fn run(target: Target, in_flight: usize, connections: usize) {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Clients::connect(&target).await);
    }
    loops(&clients, in_flight, in_flight * 4).await;
    gate::ready().await;
    let begun = Instant::now();
    let times = loops(&clients, in_flight, target.tasks).await;
    let report = Report {
        tasks: times.len(),
        seconds: begun.elapsed().as_secs_f64(),
        latency: Latency::of(times),
    };
    gate::report(&report).await;
}

async fn loops(clients: &[Clients], in_flight: usize, tasks: usize) -> Vec<Duration> {
    let mut running = tokio::task::JoinSet::new();
    for own in 0..in_flight {
        let mut clients = clients[own % clients.len()].clone();
        running.spawn(async move {
            let (mut inputs, mut times) = (Inputs::new(), Vec::new());
            for _ in 0..tasks.div_ceil(in_flight) {
                let begun = Instant::now();
                clients.one(inputs.next()).await;
                times.push(begun.elapsed());
            }
            times
        });
    }
    running.join_all().await.into_iter().flatten().collect()
}
