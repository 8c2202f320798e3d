use clap::Parser;
use tidemill_proto::{
    google::rpc::RetryInfo,
    v1::{TaskState, payload::Content},
};
use tonic::Code;

use super::*;
use crate::{
    OutputFormat,
    testing::{TestServer, detail, ended, info, running, status},
};

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: EnqueueArgs,
}

fn request(line: &str) -> Result<EnqueueRequest, Error> {
    let cli = Cli::try_parse_from(["enqueue"].into_iter().chain(line.split(' '))).expect(line);
    cli.args.request()
}

#[test]
fn what_was_not_given_stays_absent_but_for_the_key() {
    let mut bare = request("echo").expect("request");
    assert_eq!(bare.idempotency_key.len(), 36);
    assert_ne!(bare.idempotency_key, request("echo").expect("request").idempotency_key);
    bare.idempotency_key.clear();
    assert_eq!(
        bare,
        EnqueueRequest {
            kind: "echo".into(),
            ..EnqueueRequest::default()
        }
    );
}

#[test]
fn every_option_reaches_its_field() {
    let request = request(
        "mail --queue q --text -hi --key k --priority high --delay 1m --max-attempts 3 --initial-backoff 200ms \
         --max-backoff 2s --attempt-timeout 5s --expires-in 1h --label a=b=c --label d=",
    )
    .expect("request");
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    assert_eq!(
        (
            request.queue.as_str(),
            request.idempotency_key.as_str(),
            request.priority
        ),
        ("q", "k", 3)
    );
    assert_eq!(
        request.payload.and_then(|payload| payload.content),
        Some(Content::Text("-hi".into()))
    );
    assert_eq!(request.start, seconds(60).map(Start::Delay));
    let policy = request.retry_policy.expect("policy");
    assert_eq!((policy.max_attempts, policy.max_backoff), (3, seconds(2)));
    assert_eq!(
        policy.initial_backoff,
        Some(prost_types::Duration {
            seconds: 0,
            nanos: 200_000_000
        })
    );
    assert_eq!(
        (request.attempt_timeout, request.expires_in),
        (seconds(5), seconds(3_600))
    );
    assert_eq!(
        (request.labels["a"].as_str(), request.labels["d"].as_str()),
        ("b=c", "")
    );
}

#[test]
fn a_label_given_twice_is_a_mistake() {
    let error = request("echo --label a=1 --label a=2").expect_err("refused");
    assert_eq!(error.to_string(), "label `a` is given twice; the first value is `1`");
}

async fn run(server: &TestServer, line: &str, quiet: bool) -> (Result<Outcome, Error>, String) {
    let url = format!("--url={}", server.url);
    let cli = Cli::try_parse_from(["enqueue", &url].into_iter().chain(line.split(' '))).expect(line);
    let mut out = Vec::new();
    let result = cli
        .args
        .run(&mut Printer::new(&mut out, OutputFormat::Text, false, quiet))
        .await;
    (result, String::from_utf8(out).expect("UTF-8"))
}

#[tokio::test]
async fn retries_under_one_key_and_prints_the_id() {
    let server = TestServer::start(vec![]).await;
    let delay = RetryInfo {
        retry_delay: Some(prost_types::Duration {
            seconds: 0,
            nanos: 1_000_000,
        }),
    };
    let full = vec![
        info("QUEUE_FULL", &[("outcome", "not_applied")]),
        detail("google.rpc.RetryInfo", &delay),
    ];
    server
        .memory()
        .refusals
        .push_back(status(Code::Unavailable, "draining", vec![info("DRAINING", &[])]));
    server
        .memory()
        .refusals
        .push_back(status(Code::ResourceExhausted, "full", full));
    let (result, out) = run(&server, "echo", false).await;
    assert_eq!((result.expect("stored"), out.as_str()), (Outcome::Done, "T3\n"));
    let keys: Vec<_> = server
        .memory()
        .enqueued
        .iter()
        .map(|request| request.idempotency_key.clone())
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| !key.is_empty() && *key == keys[0]), "{keys:?}");
}

#[tokio::test]
async fn an_unknown_outcome_names_the_key_to_use_again() {
    let server = TestServer::start(vec![]).await;
    server.memory().refusals.push_back(status(
        Code::Unavailable,
        "m",
        vec![info("STORE_UNAVAILABLE", &[("outcome", "unknown")])],
    ));
    server
        .memory()
        .refusals
        .push_back(status(Code::InvalidArgument, "m", vec![info("INVALID_REQUEST", &[])]));
    let error = run(&server, "echo --key mine", false).await.0.expect_err("refused");
    assert!(error.to_string().contains("--key mine"), "{error}");
    assert_eq!(error.exit_code(), 2);
}

#[tokio::test]
async fn watching_prints_events_and_the_state_decides() {
    let story = || vec![Ok(running(1)), Ok(ended(2, TaskState::Expired))];
    let server = TestServer::start(vec![story(), story()]).await;
    let (result, out) = run(&server, "echo --watch", false).await;
    assert_eq!(
        (result.expect("followed"), out.as_str()),
        (Outcome::NotSucceeded, "T1\n#1 RUNNING attempt 1\n#2 EXPIRED\n")
    );
    let (result, out) = run(&server, "echo --watch", true).await;
    assert_eq!((result.expect("followed"), out.as_str()), (Outcome::NotSucceeded, ""));
}
