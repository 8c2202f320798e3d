//! A fixture guards the stored bytes: a record written by an earlier build must stay readable, and the same calls must write the same
//! bytes. If this fails, the layout has changed: give it a new number and keep reading the old one.

use bytes::Bytes;
use tidemill_model::{
    op::Settle,
    record::{Record, flags},
    state::{Priority, TaskState},
    wire::LogKind,
};
use tidemill_proto::v1;

use crate::subject::{OnRedis, START, Subject, output, task, with_key};

const FIXTURE: &str = include_str!("../fixtures/record-layout-1.hex");

#[tokio::test]
async fn the_same_calls_write_the_same_bytes() {
    let s = &mut OnRedis::new().await;
    let mut new = with_key(task(1, "emails", "email.send"), 5, 6);
    new.record.priority = Priority::High;
    new.record.retention_s = 3_600;
    new.record.expires_in_ms = 86_400_000;
    new.record.body.labels.insert("team".into(), "blue".into());
    new.record.body.trace = Some(v1::TraceContext {
        traceparent: "00-ab".into(),
        tracestate: String::new(),
    });
    let token = s.running(START, new).await;
    s.report(START + 1, token, LogKind::Chunk, Bytes::from_static(b"chunk"))
        .await;
    s.cancel(START + 2, token.task, "why").await;
    s.settle(START + 3, token, Settle::Complete { outcome: output("out") })
        .await;
    let stored = s.reading(token.task).await.unwrap().record;
    assert_eq!(hex::encode(&stored), FIXTURE.trim(), "the stored bytes have changed");
}

#[test]
fn the_fixture_is_read_as_it_was_meant() {
    let record = Record::parse(&Bytes::from(hex::decode(FIXTURE.trim()).unwrap()), true).unwrap();
    let header = &record.header;
    assert_eq!(header.state, TaskState::Succeeded);
    assert!(header.has(flags::CANCEL | flags::POLICY | flags::KEY | flags::LOG | flags::EXPIRES));
    assert_eq!(
        (header.version, header.sequence, header.fence, header.max_attempts),
        (4, 5, 1, 4)
    );
    assert_eq!(header.deadline_ms, START + 3 + 3_600_000);
    assert_eq!((record.queue.as_str(), record.kind.as_str()), ("emails", "email.send"));
    let body = record.body().unwrap();
    assert_eq!(body.labels["team"], "blue");
    assert_eq!(
        body.input.unwrap().content,
        Some(v1::payload::Content::Text("input".into()))
    );
    let outcome = record.outcome().unwrap();
    assert_eq!(outcome.cancel_reason, "why");
    assert_eq!(
        outcome.output.unwrap().content,
        Some(v1::payload::Content::Text("out".into()))
    );
}
