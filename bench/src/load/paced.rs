//! An open loop: a task is due every 1/rate s, whatever the answers take, and its latency counts from when it was due.

use std::{
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::{Clients, Inputs, Latency, Report};
use crate::{args::Target, gate};

const WARM_UP: Duration = Duration::from_secs(1);

pub(crate) async fn run(target: Target, rate: u32) {
    let clients = Clients::connect(&target).await;
    let warm_up = (WARM_UP.as_secs_f64() * f64::from(rate)) as usize;
    pace(&clients, rate, warm_up).await;
    gate::ready().await;
    let begun = Instant::now();
    let times = pace(&clients, rate, target.tasks).await;
    let report = Report {
        tasks: times.len(),
        seconds: begun.elapsed().as_secs_f64(),
        latency: Latency::of(times),
    };
    gate::report(&report).await;
}

async fn pace(clients: &Clients, rate: u32, tasks: usize) -> Vec<Duration> {
    let (send, mut due) = mpsc::unbounded_channel();
    // A thread of its own, because the runtime's timer has steps of a millisecond: five tasks at once would be no even rate.
    let pacer = thread::spawn(move || {
        let begun = Instant::now();
        for number in 0..tasks {
            let at = begun + Duration::from_secs_f64(number as f64 / f64::from(rate));
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if send.send(at).is_err() {
                return;
            }
        }
    });
    let mut running = tokio::task::JoinSet::new();
    let mut times = Vec::with_capacity(tasks);
    let mut inputs = Inputs::new();
    while let Some(at) = due.recv().await {
        let (mut clients, input) = (clients.clone(), inputs.next());
        running.spawn(async move {
            clients.one(input).await;
            at.elapsed()
        });
        while let Some(ended) = running.try_join_next() {
            times.push(ended.expect("a task ends"));
        }
    }
    pacer.join().expect("the pacer ends");
    times.extend(running.join_all().await);
    times
}
