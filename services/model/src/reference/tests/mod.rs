//! The reference queue by its cases, then under random orders, where it must keep the invariants and every injected defect must break one.

mod dispatch;
mod lifecycle;
mod limits;
mod maintenance;
mod random;

use bytes::Bytes;

use super::ReferenceQueue;
use crate::{
    id::{LeaseToken, Name, Namespace, TaskId, route},
    op::{LeaseRequest, Line, NewTask, Rules, Start},
    record::{NewRecord, StoredBody},
    state::{Priority, TaskState},
    wire::{outcome_error, outcome_output},
};
use tidemill_proto::v1;

pub(super) const T0: u64 = 1_700_000_000_000;

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn line(kind: &str) -> Line {
    Line {
        queue: name("q"),
        kind: name(kind),
    }
}

pub(super) fn queue() -> ReferenceQueue {
    ReferenceQueue::new(Rules::default())
}

/// A ready task of kind `k`.
pub(super) fn task(number: u64) -> NewTask {
    let namespace = Namespace::default();
    NewTask {
        id: TaskId::new(T0, route(&namespace, &name("q")), number << 2),
        record: NewRecord {
            namespace,
            queue: name("q"),
            kind: name("k"),
            priority: Priority::Normal,
            max_attempts: 4,
            attempt_timeout_ms: 100_000,
            retention_s: 0,
            drop_input: false,
            key_digest: None,
            expires_in_ms: 0,
            body: StoredBody {
                input: Some(v1::Payload::default()),
                ..StoredBody::default()
            },
        },
        start: Start::Now,
        idempotency: None,
        queue_limit: 0,
        queue_bytes_limit: 0,
    }
}

pub(super) fn request(number: u8, lines: &[Line], max: u32) -> LeaseRequest {
    LeaseRequest {
        namespace: Namespace::default(),
        lines: lines.to_vec(),
        max,
        max_bytes: 3 << 20,
        request: [number; 16],
        nonce: [number.wrapping_add(100); 16],
    }
}

/// Leases one task of kind `k`.
pub(super) fn lease(queue: &mut ReferenceQueue, now_ms: u64, number: u8) -> LeaseToken {
    queue.lease(now_ms, &request(number, &[line("k")], 1))[0].token
}

/// Enqueues a task and leases it.
pub(super) fn running(queue: &mut ReferenceQueue, new: NewTask) -> LeaseToken {
    queue.enqueue(T0, new);
    lease(queue, T0, 1)
}

pub(super) fn state(queue: &ReferenceQueue, id: TaskId) -> TaskState {
    queue.record(&id).unwrap().header.state
}

pub(super) fn error(text: &str) -> Bytes {
    outcome_error(&v1::TaskError {
        reason: v1::ErrorReason::HandlerFailed.into(),
        message: text.into(),
        ..Default::default()
    })
}

pub(super) fn output(text: &str) -> Bytes {
    let content = Some(v1::payload::Content::Text(text.into()));
    outcome_output(Some(v1::Payload {
        content,
        ..Default::default()
    }))
}
