use std::collections::{BTreeMap, HashMap};

use prost::Message;
use prost_types::Timestamp;
use sha2::{Digest, Sha256};
use tidemill_proto::v1::{self, enqueue_request};

use super::{
    ATTEMPTS_MAX, KEY_MAX_BYTES, LABEL_VALUE_MAX_BYTES, LABELS_MAX, Limits, MULTIPLIER_MAX, TRACEPARENT_MAX_BYTES,
    TRACESTATE_MAX_BYTES, Violations,
    check::Checker,
    time::{ATTEMPT_TIMEOUT, DELAY, EXPIRES_IN, INITIAL_BACKOFF, MAX_BACKOFF, RETENTION, ceil_ms, timestamp_nanos},
};
use crate::{
    id::{IdError, Name, Namespace, TaskId, route},
    op::{Idempotency, NewTask, Start},
    record::{NewRecord, Record, RecordError, StoredBody},
    retry::RetryPolicy,
    state::Priority,
};

/// What a request may leave out, and what it may not exceed.
#[derive(Debug, Clone, PartialEq)]
pub struct EnqueueDefaults {
    /// Limits.
    pub limits: Limits,
    /// Retry policy of tasks that name none.
    pub retry: RetryPolicy,
    /// Longest run of one attempt, in ms, of tasks that name none.
    pub attempt_timeout_ms: u32,
    /// Limit of unfinished tasks of a queue; 0: none.
    pub queue_limit: u64,
    /// Limit of bytes of unfinished tasks of a queue; 0: none.
    pub queue_bytes_limit: u64,
}

impl Default for EnqueueDefaults {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            retry: RetryPolicy::default(),
            attempt_timeout_ms: 30 * 60 * 1_000,
            queue_limit: 0,
            queue_bytes_limit: 0,
        }
    }
}

/// Checks the number of entries of a BatchEnqueue. The entries are checked one by one with [`parse_enqueue`]: each has its own outcome.
pub fn parse_batch(request: &v1::BatchEnqueueRequest, limits: &Limits) -> Result<(), Violations> {
    let mut check = Checker::default();
    if request.requests.is_empty() {
        check.add(
            "requests",
            format!("must have 1 to {} entries, has none", limits.max_batch),
        );
    }
    check.count("requests", request.requests.len(), limits.max_batch);
    check.finish(Some(()))
}

/// Enqueue. `now_ms` is the caller's clock: it enters the id and the check of a `run_at` in the far future, nothing else.
pub fn parse_enqueue(
    mut request: v1::EnqueueRequest,
    namespace: &Namespace,
    defaults: &EnqueueDefaults,
    now_ms: u64,
    random: u64,
) -> Result<NewTask, Violations> {
    let mut check = Checker::default();
    let queue = check.queue("queue", &request.queue, &defaults.limits);
    let kind = kind(&mut check, &request.kind);
    if let Some(payload) = &request.payload {
        check.payload("payload", payload, defaults.limits.max_payload_bytes);
    }
    check.longest("idempotency_key", request.idempotency_key.len(), KEY_MAX_BYTES);
    let priority = priority(&mut check, request.priority);
    let start = start(&mut check, request.start.as_ref(), now_ms);
    let retry = retry(&mut check, request.retry_policy.as_ref(), &defaults.retry);
    let attempt_timeout_ms = check.duration_or("attempt_timeout", request.attempt_timeout.as_ref(), ATTEMPT_TIMEOUT);
    let expires_in_ms = request
        .expires_in
        .as_ref()
        .and_then(|value| check.duration("expires_in", value, EXPIRES_IN));
    let retention_ms = request
        .result_retention
        .as_ref()
        .and_then(|value| check.duration("result_retention", value, RETENTION));
    labels(&mut check, &request.labels);
    trace_context(&mut check, request.trace_context.as_ref());

    let idempotency = idempotency(&mut request);
    let record = queue.zip(kind).map(|(queue, kind)| NewRecord {
        namespace: namespace.clone(),
        queue,
        kind,
        priority,
        max_attempts: retry.max_attempts,
        // The span ends at 24 h.
        attempt_timeout_ms: attempt_timeout_ms.map_or(defaults.attempt_timeout_ms, |ms| ms as u32),
        retention_s: retention_ms.map_or(0, |ms| ms.div_ceil(1_000) as u32),
        drop_input: request.drop_input_on_success,
        key_digest: idempotency.as_ref().map(|idempotency| idempotency.key),
        expires_in_ms: expires_in_ms.unwrap_or(0),
        body: StoredBody {
            labels: request.labels.into_iter().collect(),
            trace: request.trace_context,
            initial_backoff_ms: retry.initial_backoff_ms,
            max_backoff_ms: retry.max_backoff_ms,
            multiplier: retry.multiplier,
            input: request.payload,
        },
    });
    check.finish(record.map(|record| NewTask {
        id: TaskId::new(now_ms, route(namespace, &record.queue), random),
        record,
        start,
        idempotency,
        queue_limit: defaults.queue_limit,
        queue_bytes_limit: defaults.queue_bytes_limit,
    }))
}

/// The retry policy in force for a task: what its request said, the rest from `defaults`. The record must have been read with its body.
pub fn retry_policy_of(record: &Record, defaults: &RetryPolicy) -> Result<RetryPolicy, RecordError> {
    Ok(retry_policy_with(record, &record.body()?, defaults))
}

/// The same of a record whose body was read already.
pub fn retry_policy_with(record: &Record, body: &StoredBody, defaults: &RetryPolicy) -> RetryPolicy {
    resolve(record.header.max_attempts, body, defaults)
}

pub(super) fn resolve(max_attempts: u8, body: &StoredBody, defaults: &RetryPolicy) -> RetryPolicy {
    let or = |stored: u64, default: u64| if stored == 0 { default } else { stored };
    let initial_backoff_ms = or(body.initial_backoff_ms, defaults.initial_backoff_ms);
    RetryPolicy {
        max_attempts,
        initial_backoff_ms,
        // The defaults may have changed since the request was checked against them.
        max_backoff_ms: or(body.max_backoff_ms, defaults.max_backoff_ms).max(initial_backoff_ms),
        multiplier: if body.multiplier == 0.0 {
            defaults.multiplier
        } else {
            body.multiplier
        },
    }
}

fn kind(check: &mut Checker, text: &str) -> Option<Name> {
    if text.is_empty() {
        check.add("kind", format!("is required: {}", IdError::Name));
        return None;
    }
    check.id("kind", Name::new(text))
}

fn priority(check: &mut Checker, number: i32) -> Priority {
    if number == v1::Priority::Unspecified as i32 {
        return Priority::Normal;
    }
    u8::try_from(number)
        .ok()
        .and_then(Priority::from_number)
        .unwrap_or_else(|| {
            check.add("priority", "must be a Priority: 0 (NORMAL) to 4 (URGENT)");
            Priority::Normal
        })
}

fn start(check: &mut Checker, start: Option<&enqueue_request::Start>, now_ms: u64) -> Start {
    match start {
        None => Start::Now,
        Some(enqueue_request::Start::Delay(delay)) => match check.duration("delay", delay, DELAY) {
            None | Some(0) => Start::Now,
            Some(ms) => Start::After(ms),
        },
        Some(enqueue_request::Start::RunAt(at)) => Start::At(run_at(check, at, now_ms)),
    }
}

fn run_at(check: &mut Checker, at: &Timestamp, now_ms: u64) -> u64 {
    let Some(nanos) = timestamp_nanos(at) else {
        check.add(
            "run_at",
            "must be a well-formed Timestamp: years 1 to 9999, nanos between 0 and 999,999,999",
        );
        return 0;
    };
    let ms = ceil_ms(nanos);
    if ms > now_ms.saturating_add(DELAY.max_ms) {
        check.add("run_at", "must be at most 365 days ahead");
    }
    ms
}

/// The policy as it is stored: max_attempts resolved, the rest zero where the request left it out.
fn retry(check: &mut Checker, policy: Option<&v1::RetryPolicy>, defaults: &RetryPolicy) -> RetryPolicy {
    let policy = policy.copied().unwrap_or_default();
    let max_attempts = check
        .within(
            "retry_policy.max_attempts",
            policy.max_attempts,
            0,
            u32::from(ATTEMPTS_MAX),
        )
        .unwrap_or(0);
    let before = check.len();
    let initial = check
        .duration_or(
            "retry_policy.initial_backoff",
            policy.initial_backoff.as_ref(),
            INITIAL_BACKOFF,
        )
        .unwrap_or(0);
    let max = check
        .duration_or("retry_policy.max_backoff", policy.max_backoff.as_ref(), MAX_BACKOFF)
        .unwrap_or(0);
    let resolved = (
        if initial == 0 {
            defaults.initial_backoff_ms
        } else {
            initial
        },
        if max == 0 { defaults.max_backoff_ms } else { max },
    );
    // Only if both are fine by themselves, and only what the request said is held against it.
    if check.len() == before && (initial > 0 || max > 0) && resolved.1 < resolved.0 {
        let note = if max == 0 {
            ", which the default of max_backoff is not"
        } else {
            ""
        };
        check.add(
            "retry_policy.max_backoff",
            format!("must be at least initial_backoff ({} ms){note}", resolved.0),
        );
    }
    let multiplier = policy.multiplier;
    if multiplier != 0.0 && !(1.0..=MULTIPLIER_MAX).contains(&multiplier) {
        check.add(
            "retry_policy.multiplier",
            format!("must be 1 to {MULTIPLIER_MAX}, or 0 for the default"),
        );
    }
    RetryPolicy {
        max_attempts: if max_attempts == 0 {
            defaults.max_attempts
        } else {
            max_attempts as u8
        },
        initial_backoff_ms: initial,
        max_backoff_ms: max,
        // Also turns the negative zero into zero.
        multiplier: if multiplier == 0.0 { 0.0 } else { multiplier },
    }
}

fn labels(check: &mut Checker, labels: &HashMap<String, String>) {
    if !check.count("labels", labels.len(), LABELS_MAX) {
        return;
    }
    let mut bad_keys = 0;
    for (key, value) in labels.iter().collect::<BTreeMap<_, _>>() {
        match Name::new(key) {
            Ok(name) => check.longest(format!("labels[{name}]"), value.len(), LABEL_VALUE_MAX_BYTES),
            Err(_) => bad_keys += 1,
        }
    }
    // A bad key is the client's text and is not repeated.
    if bad_keys > 0 {
        check.add("labels", format!("each key {}; {bad_keys} do not", IdError::Name));
    }
}

fn trace_context(check: &mut Checker, trace: Option<&v1::TraceContext>) {
    if let Some(trace) = trace {
        check.longest(
            "trace_context.traceparent",
            trace.traceparent.len(),
            TRACEPARENT_MAX_BYTES,
        );
        check.longest("trace_context.tracestate", trace.tracestate.len(), TRACESTATE_MAX_BYTES);
    }
}

#[derive(Clone, PartialEq, Message)]
struct SortedLabels {
    #[prost(btree_map = "string, string", tag = "12")]
    labels: BTreeMap<String, String>,
}

/// Digests of the key and of the content: SHA-256 of the message as sent, without key and trace context, in ascending order of field
/// numbers but for the labels, which come last and sorted, since a protobuf map has no order of its own.
fn idempotency(request: &mut v1::EnqueueRequest) -> Option<Idempotency> {
    let key = std::mem::take(&mut request.idempotency_key);
    if key.is_empty() {
        return None;
    }
    let trace = request.trace_context.take();
    let labels = std::mem::take(&mut request.labels);
    let mut content = Sha256::new_with_prefix(request.encode_to_vec());
    let sorted = SortedLabels {
        labels: labels.into_iter().collect(),
    };
    content.update(sorted.encode_to_vec());
    request.labels = sorted.labels.into_iter().collect();
    request.trace_context = trace;
    let [key @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _]: [u8; 32] = Sha256::digest(key).into();
    Some(Idempotency {
        key,
        content: content.finalize().into(),
    })
}
