//! Ending attempts.

use std::time::{Duration, Instant};

use tidemill_model::{
    id::{LeaseToken, Name, Namespace},
    op::{Settle, Settlement},
    record::Record,
    wire::{self, Failure},
};
use tidemill_store::{ReadRequest, Store, StoreError};

use crate::{
    leases::Details,
    metrics,
    random::{backoff, unit},
    shared::Shared,
    spans::Attempt,
};

/// Tries of a call before its error is passed on.
const TRIES: u32 = 6;
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

/// Repeats a call while the store is away, with growing pauses, but not for longer than a lease lives. For calls that are safe to
/// repeat only, or with `unknown` false.
pub(crate) async fn persist<T, F>(store: &Store, unknown: bool, mut call: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let begun = Instant::now();
    let ttl = Duration::from_millis(store.rules().lease_ttl_ms);
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match call().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let passing = match error {
            StoreError::Unavailable(_) => true,
            StoreError::Unknown(_) => unknown,
            _ => false,
        };
        if !passing || tries >= TRIES || begun.elapsed() >= ttl {
            return Err(error);
        }
        tokio::time::sleep(backoff(tries, FIRST_BACKOFF, LONGEST_BACKOFF)).await;
    }
}

/// A settle that outlasts a short absence of the store.
pub(crate) async fn patiently(store: &Store, token: LeaseToken, settle: &Settle) -> Result<Settlement, StoreError> {
    persist(store, true, || store.settle(token, settle.clone())).await
}

/// What is known here of a lease that ends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ending {
    pub(crate) details: Option<Details>,
    pub(crate) since: Option<Instant>,
    /// Try again while the store is away.
    pub(crate) patient: bool,
}

/// Settles: what was reported before goes first, then counts and logs.
pub(crate) async fn settle(
    shared: &Shared,
    namespace: &Namespace,
    token: LeaseToken,
    settle: Settle,
    ending: &Ending,
) -> Result<Settlement, StoreError> {
    let settle = match settle {
        // Should it be a failure, because the attempt ran too long.
        Settle::Stop { .. } => Settle::Stop {
            delay_ms: policy_backoff(shared, namespace, &token, ending).await?,
        },
        other => other,
    };
    shared.progress.flush(&shared.store, &token).await;
    let span = attempt(shared, &token, ending).await;
    let result = if ending.patient {
        patiently(&shared.store, token, &settle).await
    } else {
        shared.store.settle(token, settle.clone()).await
    };
    let queue = ending.details.as_ref().map_or("", |details| details.queue.as_str());
    let attempt = ending.details.as_ref().map(|details| details.attempt);
    match &result {
        Ok(Settlement::Done { state, .. }) => {
            let outcome = metrics::outcome(&settle, *state);
            if let Some(attempt) = &span {
                attempt.settled(&shared.tracing, &token, &settle, *state);
            }
            let name: Option<&Name> = ending.details.as_ref().map(|details| &details.queue);
            shared
                .metrics
                .settled(name, outcome, ending.since.map(|since| since.elapsed()));
            tracing::debug!(task = %token.task, queue, attempt, outcome, state = state.name(), "settled");
        }
        Ok(Settlement::Lost) => {
            shared.metrics.settle_refused("lease_lost");
            tracing::debug!(task = %token.task, queue, attempt, "a settle came too late");
        }
        Err(error) => {
            shared.metrics.settle_refused("store");
            tracing::warn!(task = %token.task, queue, attempt, %error, "a settle failed");
        }
    }
    result
}

/// What the span of an attempt will say. Of a lease that this process did not grant it has to be read, which costs only those who trace.
async fn attempt(shared: &Shared, token: &LeaseToken, ending: &Ending) -> Option<Attempt> {
    if !shared.tracing.is_on() {
        return None;
    }
    if let Some(details) = &ending.details {
        return details.span.clone();
    }
    let record = read(shared, &Namespace::default(), token, true, false).await.ok()??;
    Attempt::of(&shared.tracing, &record)
}

/// A handler's failure: the delay is its wish, or the policy's backoff.
pub(crate) async fn fail(
    shared: &Shared,
    namespace: &Namespace,
    failure: Failure,
    ending: &Ending,
) -> Result<Settlement, StoreError> {
    let token = failure.token;
    let backoff_ms = if failure.permanent || failure.retry_after_ms.is_some() {
        0
    } else {
        policy_backoff(shared, namespace, &token, ending).await?
    };
    settle(shared, namespace, token, failure.settle(backoff_ms), ending).await
}

/// An attempt that ran longer than it may.
pub(crate) async fn time_out(
    shared: &Shared,
    namespace: &Namespace,
    token: LeaseToken,
    ending: &Ending,
) -> Result<Settlement, StoreError> {
    let delay_ms = policy_backoff(shared, namespace, &token, ending).await?;
    let failed = Settle::Fail {
        outcome: wire::outcome_attempt_timeout(),
        permanent: false,
        delay_ms,
    };
    settle(shared, namespace, token, failed, ending).await
}

async fn policy_backoff(
    shared: &Shared,
    namespace: &Namespace,
    token: &LeaseToken,
    ending: &Ending,
) -> Result<u64, StoreError> {
    if let Some(details) = &ending.details {
        return Ok(details.policy.backoff_ms(details.failures + 1, unit()));
    }
    let Some(record) = read(shared, namespace, token, true, ending.patient).await? else {
        return Ok(0);
    };
    let policy = wire::retry_policy_of(&record, &shared.defaults.retry);
    let policy = policy.map_err(|error| StoreError::Internal(error.to_string()))?;
    Ok(policy.backoff_ms(u32::from(record.header.failures) + 1, unit()))
}

/// The record of a lease's task; `None`: it is gone.
pub(crate) async fn read(
    shared: &Shared,
    namespace: &Namespace,
    token: &LeaseToken,
    with_body: bool,
    patient: bool,
) -> Result<Option<Record>, StoreError> {
    let request = ReadRequest {
        namespace: namespace.clone(),
        id: token.task,
        with_body,
        after: None,
        most_entries: 0,
    };
    let reading = if patient {
        persist(&shared.store, true, || shared.store.read(request.clone())).await?
    } else {
        shared.store.read(request).await?
    };
    let Some(reading) = reading else { return Ok(None) };
    Record::parse(&reading.record, with_body)
        .map(Some)
        .map_err(|error| StoreError::Internal(error.to_string()))
}

/// The reason a client gave with its cancel request; empty if it cannot be read now.
pub(crate) async fn cancel_reason(shared: &Shared, namespace: &Namespace, token: &LeaseToken) -> String {
    let record = read(shared, namespace, token, false, false).await.ok().flatten();
    record
        .and_then(|record| record.outcome().ok())
        .map(|outcome| outcome.cancel_reason)
        .unwrap_or_default()
}
