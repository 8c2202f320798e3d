//! What a handler gets.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use prost::Message as _;
use tidemill_proto::v1::{
    self, Assignment, ReportProgressRequest, report_progress_request::Report as Said, work_request::Message,
};
use tokio::sync::{mpsc, watch};

use super::job::Report;
use crate::{
    Payload, TaskError, TraceContext,
    proto_time::{time, to_std},
};

/// The contract's limit of one chunk.
const MOST_CHUNK: usize = 64 * 1024;
/// The contract's limit of a progress message; a longer one is cut.
const MOST_PROGRESS: usize = 1024;

/// One attempt of one task, for its handler. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    assignment: Arc<Assignment>,
    payload: Payload,
    reports: mpsc::Sender<Report>,
    cancel: watch::Receiver<Option<CancelRequest>>,
    refused: Refused,
}

/// What the server said of a report it did not take.
pub(super) type Refused = Arc<Mutex<Option<String>>>;

/// A handler is asked to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CancelRequest {
    /// Why.
    pub cause: CancelCause,
    /// The reason that the client gave; empty for the other causes.
    pub reason: String,
}

/// Why a handler is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelCause {
    /// A client cancelled the task.
    Client,
    /// The task's `expires_in` is over.
    Expiry,
    /// The attempt ran longer than its `attempt_timeout`.
    AttemptTimeout,
    /// A cause that this version of the crate does not know.
    Unknown,
}

/// Why a chunk was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// It is larger than the contract allows.
    #[error("a chunk of {bytes} bytes: at most 65536 are allowed; split it")]
    TooLarge {
        /// Its size as a message.
        bytes: usize,
    },
    /// The server refused an earlier chunk of this attempt, e.g. because its memory is full.
    #[error("an earlier chunk was refused: {0}")]
    Refused(String),
    /// The worker has stopped.
    #[error("the worker has stopped")]
    Stopped,
}

impl Context {
    pub(super) fn new(
        mut assignment: Assignment,
        reports: mpsc::Sender<Report>,
        cancel: watch::Receiver<Option<CancelRequest>>,
        refused: Refused,
    ) -> Self {
        let payload = assignment.payload.take().map(Payload::from).unwrap_or_default();
        Self {
            assignment: Arc::new(assignment),
            payload,
            reports,
            cancel,
            refused,
        }
    }

    /// The input.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// The task.
    #[must_use]
    pub fn task_id(&self) -> &str {
        &self.assignment.task_id
    }

    /// Its queue.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.assignment.queue
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.assignment.kind
    }

    /// Number of this attempt, from 1.
    #[must_use]
    pub fn attempt(&self) -> i32 {
        self.assignment.attempt
    }

    /// Attempts allowed in all.
    #[must_use]
    pub fn max_attempts(&self) -> i32 {
        self.assignment.max_attempts
    }

    /// Grows with every lease of the task. Send it along with writes to other systems and let them refuse a smaller one than they have
    /// seen: so a handler that lost its lease without noticing changes nothing.
    #[must_use]
    pub fn fence(&self) -> i64 {
        self.assignment.fence
    }

    /// Longest run of this attempt; after it a cancel request comes.
    #[must_use]
    pub fn attempt_timeout(&self) -> Option<Duration> {
        self.assignment.attempt_timeout.as_ref().map(to_std)
    }

    /// Labels given at enqueue.
    #[must_use]
    pub fn labels(&self) -> &HashMap<String, String> {
        &self.assignment.labels
    }

    /// Trace context given at enqueue. Tasks that this handler enqueues carry it on by themselves.
    #[must_use]
    pub fn trace_context(&self) -> Option<TraceContext> {
        self.assignment.trace_context.as_ref().map(TraceContext::from_proto)
    }

    /// When the task was enqueued.
    #[must_use]
    pub fn create_time(&self) -> Option<SystemTime> {
        time(self.assignment.create_time.as_ref())
    }

    /// When this attempt was leased, by the store's clock.
    #[must_use]
    pub fn lease_time(&self) -> Option<SystemTime> {
        time(self.assignment.lease_time.as_ref())
    }

    /// The error of the attempt before, if there was one.
    #[must_use]
    pub fn last_error(&self) -> Option<TaskError> {
        self.assignment.last_error.clone().map(TaskError::from)
    }

    /// Tells how far the attempt has come: a share between 0 and 1, and a short text for people. Never waits: it is dropped if much else
    /// is on its way, and the server stores it at most twice a second, the latest winning.
    pub fn progress(&self, fraction: f64, message: impl Into<String>) {
        let fraction = if fraction.is_nan() {
            0.0
        } else {
            fraction.clamp(0.0, 1.0)
        };
        let message = super::failure::cut(message.into(), MOST_PROGRESS);
        let report = self.report(Said::Progress(v1::Progress { fraction, message }));
        // Full: progress is advice, and there will be more.
        let _ = self.reports.try_send(report);
    }

    /// Sends a piece of output, which watchers see at once. Waits while much is on its way. Pieces come in order; those that are on their
    /// way when a connection breaks may be lost.
    ///
    /// # Errors
    /// It was not sent, see [`ReportError`].
    pub async fn chunk(&self, piece: impl Into<Payload>) -> Result<(), ReportError> {
        let payload = piece.into().into_proto();
        let bytes = payload.encoded_len();
        if bytes > MOST_CHUNK {
            return Err(ReportError::TooLarge { bytes });
        }
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(message) = refused {
            return Err(ReportError::Refused(message));
        }
        let report = self.report(Said::OutputChunk(payload));
        self.reports.send(report).await.map_err(|_| ReportError::Stopped)
    }

    /// The request to stop, if there is one.
    #[must_use]
    pub fn cancel_request(&self) -> Option<CancelRequest> {
        self.cancel.borrow().clone()
    }

    /// Ready when the handler is asked to stop. It may then still succeed, or agree with [`Failure::cancelled`](super::Failure::cancelled);
    /// after the worker's cancel grace its future is dropped, which counts as agreeing.
    pub async fn cancelled(&self) -> CancelRequest {
        let mut cancel = self.cancel.clone();
        let found = cancel
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|found| found.clone());
        match found {
            Some(request) => request,
            // The worker has let go of the task; this future is about to be dropped.
            None => std::future::pending().await,
        }
    }

    pub(super) fn cause(&self) -> Option<CancelCause> {
        self.cancel.borrow().as_ref().map(|request| request.cause)
    }

    pub(super) fn lease_token(&self) -> &str {
        &self.assignment.lease_token
    }

    fn report(&self, report: Said) -> Report {
        let lease_token = self.assignment.lease_token.clone();
        Report {
            token: lease_token.clone(),
            message: Message::Progress(ReportProgressRequest {
                lease_token,
                report: Some(report),
            }),
            settles: false,
        }
    }
}

impl CancelRequest {
    pub(super) fn of(cancel: v1::CancelRequested) -> Self {
        let cause = match cancel.cause() {
            v1::CancelCause::Client => CancelCause::Client,
            v1::CancelCause::Expiry => CancelCause::Expiry,
            v1::CancelCause::AttemptTimeout => CancelCause::AttemptTimeout,
            v1::CancelCause::Unspecified => CancelCause::Unknown,
        };
        Self {
            cause,
            reason: cancel.reason,
        }
    }
}
