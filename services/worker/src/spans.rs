//! The span of an attempt, by the semantic conventions of messaging: `process QUEUE`, kind CONSUMER, from the lease to the settle.
//!
//! It belongs to the trace of the enqueue and links to it, and to the attempt before: its id follows from the task and the fence, which
//! grows by one with every lease, so that no process need have met the attempt before. The span is recorded by whichever replica settles;
//! an attempt that crashed has none.

use std::time::{Duration, SystemTime};

use tidemill_kit::trace::{Kind, Span, TraceParent, Tracing};
use tidemill_model::{id::LeaseToken, op::Settle, record::Record, state::TaskState};

use crate::metrics;

/// What the span of an attempt says.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    enqueued: Option<TraceParent>,
    queue: String,
    kind: String,
    attempt: u32,
    leased: SystemTime,
}

impl Attempt {
    /// Of a record with its body. `None`: tracing is off.
    pub(crate) fn of(tracing: &Tracing, record: &Record) -> Option<Self> {
        if !tracing.is_on() {
            return None;
        }
        let trace = record.body().ok().and_then(|body| body.trace);
        let leased_ms = record.last_lease().map_or(0, |event| event.time_ms);
        Some(Self {
            enqueued: trace.and_then(|trace| TraceParent::parse(&trace.traceparent, &trace.tracestate)),
            queue: record.queue.to_string(),
            kind: record.kind.to_string(),
            attempt: record.header.attempt(),
            leased: SystemTime::UNIX_EPOCH + Duration::from_millis(leased_ms),
        })
    }

    /// Records it: the attempt has ended with this settle, in this state.
    pub(crate) fn settled(&self, tracing: &Tracing, token: &LeaseToken, settle: &Settle, state: TaskState) {
        let span = tracing.start(
            Kind::Consumer,
            format!("process {}", self.queue),
            self.enqueued.as_ref(),
        );
        let Some(span) = span else { return };
        let mut span = span.since(self.leased).with_id(span_id(token, token.fence));
        self.describe(&mut span, token);
        let outcome = metrics::outcome(settle, state);
        span.set("tidemill.outcome", outcome);
        span.set("tidemill.state", state.name());
        if matches!(outcome, "retry" | "failed") {
            span.fail(outcome, "the attempt failed");
        }
        span.end();
    }

    fn describe(&self, span: &mut Span, token: &LeaseToken) {
        if let Some(enqueued) = &self.enqueued {
            span.link(enqueued);
            if token.fence > 1 {
                span.link(&enqueued.sibling(span_id(token, token.fence - 1)));
            }
        }
        span.set("messaging.system", "tidemill");
        span.set("messaging.operation.name", "process");
        span.set("messaging.operation.type", "process");
        span.set("messaging.destination.name", self.queue.clone());
        span.set("messaging.message.id", token.task.to_string());
        span.set("tidemill.kind", self.kind.clone());
        span.set("tidemill.attempt", i64::from(self.attempt));
        span.set("tidemill.fence", i64::from(token.fence));
    }
}

/// Never 0, which is no id: the upper half are the random bits of the task's id, the lower ones tell its leases apart.
fn span_id(token: &LeaseToken, fence: u32) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = *token.task.as_bytes();
    let random = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    let mixed = random ^ u64::from(fence).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.max(1)
}

#[cfg(test)]
mod tests {
    use tidemill_model::id::TaskId;

    use super::*;

    #[test]
    fn ids_differ_by_task_and_by_lease() {
        let token = |task: u64| LeaseToken {
            task: TaskId::new(1, 1, task),
            fence: 1,
            nonce: [0; 16],
        };
        // Of the random number's 64 bits 62 are used.
        let ids = [span_id(&token(4), 1), span_id(&token(4), 2), span_id(&token(8), 1)];
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && !ids.contains(&0));
        assert_eq!(ids[0], span_id(&token(4), 1));
    }
}
