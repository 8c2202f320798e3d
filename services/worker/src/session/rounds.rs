//! Heartbeats: an echo renews every lease of its stream, from the time of the echo.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tidemill_model::{
    id::LeaseToken,
    op::{Heartbeat, Renewal},
};
use tidemill_proto::v1::CancelCause;
use tidemill_store::StoreError;

use super::{register::cause, sleep_until};
use crate::{random::jittered, settle, shared::Shared, stream::Stream};

/// Pause before leases are tried again that the store could not renew.
const RETRY: Duration = Duration::from_secs(1);

type Answer = (LeaseToken, Result<Renewal, StoreError>);

/// The heartbeats of one stream. One round at a time: a store that is slow is not asked again before it has answered.
pub(super) struct Rounds {
    shared: Arc<Shared>,
    stream: Arc<Stream>,
    asked: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// When the last echo came.
    echo: Option<Instant>,
    /// An echo came while a round was under way.
    again: bool,
    /// What the store could not renew.
    failed: Vec<LeaseToken>,
    retry_at: Option<Instant>,
}

impl Rounds {
    pub(super) fn new(shared: Arc<Shared>, stream: Arc<Stream>) -> Self {
        Self {
            shared,
            stream,
            asked: FuturesUnordered::new(),
            echo: None,
            again: false,
            failed: Vec::new(),
            retry_at: None,
        }
    }

    /// A sign of life.
    pub(super) fn echo(&mut self) {
        self.echo = Some(Instant::now());
        if self.asked.is_empty() {
            self.begin(self.stream.leases(|leases| leases.tokens()));
        } else {
            self.again = true;
        }
    }

    fn begin(&mut self, tokens: Vec<LeaseToken>) {
        self.again = false;
        self.failed.clear();
        self.retry_at = None;
        let Some(age) = self.echo.map(|echo| echo.elapsed()) else {
            return;
        };
        if age >= self.shared.lease_ttl() {
            return;
        }
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        for token in tokens {
            let store = self.shared.store.clone();
            self.asked
                .push(async move { (token, store.heartbeat(Heartbeat { token, age_ms }).await) }.boxed());
        }
    }

    /// Takes one answer, or begins what is due. Cancel-safe.
    pub(super) async fn step(&mut self) {
        if self.asked.is_empty() {
            sleep_until(self.retry_at).await;
            let tokens = std::mem::take(&mut self.failed);
            self.begin(tokens);
            return;
        }
        let Some((token, answer)) = self.asked.next().await else {
            return;
        };
        match answer {
            Ok(renewal) => renewed(&self.shared, &self.stream, token, renewal, false),
            Err(error) => {
                tracing::debug!(task = %token.task, %error, "a lease could not be renewed yet");
                self.failed.push(token);
            }
        }
        if self.asked.is_empty() {
            if self.again {
                self.begin(self.stream.leases(|leases| leases.tokens()));
            } else if !self.failed.is_empty() {
                tracing::warn!(
                    stream = self.stream.name,
                    leases = self.failed.len(),
                    "leases could not be renewed; trying again"
                );
                self.retry_at = Some(Instant::now() + jittered(RETRY));
            }
        }
    }
}

/// Acts on what a heartbeat said. `named`: the client asked about this very lease, so it is told that it is lost even if it is not in
/// the books.
pub(super) fn renewed(shared: &Arc<Shared>, stream: &Arc<Stream>, token: LeaseToken, renewal: Renewal, named: bool) {
    match renewal {
        Renewal::Renewed { stop, remaining_ms } => {
            stream.leases(|leases| leases.renewed(&token, Duration::from_millis(remaining_ms), Instant::now()));
            stream.changed.notify_one();
            if let Some(cause) = cause(stop) {
                ask_to_stop(shared, stream, token, cause);
            }
        }
        Renewal::TimedOut => {
            let ours = stream.leases(|leases| {
                let free_of_settles = leases.get(&token).is_some_and(|held| !held.is_settling());
                if free_of_settles {
                    leases.settle_begins(&token);
                }
                free_of_settles
            });
            if ours {
                fail_timed_out(shared, stream, token);
            }
        }
        Renewal::Lost => {
            let removed = stream.leases(|leases| leases.remove_unless_settling(&token)).is_some();
            if removed || named {
                stream.send_lost(&token);
            }
        }
    }
}

/// Tells the handler once for each cause; the reason of a client is read from the record.
pub(super) fn ask_to_stop(shared: &Arc<Shared>, stream: &Arc<Stream>, token: LeaseToken, cause: CancelCause) {
    if !stream.leases(|leases| leases.tell(&token, cause)) {
        return;
    }
    if cause != CancelCause::Client {
        stream.send_cancel(&token, cause, String::new());
        return;
    }
    let (own, stream) = (Arc::clone(shared), Arc::clone(stream));
    shared.supervisor.spawn_detached("cancel reason", async move {
        let reason = settle::cancel_reason(&own, &stream.namespace, &token).await;
        stream.send_cancel(&token, cause, reason);
    });
}

/// Fails an attempt that ran too long, on behalf of its handler. The caller has begun a settle in the books.
pub(super) fn fail_timed_out(shared: &Arc<Shared>, stream: &Arc<Stream>, token: LeaseToken) {
    let (own, stream) = (Arc::clone(shared), Arc::clone(stream));
    shared.supervisor.spawn_detached("attempt timeout", async move {
        let ending = stream.ending(&token);
        tracing::info!(task = %token.task, stream = stream.name, "the attempt ran longer than it may and did not stop: it fails");
        match settle::time_out(&own, &stream.namespace, token, &ending).await {
            Ok(_) => {
                stream.leases(|leases| leases.remove(&token));
                stream.send_lost(&token);
            }
            // The next heartbeat finds it timed out again.
            Err(_) => stream.leases(|leases| leases.settle_ends(&token)),
        }
    });
}
