use clap::Parser;
use tidemill_client::proto::{RetryPolicy, TraceContext, enqueue_request::Start, payload::Content};

use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: EnqueueArgs,
}

fn args(line: &str) -> EnqueueArgs {
    Cli::try_parse_from(["enqueue"].into_iter().chain(line.split(' ')))
        .expect(line)
        .args
}

fn request(line: &str) -> Result<EnqueueRequest, Error> {
    args(line).request()
}

#[test]
fn what_was_not_given_stays_absent() {
    let bare = EnqueueRequest {
        kind: "echo".into(),
        ..EnqueueRequest::default()
    };
    assert_eq!(request("echo").expect("request"), bare);
}

#[test]
fn every_option_reaches_its_field() {
    let request = request(
        "mail --queue q --text -hi --content-type text/x --key k --priority high --delay 1m --max-attempts 3 \
         --initial-backoff 200ms --max-backoff 2s --multiplier 1.5 --attempt-timeout 5s --expires-in 1h --retention 2h --label a=b=c \
         --label d= --traceparent 00-1-2-01 --tracestate x=y --drop-input-on-success",
    );
    let request = request.expect("request");
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let policy = RetryPolicy {
        max_attempts: 3,
        initial_backoff: Some(prost_types::Duration {
            seconds: 0,
            nanos: 200_000_000,
        }),
        max_backoff: seconds(2),
        multiplier: 1.5,
    };
    let labels = [("a", "b=c"), ("d", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let trace_context = TraceContext {
        traceparent: "00-1-2-01".into(),
        tracestate: "x=y".into(),
    };
    let payload = tidemill_client::proto::Payload {
        content_type: "text/x".into(),
        content: Some(Content::Text("-hi".into())),
    };
    let expected = EnqueueRequest {
        queue: "q".into(),
        kind: "mail".into(),
        payload: Some(payload),
        idempotency_key: "k".into(),
        priority: 3,
        start: seconds(60).map(Start::Delay),
        retry_policy: Some(policy),
        attempt_timeout: seconds(5),
        expires_in: seconds(3_600),
        result_retention: seconds(7_200),
        labels: labels.into(),
        trace_context: Some(trace_context),
        drop_input_on_success: true,
    };
    assert_eq!(request, expected);
}

#[test]
fn a_start_may_be_a_time() {
    let start = request("echo --run-at 1970-01-01T00:01:00Z").expect("request").start;
    let time = prost_types::Timestamp { seconds: 60, nanos: 0 };
    assert_eq!(start, Some(Start::RunAt(time)));
}

#[test]
fn a_label_given_twice_is_a_mistake() {
    let error = request("echo --label a=1 --label a=2").expect_err("refused");
    assert_eq!(error.to_string(), "label `a` is given twice; the first value is `1`");
}

#[test]
fn the_document_is_an_array_where_there_may_be_several_answers() {
    assert_eq!(args("echo").shape(), Shape::Object);
    assert_eq!(args("echo --watch").shape(), Shape::Array);
    assert_eq!(args("--batch f").shape(), Shape::Array);
}
