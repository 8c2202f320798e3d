//! W3C Trace Context: where a task comes from.

use tidemill_proto::v1;

/// Trace context of a caller, as W3C Trace Context defines it. It is stored with the task and passed on to its handler as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceContext {
    /// The `traceparent` header, at most 64 bytes.
    pub traceparent: String,
    /// The `tracestate` header, at most 512 bytes; often empty.
    pub tracestate: String,
}

tokio::task_local! {
    static CURRENT: TraceContext;
}

impl TraceContext {
    /// A context with this `traceparent` and no `tracestate`.
    #[must_use]
    pub fn new(traceparent: impl Into<String>) -> Self {
        Self {
            traceparent: traceparent.into(),
            tracestate: String::new(),
        }
    }

    /// The context of the task whose handler runs here. Tasks that the handler enqueues carry it on, unless they have one of their own.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    pub(crate) fn from_proto(context: &v1::TraceContext) -> Self {
        Self {
            traceparent: context.traceparent.clone(),
            tracestate: context.tracestate.clone(),
        }
    }

    pub(crate) fn into_proto(self) -> v1::TraceContext {
        v1::TraceContext {
            traceparent: self.traceparent,
            tracestate: self.tracestate,
        }
    }

    /// Runs a handler as a part of this trace.
    pub(crate) async fn scope<F: Future>(context: Option<Self>, future: F) -> F::Output {
        match context {
            Some(context) => CURRENT.scope(context, future).await,
            None => future.await,
        }
    }
}
