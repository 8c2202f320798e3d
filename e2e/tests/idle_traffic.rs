//! An idle system leaves Redis alone: at most 5 commands a second, counted by MONITOR over a minute, with one process for each role
//! and a handler process connected. The longest test: about 70 s.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test may stop at the first surprise, as a test may"
)]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use tidemill_e2e::{Cluster, HandlerOptions, request};
use tidemill_proto::v1::TaskState;

const SPAN: Duration = Duration::from_secs(60);
const PER_SECOND: u64 = 5;

/// Commands that clients send in the span, by name. MONITOR also shows what scripts call, marked `lua`: that is no traffic.
fn monitor(port: u16) -> BTreeMap<String, u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"MONITOR\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let (begun, mut reader, mut line) = (Instant::now(), BufReader::new(stream), String::new());
    let mut commands = BTreeMap::new();
    while begun.elapsed() < SPAN {
        // An error is the read timeout; what was read so far stays in the line.
        if reader.read_line(&mut line).is_ok() {
            // +1700000000.000000 [0 127.0.0.1:5000] "EVALSHA" "…"
            let sent = line.split_once('[').filter(|(_, rest)| !rest.starts_with("0 lua]"));
            if let Some(name) = sent.and_then(|(_, rest)| rest.split('"').nth(1)) {
                *commands.entry(name.to_ascii_uppercase()).or_default() += 1;
            }
            line.clear();
        }
    }
    commands
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_system_leaves_redis_alone() {
    // The defaults, a lease of 30 s included.
    let mut cluster = Cluster::of(1, 1, 1).set("rules.lease_ttl", "30s").start().await;
    let _handler = cluster.handler(&HandlerOptions::new(&["quick"]), &[0]);
    let client = cluster.client();
    let task_id = client.enqueue(request("quick", "", "one")).await.task_id;
    assert_eq!(client.result(&task_id).await.state(), TaskState::Succeeded);

    let port = cluster.server.port();
    let commands = tokio::task::spawn_blocking(move || monitor(port)).await.unwrap();
    let total: u64 = commands.values().sum();
    println!("{total} commands in {SPAN:?}: {commands:?}");
    assert!(total > 0, "MONITOR shows nothing: the test does not see what it counts");
    assert!(
        total <= PER_SECOND * SPAN.as_secs(),
        "{total} commands in {SPAN:?}: {commands:?}"
    );

    // It was idle, not dead.
    let task_id = client.enqueue(request("quick", "", "two")).await.task_id;
    assert_eq!(client.result(&task_id).await.state(), TaskState::Succeeded);
    cluster.stop().await;
    cluster.check_logs(true);
}
