//! The hot pieces of a task without a store: its record, and what the contract's messages become.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made stops loudly")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use tidemill_model::{
    id::{LeaseToken, Namespace},
    op::{NewTask, Rules},
    record::{EVENT_BYTES, HEADER_BYTES, Record},
    state::{Cause, TaskState},
    wire::{EnqueueDefaults, assignment_of, parse_complete, parse_enqueue, state_event},
};
use tidemill_proto::v1;

const NOW_MS: u64 = 1_900_000_000_000;

fn payload() -> v1::Payload {
    v1::Payload {
        content: Some(v1::payload::Content::Data(vec![7; 100].into())),
        ..Default::default()
    }
}

fn request() -> v1::EnqueueRequest {
    v1::EnqueueRequest {
        kind: "email.send".into(),
        payload: Some(payload()),
        ..Default::default()
    }
}

fn task() -> NewTask {
    parse_enqueue(request(), &Namespace::default(), &EnqueueDefaults::default(), NOW_MS, 7).unwrap()
}

/// A record as a lease returns it: running, with two state events.
fn leased() -> Bytes {
    let mut bytes = task().record.encode().to_vec();
    bytes[1] = TaskState::Running as u8;
    bytes[4..8].copy_from_slice(&2_u32.to_be_bytes());
    bytes[8..12].copy_from_slice(&2_u32.to_be_bytes());
    bytes[16..20].copy_from_slice(&1_u32.to_be_bytes());
    for (sequence, state, cause, attempt) in [
        (1_u32, TaskState::Queued, Cause::Enqueued, 0),
        (2, TaskState::Running, Cause::Leased, 1),
    ] {
        let mut event = [0; EVENT_BYTES];
        event[..4].copy_from_slice(&sequence.to_be_bytes());
        event[4..7].copy_from_slice(&[state as u8, cause as u8, attempt]);
        event[7..].copy_from_slice(&NOW_MS.to_be_bytes()[2..]);
        bytes.extend_from_slice(&event);
    }
    assert!(bytes.len() > HEADER_BYTES);
    bytes.into()
}

fn records(c: &mut Criterion) {
    let (new, leased) = (task(), leased());
    c.bench_function("record: encode", |b| b.iter(|| black_box(&new.record).encode()));
    c.bench_function("record: parse", |b| {
        b.iter(|| Record::parse(black_box(&leased), true).unwrap())
    });
    let record = Record::parse(&leased, true).unwrap();
    c.bench_function("record: decode the body", |b| {
        b.iter(|| black_box(&record).body().unwrap())
    });
}

fn wire(c: &mut Criterion) {
    let (namespace, defaults, rules) = (Namespace::default(), EnqueueDefaults::default(), Rules::default());
    c.bench_function("wire: an enqueue becomes a task", |b| {
        b.iter(|| parse_enqueue(black_box(request()), &namespace, &defaults, NOW_MS, 7).unwrap());
    });
    let record = Record::parse(&leased(), true).unwrap();
    let token = LeaseToken {
        task: task().id,
        fence: 1,
        nonce: [7; 16],
    };
    c.bench_function("wire: a record becomes an assignment", |b| {
        b.iter(|| assignment_of(token, black_box(&record), record.body().unwrap(), &rules).unwrap());
    });
    let complete = v1::CompleteTaskRequest {
        lease_token: token.to_string(),
        output: Some(payload()),
    };
    c.bench_function("wire: a complete becomes a settle", |b| {
        b.iter(|| parse_complete(black_box(complete.clone()), &defaults.limits).unwrap());
    });
    c.bench_function("wire: a state event becomes an event", |b| {
        b.iter(|| state_event(black_box(&record.events[1]), &record).unwrap());
    });
}

criterion_group!(benches, records, wire);
criterion_main!(benches);
