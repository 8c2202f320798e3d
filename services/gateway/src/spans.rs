//! The span of an enqueue, by the semantic conventions of messaging: `send QUEUE`, kind PRODUCER.

use tidemill_kit::{
    status::ApiError,
    trace::{Kind, Span, TraceParent},
};
use tidemill_proto::v1;

use crate::service::Service;

impl Service {
    /// Begins it, below the trace that the task belongs to, or below the call. A task that brought no trace context gets this span as
    /// one, so that whatever becomes of it can refer to where it came from. `None`: tracing is off.
    pub(crate) fn begin_send(&self, request: &mut v1::EnqueueRequest, call: Option<&TraceParent>) -> Option<Span> {
        let tracing = self.tracing();
        if !tracing.is_on() {
            return None;
        }
        let given = request.trace_context.as_ref();
        let given = given.and_then(|context| TraceParent::parse(&context.traceparent, &context.tracestate));
        let queue = if request.queue.is_empty() {
            "default"
        } else {
            &request.queue
        };
        let mut span = tracing.start(Kind::Producer, format!("send {queue}"), given.as_ref().or(call))?;
        span.set("messaging.system", "tidemill");
        span.set("messaging.operation.name", "send");
        span.set("messaging.operation.type", "send");
        span.set("messaging.destination.name", queue.to_owned());
        span.set("tidemill.kind", request.kind.clone());
        if request.trace_context.is_none() {
            let place = span.place();
            request.trace_context = Some(v1::TraceContext {
                traceparent: place.traceparent(),
                tracestate: place.tracestate(),
            });
        }
        Some(span)
    }
}

/// Ends it with what became of the enqueue.
pub(crate) fn end_send(span: Option<Span>, result: &Result<v1::EnqueueResponse, ApiError>) {
    let Some(mut span) = span else { return };
    match result {
        Ok(response) => {
            span.set("messaging.message.id", response.task_id.clone());
            span.set("tidemill.deduplicated", response.deduplicated);
        }
        Err(error) => span.fail(error.reason().as_str_name(), error.to_string()),
    }
    span.end();
}
