//! The first message of a stream.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tidemill_kit::status::ApiError;
use tidemill_model::{
    id::{LeaseToken, Namespace},
    op::{Heartbeat, Renewal},
    wire::{self, Registration},
};
use tidemill_proto::v1::{self, CancelCause, work_request, work_response};

use super::{Inbound, Received, SILENT_PINGS, rounds};
use crate::{
    error,
    leases::{Held, Leases},
    outbox::Outbox,
    shared::Shared,
    stream::Stream,
    subscription::Subscription,
};

/// What became of a lease that the client still held.
struct Adopted {
    token: LeaseToken,
    /// `None`: the store could not be asked; the next heartbeat will.
    renewal: Option<Renewal>,
}

/// Waits for the registration and carries it out. `Err(None)`: the client went away before it registered.
pub(super) async fn register(
    shared: &Arc<Shared>,
    namespace: &Namespace,
    inbound: &mut Inbound,
    outbox: &Outbox,
) -> Result<Arc<Stream>, Option<ApiError>> {
    let registration = read(shared, inbound, outbox).await?;
    let adopted = adopt(shared, &registration.held).await;
    let is_lost = |one: &&Adopted| matches!(one.renewal, Some(Renewal::Lost));
    outbox.send(work_response::Message::Registered(v1::Registered {
        adopted: adopted
            .iter()
            .filter(|one| !is_lost(one))
            .map(|one| one.token.to_string())
            .collect(),
        ping_interval: Some(wire::duration(millis(shared.ping_interval()))),
        lease_ttl: Some(wire::duration(shared.store.rules().lease_ttl_ms)),
    }));
    let mut leases = Leases::new(registration.credits, shared.timeout_grace());
    let now = Instant::now();
    for one in adopted.iter().filter(|one| !is_lost(one)) {
        leases.insert(Held::new(one.token, None, None, now));
    }
    let (queues, kinds) = (registration.queues.len(), registration.kinds.len());
    let subscription = Subscription::new(namespace.clone(), registration.queues, registration.kinds);
    let stream = shared.registry.join(subscription, |group| {
        Stream::new(
            registration.name,
            namespace.clone(),
            outbox.clone(),
            group,
            leases,
            shared.metrics.clone(),
        )
    });
    tracing::info!(
        stream = stream.name,
        queues,
        kinds,
        credits = registration.credits,
        held = adopted.len(),
        "work stream registered"
    );
    for one in adopted {
        match one.renewal {
            Some(renewal) => rounds::renewed(shared, &stream, one.token, renewal, true),
            None => tracing::debug!(task = %one.token.task, "a held lease could not be checked yet"),
        }
    }
    Ok(stream)
}

async fn read(shared: &Shared, inbound: &mut Inbound, outbox: &Outbox) -> Result<Registration, Option<ApiError>> {
    let longest = shared.ping_interval() * SILENT_PINGS;
    let received = tokio::select! {
        () = outbox.taken() => return Err(None),
        () = shared.draining.requested() => return Err(Some(error::draining())),
        received = tokio::time::timeout(longest, inbound.next()) => received,
    };
    let message = match received {
        Ok(Some(Received::Message(message))) => message,
        Ok(Some(Received::Broken) | None) => return Err(None),
        Ok(Some(Received::HalfClosed)) | Err(_) => {
            return Err(Some(error::violation("the first message must be register")));
        }
    };
    match message.message {
        Some(work_request::Message::Register(register)) => wire::parse_register(&register, &shared.defaults.limits)
            .map_err(|violations| Some(error::invalid(violations))),
        _ => Err(Some(error::violation("the first message must be register"))),
    }
}

/// Renews the leases of a broken stream.
async fn adopt(shared: &Shared, held: &[LeaseToken]) -> Vec<Adopted> {
    let renewals: FuturesUnordered<_> = held
        .iter()
        .map(|token| async {
            let renewal = shared
                .store
                .heartbeat(Heartbeat {
                    token: *token,
                    age_ms: 0,
                })
                .await;
            Adopted {
                token: *token,
                renewal: renewal.ok(),
            }
        })
        .collect();
    renewals.collect().await
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The cause of a stop request that a heartbeat brought.
pub(super) fn cause(stop: Option<tidemill_model::op::StopRequest>) -> Option<CancelCause> {
    stop.map(|stop| wire::cancel_cause(Some(stop)))
}
