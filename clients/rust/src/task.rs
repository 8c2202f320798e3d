//! What is to be enqueued.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use tidemill_proto::v1::{self, EnqueueRequest, enqueue_request::Start};
use uuid::Uuid;

use crate::{Error, Payload, TraceContext, proto_time::duration};

/// A task to enqueue. Only the kind is required; what is not set stays absent in the request, so that the server's defaults apply.
///
/// ```
/// use std::time::Duration;
/// use tidemill_client::{Priority, RetryPolicy, Task};
///
/// let task = Task::new("email.send")
///     .queue("mail")
///     .text("hello")
///     .idempotency_key("order-17")
///     .priority(Priority::High)
///     .delay(Duration::from_secs(60))
///     .retry_policy(RetryPolicy::default().max_attempts(10))
///     .label("customer", "42");
/// assert_eq!(task.as_proto().kind, "email.send");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Task(EnqueueRequest);

/// Order among the ready tasks of one queue and kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Priority {
    /// After everything else.
    Low,
    /// The default.
    #[default]
    Normal,
    /// Before normal.
    High,
    /// Before everything else.
    Urgent,
}

/// How often and how fast a failed task is tried again. What is not set takes the server's default: 4 attempts, 1 s doubling up to
/// 10 min, with full jitter.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[must_use]
pub struct RetryPolicy(v1::RetryPolicy);

impl Task {
    /// A task of this kind, which selects the handler: `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`.
    pub fn new(kind: impl Into<String>) -> Self {
        Self(EnqueueRequest {
            kind: kind.into(),
            ..EnqueueRequest::default()
        })
    }

    /// The queue, in the form of a kind. Without it: `default`.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.0.queue = queue.into();
        self
    }

    /// The input.
    pub fn payload(mut self, payload: impl Into<Payload>) -> Self {
        self.0.payload = Some(payload.into().into_proto());
        self
    }

    /// The input as text.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.payload(Payload::text(text))
    }

    /// The input as JSON.
    ///
    /// # Errors
    /// Those of [`Payload::json`].
    pub fn json(self, value: &impl Serialize) -> Result<Self, Error> {
        Ok(self.payload(Payload::json(value)?))
    }

    /// Makes repetitions safe beyond one call: the same key with the same content never stores a second task, as long as the first is
    /// not finished and 24 h after. 1 to 255 bytes. Without it a fresh key protects the tries of one call.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.0.idempotency_key = key.into();
        self
    }

    /// Order among ready tasks.
    pub fn priority(mut self, priority: Priority) -> Self {
        let number = match priority {
            Priority::Low => v1::Priority::Low,
            Priority::Normal => v1::Priority::Normal,
            Priority::High => v1::Priority::High,
            Priority::Urgent => v1::Priority::Urgent,
        };
        self.0.priority = number as i32;
        self
    }

    /// Not before this long from now, at most 365 days. Replaces [`run_at`](Self::run_at).
    pub fn delay(mut self, delay: Duration) -> Self {
        self.0.start = Some(Start::Delay(duration(delay)));
        self
    }

    /// Not before this time, at most 365 days ahead; a time in the past means now. Replaces [`delay`](Self::delay).
    pub fn run_at(mut self, time: SystemTime) -> Self {
        self.0.start = Some(Start::RunAt(time.into()));
        self
    }

    /// Retries.
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.0.retry_policy = Some(policy.0);
        self
    }

    /// Longest run of one attempt, 1 s to 24 h. Without it: 30 min.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.0.attempt_timeout = Some(duration(timeout));
        self
    }

    /// Give up if the task is not finished by then, 1 s to 365 days from now. Without it: never.
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.0.expires_in = Some(duration(time));
        self
    }

    /// How long the finished task is kept, 1 s to 365 days. Without it: 24 h, FAILED 30 days.
    pub fn result_retention(mut self, time: Duration) -> Self {
        self.0.result_retention = Some(duration(time));
        self
    }

    /// Adds a label. At most 32; names in the form of a kind, values at most 256 bytes.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.labels.insert(name.into(), value.into());
        self
    }

    /// The caller's trace. Without it: what [`ClientBuilder::trace_context`](crate::ClientBuilder::trace_context) says, or else that of the
    /// handler that enqueues.
    pub fn trace_context(mut self, context: TraceContext) -> Self {
        self.0.trace_context = Some(context.into_proto());
        self
    }

    /// Drops the input once the task has succeeded, to save memory.
    pub fn drop_input_on_success(mut self) -> Self {
        self.0.drop_input_on_success = true;
        self
    }

    /// The message of the contract.
    #[must_use]
    pub fn as_proto(&self) -> &EnqueueRequest {
        &self.0
    }

    /// The message as it is sent: with a key, and with the trace it belongs to.
    pub(crate) fn into_request(mut self, trace: impl FnOnce() -> Option<TraceContext>) -> EnqueueRequest {
        if self.0.idempotency_key.is_empty() {
            self.0.idempotency_key = Uuid::new_v4().to_string();
        }
        if self.0.trace_context.is_none() {
            self.0.trace_context = trace().or_else(TraceContext::current).map(TraceContext::into_proto);
        }
        self.0
    }
}

impl From<EnqueueRequest> for Task {
    fn from(request: EnqueueRequest) -> Self {
        Self(request)
    }
}

impl RetryPolicy {
    /// Attempts in all, the first included: 1 to 100. Failures and crashes count, releases do not.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.0.max_attempts = i32::try_from(attempts).unwrap_or(i32::MAX);
        self
    }

    /// Backoff after the first failure, 1 ms to 24 h.
    pub fn initial_backoff(mut self, backoff: Duration) -> Self {
        self.0.initial_backoff = Some(duration(backoff));
        self
    }

    /// Upper bound of the backoff, at most 7 days.
    pub fn max_backoff(mut self, backoff: Duration) -> Self {
        self.0.max_backoff = Some(duration(backoff));
        self
    }

    /// Growth of the backoff from one failure to the next, 1 to 100.
    pub fn multiplier(mut self, multiplier: f64) -> Self {
        self.0.multiplier = multiplier;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_a_key_and_a_given_one_stays() {
        let (first, second) = (
            Task::new("a").into_request(|| None),
            Task::new("a").into_request(|| None),
        );
        assert!(!first.idempotency_key.is_empty() && first.idempotency_key != second.idempotency_key);
        let given = Task::new("a").idempotency_key("k").into_request(|| None);
        assert_eq!(given.idempotency_key, "k");
    }

    #[tokio::test]
    async fn the_nearest_trace_context_wins() {
        let trace = |request: EnqueueRequest| request.trace_context.map(|context| context.traceparent);
        let of_client = || Some(TraceContext::new("client"));
        let in_handler = async { trace(Task::new("a").into_request(of_client)) };
        let found = TraceContext::scope(Some(TraceContext::new("handler")), in_handler).await;
        assert_eq!(found.as_deref(), Some("client"), "the hook knows the current span");
        let in_handler = async { trace(Task::new("a").into_request(|| None)) };
        let found = TraceContext::scope(Some(TraceContext::new("handler")), in_handler).await;
        assert_eq!(found.as_deref(), Some("handler"));
        assert_eq!(trace(Task::new("a").into_request(of_client)).as_deref(), Some("client"));
        let own = Task::new("a").trace_context(TraceContext::new("own"));
        assert_eq!(trace(own.into_request(of_client)).as_deref(), Some("own"));
        assert_eq!(trace(Task::new("a").into_request(|| None)), None);
    }
}
