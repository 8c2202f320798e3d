//! Load clients: generated stubs, one thread, nothing that a careful client would not do.

mod bulk;
mod churn;
mod fill;
mod latency;
mod paced;
mod streams;
mod unary;

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tidemill_proto::v1::{
    self, BatchEnqueueRequest, EnqueueRequest, WatchResultRequest, batch_enqueue_outcome::Outcome,
    gateway_service_client::GatewayServiceClient, results_service_client::ResultsServiceClient, task_event::Event,
};
use tonic::transport::Channel;

use crate::args::{Load, Target};

pub(crate) use latency::Latency;

/// The kind of every task here.
pub(crate) const KIND: &str = "bench";
/// Tasks of one BatchEnqueue.
pub(crate) const BATCH: usize = 256;
/// Tasks before what is measured, so that connections, scripts and caches are there.
const WARM_UP: usize = 2_048;

/// What a load client reports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) tasks: usize,
    pub(crate) seconds: f64,
    pub(crate) latency: Latency,
}

pub(crate) async fn run(load: Load) {
    match load {
        Load::Bulk { target, loops } => bulk::run(target, loops).await,
        Load::Unary {
            target,
            in_flight,
            connections,
        } => unary::run(target, in_flight, connections).await,
        Load::Paced { target, rate } => paced::run(target, rate).await,
        Load::Fill { target } => fill::run(target).await,
        Load::Streams { target, connections } => streams::run(target, connections).await,
        Load::Churn { target } => churn::run(target).await,
    }
}

/// Connects; a server that is just starting gets a while.
pub(crate) async fn connect(url: &str) -> Channel {
    let begun = Instant::now();
    let endpoint = Channel::from_shared(url.to_owned()).expect("an address");
    loop {
        match endpoint.connect().await {
            Ok(channel) => return channel,
            Err(error) if begun.elapsed() > Duration::from_secs(20) => panic!("{url}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// A task with 100 bytes of input.
pub(crate) fn task(input: Bytes) -> EnqueueRequest {
    EnqueueRequest {
        kind: KIND.into(),
        payload: Some(v1::Payload {
            content: Some(v1::payload::Content::Data(input)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// 100 bytes, other ones for each task: alike ones would be kept once by Lua, whose table of strings then hides or shows costs that
/// no real load has.
pub(crate) struct Inputs {
    bytes: Bytes,
    next: usize,
}

impl Inputs {
    pub(crate) fn new() -> Self {
        Self {
            bytes: random_bytes(8 << 10),
            next: 0,
        }
    }

    pub(crate) fn next(&mut self) -> Bytes {
        let at = self.next % (self.bytes.len() - 100);
        self.next += 37;
        self.bytes.slice(at..at + 100)
    }
}

/// So many bytes of noise (xorshift, seeded by the hasher of the standard library).
pub(crate) fn random_bytes(count: usize) -> Bytes {
    let mut state = RandomState::new().build_hasher().finish() | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// The two clients of one connection each.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) gateway: GatewayServiceClient<Channel>,
    pub(crate) results: ResultsServiceClient<Channel>,
}

impl Clients {
    pub(crate) async fn connect(target: &Target) -> Self {
        Self {
            gateway: GatewayServiceClient::new(connect(&target.gateway).await),
            results: ResultsServiceClient::new(connect(&target.results).await),
        }
    }

    /// Puts so many tasks in and answers their ids.
    pub(crate) async fn enqueue_batch(&mut self, inputs: &mut Inputs, tasks: usize) -> Vec<String> {
        let requests = (0..tasks).map(|_| task(inputs.next())).collect();
        let answer = self.gateway.batch_enqueue(BatchEnqueueRequest { requests }).await;
        let outcomes = answer.expect("a batch is taken").into_inner().outcomes;
        let ids = outcomes.into_iter().map(|outcome| match outcome.outcome {
            Some(Outcome::Response(response)) => response.task_id,
            other => panic!("refused: {other:?}"),
        });
        ids.collect()
    }

    /// One task, from the call to its result on a watch of its own.
    pub(crate) async fn one(&mut self, input: Bytes) {
        let answer = self
            .gateway
            .enqueue(task(input))
            .await
            .expect("a task is taken")
            .into_inner();
        let watch = WatchResultRequest {
            task_id: answer.task_id,
            after_sequence: 0,
        };
        let mut events = self.results.watch_result(watch).await.expect("a watch").into_inner();
        let mut finished = false;
        // To its very end: a stream that is dropped before it costs both sides a reset.
        while let Some(message) = events.message().await.expect("the watch goes on") {
            finished = matches!(message.event.and_then(|event| event.event), Some(Event::Result(_)));
        }
        assert!(finished, "the watch ended without a result");
    }
}
