//! The worker protocol as single calls.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream::FuturesOrdered};
use tidemill_kit::status::ApiError;
use tidemill_model::{
    id::{LeaseToken, Namespace},
    op::{Heartbeat, LeaseRequest, Leased, Renewal, Reported, Settle, Settlement},
    wire::{self, Failure, LeaseCall, Report},
};
use tidemill_proto::v1;
use tidemill_store::StoreError;
use tokio::sync::oneshot;

use crate::{
    dispatch::{self, give_back},
    error,
    progress::Told,
    random::jittered,
    settle::{self, Ending},
    shared::Shared,
    stream::Grant,
    subscription::Subscription,
};

fn of_store(error: StoreError) -> ApiError {
    error.to_api(true)
}

/// LeaseTasks: leases, or waits for the bell and leases.
pub(crate) async fn lease(
    shared: &Arc<Shared>,
    namespace: Namespace,
    call: LeaseCall,
) -> Result<v1::LeaseTasksResponse, ApiError> {
    if shared.draining.is_requested() {
        return Err(error::draining());
    }
    let subscription = Arc::new(Subscription::new(namespace, call.queues, call.kinds));
    let (deadline, request) = (Instant::now() + Duration::from_millis(call.wait_ms), call.request);
    let mut leased = lease_once(shared, &subscription, call.max, request)
        .await
        .map_err(of_store)?;
    if leased.is_empty() && call.wait_ms > 0 {
        let mut poll = shared.bell.poll(shared, Arc::clone(&subscription)).await;
        while leased.is_empty() {
            // Registered before this look: what is enqueued after it rings.
            leased = lease_once(shared, &subscription, call.max, request)
                .await
                .map_err(of_store)?;
            if !leased.is_empty() {
                break;
            }
            let look_again = Instant::now() + jittered(shared.config.poll_interval.get());
            tokio::select! {
                () = shared.draining.requested() => break,
                () = tokio::time::sleep_until(deadline.into()) => break,
                () = tokio::time::sleep_until(look_again.into()) => {}
                () = poll.rung() => {}
            }
        }
    }
    let grants = leased.iter().map(|leased| Grant::new(leased, shared));
    let grants = grants
        .collect::<Result<Vec<_>, _>>()
        .map_err(|damage| error::damaged(&damage))?;
    Ok(v1::LeaseTasksResponse {
        assignments: grants.into_iter().map(|grant| grant.assignment).collect(),
    })
}

/// Visits the shards of the subscription. In a future of its own: if the caller goes away meanwhile, what was leased is not left to
/// expire, unless it can ask for it again.
async fn lease_once(
    shared: &Arc<Shared>,
    subscription: &Arc<Subscription>,
    max: u32,
    request: Option<[u8; 16]>,
) -> Result<Vec<Leased>, StoreError> {
    let (reply, answer) = oneshot::channel();
    let (own, subscription) = (Arc::clone(shared), Arc::clone(subscription));
    shared.supervisor.spawn_detached("lease call", async move {
        let leased = lease_shards(&own, &subscription, max, request).await;
        if let Err(Ok(unheard)) = reply.send(leased)
            && request.is_none()
        {
            give_back(&own, unheard.into_iter().map(|leased| leased.token).collect());
        }
    });
    answer
        .await
        .unwrap_or_else(|_| Err(StoreError::Unknown("the lease call was lost".into())))
}

async fn lease_shards(
    shared: &Shared,
    subscription: &Subscription,
    max: u32,
    request: Option<[u8; 16]>,
) -> Result<Vec<Leased>, StoreError> {
    let mut all: Vec<Leased> = Vec::new();
    for lines in subscription.lines_by_shard(shared.store.shards()) {
        let wanted = max.saturating_sub(u32::try_from(all.len()).unwrap_or(u32::MAX));
        let bytes: usize = all.iter().map(|leased| leased.record.len()).sum();
        let room = dispatch::MAX_BYTES.saturating_sub(bytes as u64);
        if wanted == 0 || room == 0 {
            break;
        }
        let fresh = dispatch::request(subscription, &lines, shared.bell.next_turn(), wanted)?;
        let call = LeaseRequest {
            request: request.unwrap_or(fresh.request),
            max_bytes: room,
            ..fresh
        };
        loop {
            match shared.store.lease(&call).await {
                Ok((leased, more)) => {
                    let again = more && leased.is_empty();
                    all.extend(leased);
                    if !again {
                        break;
                    }
                    // Only tombstones so far.
                }
                // What was leased of other shards is not thrown away.
                Err(_) if !all.is_empty() => return Ok(all),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(all)
}

/// HeartbeatTasks.
pub(crate) async fn heartbeat(
    shared: &Shared,
    namespace: &Namespace,
    tokens: Vec<LeaseToken>,
) -> Result<v1::HeartbeatTasksResponse, ApiError> {
    let outcomes: FuturesOrdered<_> = tokens
        .into_iter()
        .map(|token| renew(shared, namespace, token))
        .collect();
    let outcomes: Vec<Result<v1::HeartbeatOutcome, StoreError>> = outcomes.collect().await;
    let outcomes = outcomes.into_iter().collect::<Result<_, _>>().map_err(of_store)?;
    Ok(v1::HeartbeatTasksResponse { outcomes })
}

async fn renew(shared: &Shared, namespace: &Namespace, token: LeaseToken) -> Result<v1::HeartbeatOutcome, StoreError> {
    let mut outcome = v1::HeartbeatOutcome {
        lease_token: token.to_string(),
        ..v1::HeartbeatOutcome::default()
    };
    match shared.store.heartbeat(Heartbeat { token, age_ms: 0 }).await? {
        Renewal::Renewed { stop, remaining_ms } => {
            let over = if remaining_ms == 0 {
                v1::CancelCause::AttemptTimeout
            } else {
                v1::CancelCause::Unspecified
            };
            let cause = stop.map_or(over, |stop| wire::cancel_cause(Some(stop)));
            outcome.cancel_cause = cause.into();
            outcome.remaining = Some(wire::duration(remaining_ms));
            if cause == v1::CancelCause::Client {
                outcome.cancel_reason = settle::cancel_reason(shared, namespace, &token).await;
            }
        }
        Renewal::TimedOut => {
            settle::time_out(shared, namespace, token, &Ending::default()).await?;
            outcome.lease_lost = true;
        }
        Renewal::Lost => outcome.lease_lost = true,
    }
    if outcome.lease_lost {
        shared.metrics.lease_lost.inc();
    }
    Ok(outcome)
}

/// ReportProgress.
pub(crate) async fn report(shared: &Shared, report: Report) -> Result<v1::ReportProgressResponse, ApiError> {
    let token = report.token;
    match shared.progress.report(&shared.store, report).await.map_err(of_store)? {
        Told::Merged => Ok(v1::ReportProgressResponse::default()),
        Told::Answer(Reported::Stored { sequence, stop }) => Ok(v1::ReportProgressResponse {
            sequence: i64::from(sequence),
            cancel_cause: wire::cancel_cause(stop).into(),
        }),
        Told::Answer(Reported::Lost) => Err(lost(shared, &token)),
    }
}

fn lost(shared: &Shared, token: &LeaseToken) -> ApiError {
    shared.metrics.lease_lost.inc();
    error::lease_lost(token)
}

fn done(shared: &Shared, token: &LeaseToken, settlement: Settlement) -> Result<(v1::TaskState, u64), ApiError> {
    match settlement {
        Settlement::Done { state, due_ms } => Ok((state.to_proto(), due_ms)),
        Settlement::Lost => Err(lost(shared, token)),
    }
}

/// CompleteTask and ReleaseTask. Answers the task's state.
pub(crate) async fn settle(
    shared: &Shared,
    namespace: &Namespace,
    token: LeaseToken,
    settle: Settle,
) -> Result<v1::TaskState, ApiError> {
    let settlement = settle::settle(shared, namespace, token, settle, &Ending::default())
        .await
        .map_err(of_store)?;
    done(shared, &token, settlement).map(|(state, _)| state)
}

/// FailTask.
pub(crate) async fn fail(
    shared: &Shared,
    namespace: &Namespace,
    failure: Failure,
) -> Result<v1::FailTaskResponse, ApiError> {
    let token = failure.token;
    let settlement = settle::fail(shared, namespace, failure, &Ending::default())
        .await
        .map_err(of_store)?;
    let (state, due_ms) = done(shared, &token, settlement)?;
    Ok(v1::FailTaskResponse {
        state: state.into(),
        due_time: (due_ms > 0).then(|| wire::timestamp(due_ms)),
    })
}
