//! Messages about leases. Each lease has a lane in which its messages go one after the other, so that what was reported before a settle
//! is stored before it; lanes go side by side, and nothing in them holds up the stream.
//!
//! A lane outlives its stream: what a client has said counts, even if it hung up before it heard the answer.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tidemill_kit::status::{ApiError, Outcome, reason_name};
use tidemill_model::{
    id::LeaseToken,
    op::{Reported, Settle, Settlement},
    wire::{self, Failure, Report},
};
use tidemill_proto::v1::{self, MessageKind, work_response};
use tidemill_store::StoreError;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::{register::cause, rounds::ask_to_stop};
use crate::{error, progress::Told, settle, shared::Shared, stream::Stream};

/// KiB of messages of one stream under way; each counts for at least [`LEAST_KIB`].
const MAX_KIB: u32 = 64 << 10;
const LEAST_KIB: u32 = 4;

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes / 1024).unwrap_or(MAX_KIB).clamp(LEAST_KIB, MAX_KIB)
}

/// Room for one message under way.
pub(super) type Permit = Option<OwnedSemaphorePermit>;

enum Work {
    Report(Report),
    Settle(LeaseToken, Settle),
    Fail(Failure),
}

type Queues = HashMap<LeaseToken, VecDeque<(Work, Permit)>>;

struct Inner {
    shared: Arc<Shared>,
    stream: Arc<Stream>,
    /// A lane that is being worked on has an entry, even if nothing waits in it.
    queues: Mutex<Queues>,
    emptied: Notify,
}

pub(super) struct Lanes {
    inner: Arc<Inner>,
    room: Arc<Semaphore>,
}

impl Lanes {
    pub(super) fn new(shared: Arc<Shared>, stream: Arc<Stream>) -> Self {
        let inner = Inner {
            shared,
            stream,
            queues: Mutex::default(),
            emptied: Notify::new(),
        };
        Self {
            inner: Arc::new(inner),
            room: Arc::new(Semaphore::new(MAX_KIB as usize)),
        }
    }

    /// Waits for room for a message of so many bytes. Cancel-safe.
    pub(super) async fn admit(&self, bytes: usize) -> Permit {
        // Never closed.
        Arc::clone(&self.room).acquire_many_owned(kib(bytes)).await.ok()
    }

    /// Room for a message of so many bytes, if there is some now.
    pub(super) fn try_admit(&self, bytes: usize) -> Option<Permit> {
        Arc::clone(&self.room).try_acquire_many_owned(kib(bytes)).ok().map(Some)
    }

    pub(super) fn report(&self, report: v1::ReportProgressRequest, permit: Permit) {
        let token = report.lease_token.clone();
        match wire::parse_report(report, &self.inner.shared.defaults.limits) {
            Ok(report) => self.push(report.token, Work::Report(report), permit),
            Err(violations) => self
                .inner
                .refuse(token, MessageKind::Progress, &error::invalid(violations)),
        }
    }

    pub(super) fn complete(&self, complete: v1::CompleteTaskRequest, permit: Permit) {
        let token = complete.lease_token.clone();
        match wire::parse_complete(complete, &self.inner.shared.defaults.limits) {
            Ok((token, settle)) => self.push(token, Work::Settle(token, settle), permit),
            Err(violations) => self
                .inner
                .refuse(token, MessageKind::Complete, &error::invalid(violations)),
        }
    }

    pub(super) fn fail(&self, fail: &v1::FailTaskRequest, permit: Permit) {
        match wire::parse_fail(fail) {
            Ok(failure) => self.push(failure.token, Work::Fail(failure), permit),
            Err(violations) => {
                let token = fail.lease_token.clone();
                self.inner.refuse(token, MessageKind::Fail, &error::invalid(violations));
            }
        }
    }

    pub(super) fn release(&self, release: &v1::ReleaseTaskRequest, permit: Permit) {
        match wire::parse_release(release) {
            Ok((token, settle)) => self.push(token, Work::Settle(token, settle), permit),
            Err(violations) => {
                let token = release.lease_token.clone();
                self.inner
                    .refuse(token, MessageKind::Release, &error::invalid(violations));
            }
        }
    }

    fn push(&self, token: LeaseToken, work: Work, permit: Permit) {
        if !matches!(work, Work::Report(_)) {
            self.inner.stream.leases(|leases| leases.settle_begins(&token));
        }
        let mut queues = self.inner.lock();
        if let Some(queue) = queues.get_mut(&token) {
            queue.push_back((work, permit));
            return;
        }
        queues.insert(token, VecDeque::new());
        drop(queues);
        let lane = Lane {
            inner: Arc::clone(&self.inner),
            token,
        };
        self.inner.shared.supervisor.spawn_detached("work lane", async move {
            let mut next = Some((work, permit));
            while let Some((work, _permit)) = next {
                lane.inner.execute(work).await;
                next = lane.next();
            }
        });
    }

    /// Returns when every message was carried out.
    pub(super) async fn idle(&self) {
        loop {
            let emptied = self.inner.emptied.notified();
            if self.inner.lock().is_empty() {
                return;
            }
            emptied.await;
        }
    }
}

/// A lane that is being worked on; gone when dropped.
struct Lane {
    inner: Arc<Inner>,
    token: LeaseToken,
}

impl Lane {
    /// The next message, or nothing, and then the lane is closed.
    fn next(&self) -> Option<(Work, Permit)> {
        let mut queues = self.inner.lock();
        let next = queues.get_mut(&self.token).and_then(VecDeque::pop_front);
        if next.is_none() {
            queues.remove(&self.token);
        }
        next
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // Only a panic leaves something here, or a newer lane of the same lease: that one empties itself.
        if self.inner.lock().is_empty() {
            self.inner.emptied.notify_one();
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn execute(&self, work: Work) {
        match work {
            Work::Report(report) => self.report(report).await,
            Work::Settle(token, settle) => {
                let (ending, kind) = (self.stream.ending(&token), kind_of(&settle));
                let result = settle::settle(&self.shared, &self.stream.namespace, token, settle, &ending).await;
                self.settled(token, kind, result);
            }
            Work::Fail(failure) => {
                let token = failure.token;
                let ending = self.stream.ending(&token);
                let result = settle::fail(&self.shared, &self.stream.namespace, failure, &ending).await;
                self.settled(token, MessageKind::Fail, result);
            }
        }
    }

    async fn report(&self, report: Report) {
        let token = report.token;
        match self.shared.progress.report(&self.shared.store, report).await {
            Ok(Told::Merged) => {}
            Ok(Told::Answer(Reported::Stored { stop, .. })) => {
                if let Some(cause) = cause(stop) {
                    ask_to_stop(&self.shared, &self.stream, token, cause);
                }
            }
            Ok(Told::Answer(Reported::Lost)) => {
                self.stream.leases(|leases| leases.remove_unless_settling(&token));
                self.stream.send_lost(&token);
            }
            Err(error) => self.refuse_for_store(token, MessageKind::Progress, &error),
        }
    }

    fn settled(&self, token: LeaseToken, kind: MessageKind, result: Result<Settlement, StoreError>) {
        match result {
            Ok(Settlement::Done { state, .. }) => {
                self.stream.leases(|leases| leases.remove(&token));
                let settled = v1::Settled {
                    lease_token: token.to_string(),
                    state: state.to_proto().into(),
                };
                self.stream.outbox.send(work_response::Message::Settled(settled));
            }
            Ok(Settlement::Lost) => {
                self.stream.leases(|leases| leases.remove(&token));
                self.stream.send_lost(&token);
            }
            Err(error) => {
                self.stream.leases(|leases| leases.settle_ends(&token));
                self.refuse_for_store(token, kind, &error);
            }
        }
    }

    fn refuse_for_store(&self, token: LeaseToken, kind: MessageKind, error: &StoreError) {
        let outcome = if error.not_applied() {
            Outcome::NotApplied
        } else {
            Outcome::Unknown
        };
        self.send_refused(token.to_string(), kind, &error.to_api(true), outcome);
    }

    fn refuse(&self, token: String, kind: MessageKind, error: &ApiError) {
        self.send_refused(token, kind, error, Outcome::NotApplied);
    }

    fn send_refused(&self, lease_token: String, kind: MessageKind, error: &ApiError, outcome: Outcome) {
        self.stream.outbox.send(work_response::Message::Refused(v1::Refused {
            lease_token,
            reason: reason_name(error.reason()).to_owned(),
            message: error.message().to_owned(),
            outcome_unknown: outcome == Outcome::Unknown,
            kind: kind.into(),
        }));
    }
}

/// What the client called it. Its failures have a type of their own.
fn kind_of(settle: &Settle) -> MessageKind {
    match settle {
        Settle::Complete { .. } | Settle::CompleteTooLarge { .. } => MessageKind::Complete,
        Settle::Fail { .. } => MessageKind::Fail,
        Settle::Release { .. } | Settle::Stop { .. } => MessageKind::Release,
    }
}
