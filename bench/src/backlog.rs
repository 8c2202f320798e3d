//! A large backlog: how many bytes a queued task takes, whether a cancel deep in it is as quick as in an empty queue, and that it drains.
//!
//! `cargo build --release -p tidemill && cargo run --release -p tidemill-bench --bin backlog -- [TASKS]`
//!
//! Starts a private server (`strict`), a gateway, and later a worker with the built-in kind `echo`, as processes. Prints one line for each
//! figure; asserts only that nothing is lost.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement that cannot be made must stop loudly"
)]

use std::{
    process::{Child, Command},
    time::{Duration, Instant},
};

use redis::Commands;
use tidemill_proto::v1::{
    self, BatchEnqueueRequest, CancelTaskRequest, EnqueueRequest, GetQueueRequest,
    admin_service_client::AdminServiceClient, batch_enqueue_outcome::Outcome,
    gateway_service_client::GatewayServiceClient,
};
use tidemill_test_server::{TestServer, free_port};
use tonic::transport::Channel;

const BATCH: usize = 500;
const IN_FLIGHT: usize = 4;
const CANCELS: usize = 300;

struct Role(Child);

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(role: &str, server: &TestServer, extra: &[String]) -> (Role, String) {
    let (port, admin) = (free_port(), free_port());
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/tidemill"));
    command.arg(role).args([
        "--set",
        &format!("redis.url={}", server.url()),
        "--set",
        "log.level=warn",
    ]);
    command.args(["--set", &format!("{role}.listen=127.0.0.1:{port}")]);
    command.args(["--set", &format!("{role}.admin_listen=127.0.0.1:{admin}")]);
    for set in extra {
        command.args(["--set", set]);
    }
    (Role(command.spawn().unwrap()), format!("http://127.0.0.1:{port}"))
}

async fn connect(url: &str) -> Channel {
    let begun = Instant::now();
    loop {
        match Channel::from_shared(url.to_owned()).unwrap().connect().await {
            Ok(channel) => return channel,
            Err(error) if begun.elapsed() > Duration::from_secs(20) => panic!("{url}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn task() -> EnqueueRequest {
    EnqueueRequest {
        kind: "echo".into(),
        payload: Some(v1::Payload {
            content: Some(v1::payload::Content::Data(vec![7; 100].into())),
            ..Default::default()
        }),
        ..Default::default()
    }
}

async fn enqueue(channel: Channel, tasks: usize) -> Vec<String> {
    let mut client = GatewayServiceClient::new(channel);
    let mut ids = Vec::with_capacity(tasks);
    while ids.len() < tasks {
        let size = BATCH.min(tasks - ids.len());
        let answer = client
            .batch_enqueue(BatchEnqueueRequest {
                requests: vec![task(); size],
            })
            .await
            .unwrap()
            .into_inner();
        for outcome in answer.outcomes {
            match outcome.outcome {
                Some(Outcome::Response(response)) => ids.push(response.task_id),
                other => panic!("refused: {other:?}"),
            }
        }
    }
    ids
}

/// Median and 99th percentile of single cancels, one after another.
async fn cancel(channel: Channel, ids: &[String]) -> (Duration, Duration) {
    let mut client = GatewayServiceClient::new(channel);
    let mut times = Vec::new();
    for id in ids {
        let begun = Instant::now();
        let request = CancelTaskRequest {
            task_id: id.clone(),
            reason: String::new(),
        };
        let state = client.cancel_task(request).await.unwrap().into_inner().state();
        assert_eq!(state, v1::TaskState::Cancelled);
        times.push(begun.elapsed());
    }
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

fn used_memory(server: &TestServer) -> u64 {
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let info: String = redis::cmd("INFO").arg("memory").query(&mut connection).unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    line.trim().parse().unwrap()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let tasks: usize = std::env::args().nth(1).map_or(1_000_000, |n| n.parse().unwrap());
    let server = TestServer::start_with(&[("maxmemory", "4gb")]);
    let (_gateway, url) = start("gateway", &server, &[]);
    let channel = connect(&url).await;

    let few = enqueue(channel.clone(), CANCELS).await;
    let (empty_p50, empty_p99) = cancel(channel.clone(), &few).await;
    println!("cancel, {CANCELS} queued: p50 {empty_p50:?} p99 {empty_p99:?}");

    let before = used_memory(&server);
    let begun = Instant::now();
    let mut parts = Vec::new();
    for _ in 0..IN_FLIGHT {
        parts.push(enqueue(connect(&url).await, tasks / IN_FLIGHT));
    }
    let mut ids = Vec::new();
    let mut parts = parts.into_iter();
    let (a, b, c, d) = (
        parts.next().unwrap(),
        parts.next().unwrap(),
        parts.next().unwrap(),
        parts.next().unwrap(),
    );
    let (a, b, c, d) = tokio::join!(a, b, c, d);
    for part in [a, b, c, d] {
        ids.extend(part);
    }
    let took = begun.elapsed();
    println!(
        "enqueue: {} tasks in {took:?}, {:.0}/s (strict, batches of {BATCH})",
        ids.len(),
        ids.len() as f64 / took.as_secs_f64()
    );
    let bytes = (used_memory(&server) - before) as f64 / ids.len() as f64;
    println!("memory: {bytes:.0} bytes for each queued task (100-byte payload)");

    let middle = ids.len() / 2;
    let (deep_p50, deep_p99) = cancel(channel.clone(), &ids[middle..middle + CANCELS]).await;
    println!(
        "cancel, in the middle of {} queued: p50 {deep_p50:?} p99 {deep_p99:?}",
        ids.len()
    );

    let begun = Instant::now();
    let extra = [
        "worker.builtin_kinds=echo".to_owned(),
        "worker.builtin_concurrency=1000".to_owned(),
    ];
    let (_worker, _) = start("worker", &server, &extra);
    let mut admin = AdminServiceClient::new(channel);
    let queue = loop {
        let queue = admin
            .get_queue(GetQueueRequest {
                queue: "default".into(),
            })
            .await
            .unwrap()
            .into_inner()
            .queue
            .unwrap();
        if queue.queued + queue.running + queue.scheduled == 0 {
            break queue;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let took = begun.elapsed();
    println!(
        "drain: {} succeeded in {took:?}, {:.0}/s (built-in echo)",
        queue.succeeded,
        queue.succeeded as f64 / took.as_secs_f64()
    );
    assert_eq!(
        queue.succeeded as usize,
        ids.len() - CANCELS,
        "every task that was not cancelled has succeeded"
    );
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let done: u64 = connection.zcard("tm:{0}:done").unwrap();
    assert_eq!(done as usize, ids.len() + CANCELS);
    let bytes = (used_memory(&server) - before) as f64 / ids.len() as f64;
    println!("memory: {bytes:.0} bytes for each finished task");
}
