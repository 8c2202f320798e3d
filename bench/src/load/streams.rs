//! Many WatchResult streams of tasks that nobody works on.

use std::time::Instant;

use tidemill_proto::v1::{WatchResultRequest, results_service_client::ResultsServiceClient};

use super::{Clients, Latency, Report, connect, fill::fill};
use crate::{args::Target, gate};

/// Streams that are opened at the same time.
const AT_ONCE: usize = 64;

pub(crate) async fn run(target: Target, connections: usize) {
    let ids = fill(&Clients::connect(&target).await, target.tasks).await;
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(ResultsServiceClient::new(connect(&target.results).await));
    }
    gate::ready().await;
    let begun = Instant::now();
    let mut open = Vec::with_capacity(ids.len());
    for (at, some) in ids.chunks(AT_ONCE).enumerate() {
        let opening = some.iter().enumerate().map(|(n, id)| {
            let mut client = clients[(at * AT_ONCE + n) % clients.len()].clone();
            async move {
                let watch = WatchResultRequest {
                    task_id: id.clone(),
                    after_sequence: 0,
                };
                let mut stream = client.watch_result(watch).await.expect("a watch").into_inner();
                // The event of the enqueue; from then on there is nothing to say.
                stream.message().await.expect("an event").expect("an event");
                stream
            }
        });
        open.extend(futures_util::future::join_all(opening).await);
    }
    let report = Report {
        tasks: open.len(),
        seconds: begun.elapsed().as_secs_f64(),
        latency: Latency::default(),
    };
    gate::report(&report).await;
}
