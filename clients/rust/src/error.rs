//! Why a call failed, and whether it left a trace.

use std::{collections::HashMap, fmt, time::Duration};

use tidemill_proto::v1::ErrorReason;
use tonic::Code;

/// Why a call failed. Its text is one line that names the reason and every violated field; `Debug` shows the same, so that a `main` that returns
/// it tells people what they need.
#[derive(Clone)]
pub struct Error(Box<Inner>);

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The server, or a proxy before it, refused: see [`Error::reason`] and [`Error::code`].
    Refused,
    /// No server could be reached at the address.
    Unreachable,
    /// The connection broke before the answer came.
    ConnectionLost,
    /// No answer came before the deadline.
    DeadlineExceeded,
    /// The input or the configuration was refused on this side; nothing was sent.
    Invalid,
    /// The server broke the contract.
    Contract,
}

/// Whether a failed call left a trace at the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It did not.
    NotApplied,
    /// It may have. To make the same call again is safe; for an enqueue with the same idempotency key.
    Unknown,
}

/// What is wrong between the client and the server about TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsProblem {
    /// The server's certificate is not trusted, or not for this address.
    Untrusted,
    /// The server does not speak TLS.
    NotSpoken,
    /// The server seems to speak nothing else.
    Required,
    /// The server asks for a certificate of the client.
    CertificateRequired,
}

/// One violated field, quota or precondition, with what it should have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path in the request, or the subject of a quota.
    pub subject: String,
    /// What is wrong with it, and the limit.
    pub description: String,
}

#[derive(Debug, Clone)]
struct Inner {
    kind: ErrorKind,
    outcome: Outcome,
    message: String,
    refusal: Refusal,
    address: String,
    idempotency_key: Option<String>,
    tls_problem: Option<TlsProblem>,
}

/// What a status said, beside its message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refusal {
    pub(crate) code: Option<Code>,
    pub(crate) reason: String,
    pub(crate) metadata: HashMap<String, String>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) retry_after: Option<Duration>,
}

/// When the same call may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It would be of no use.
    Never,
    /// When the server, which is away as a whole, is back; not before this long.
    WhenBack(Duration),
    /// After this long: only this call was refused.
    After(Duration),
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, outcome: Outcome, address: &str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            outcome,
            message: message.into(),
            refusal: Refusal::default(),
            address: address.to_owned(),
            idempotency_key: None,
            tls_problem: None,
        }))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, Outcome::NotApplied, "", message)
    }

    pub(crate) fn contract(address: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Contract, Outcome::Unknown, address, message)
    }

    /// No answer from `address` within `limit`.
    pub(crate) fn deadline(outcome: Outcome, address: &str, limit: Duration) -> Self {
        let message = format!("no answer from {address} within {limit:?}");
        let mut error = Self::new(ErrorKind::DeadlineExceeded, outcome, address, message);
        error.0.refusal.code = Some(Code::DeadlineExceeded);
        error
    }

    pub(crate) fn with_refusal(mut self, refusal: Refusal) -> Self {
        self.0.refusal = refusal;
        self
    }

    /// An earlier try may have left a trace, even if the last one did not.
    pub(crate) fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.0.outcome = outcome;
        self
    }

    pub(crate) fn with_tls_problem(mut self, problem: Option<TlsProblem>) -> Self {
        self.0.tls_problem = problem;
        self
    }

    pub(crate) fn with_key(mut self, key: &str) -> Self {
        self.0.idempotency_key = Some(key.to_owned());
        self
    }

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the call left a trace. Considers all tries of the call.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// The reason the server gave. `None`: it gave none, or one that this version of the crate does not know.
    #[must_use]
    pub fn reason(&self) -> Option<ErrorReason> {
        ErrorReason::from_str_name(&format!("ERROR_REASON_{}", self.0.refusal.reason))
    }

    /// The reason's name without its prefix, e.g. `QUEUE_FULL`; empty if the server gave none.
    #[must_use]
    pub fn reason_name(&self) -> &str {
        &self.0.refusal.reason
    }

    /// The gRPC code, if a status came.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        self.0.refusal.code
    }

    /// The message alone, without reason, code and violations.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Every violation the server named.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0.refusal.violations
    }

    /// How long the server asks to wait before another try.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.refusal.retry_after
    }

    /// Metadata of the server's reason, e.g. `task_id` of IDEMPOTENCY_KEY_REUSED.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.0.refusal.metadata.get(key).map(String::as_str)
    }

    /// The address that was asked; empty if none was.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// The idempotency key of a failed enqueue: with it the same task can be enqueued again without storing it twice.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&str> {
        self.0.idempotency_key.as_deref()
    }

    /// What seems to be wrong about TLS; the text says it, too.
    #[must_use]
    pub fn tls_problem(&self) -> Option<TlsProblem> {
        self.0.tls_problem
    }

    /// When to try again, by the rule of AIP-194: UNAVAILABLE always, RESOURCE_EXHAUSTED only if the server says when, others never.
    pub(crate) fn again(&self) -> Again {
        let refusal = &self.0.refusal;
        let delay = refusal.retry_after.unwrap_or_default();
        match (self.0.kind, refusal.code) {
            (ErrorKind::Unreachable | ErrorKind::ConnectionLost, _) => Again::WhenBack(Duration::ZERO),
            (ErrorKind::Refused, Some(Code::Unavailable)) => Again::WhenBack(delay),
            (ErrorKind::Refused, Some(Code::ResourceExhausted)) if refusal.retry_after.is_some() => Again::After(delay),
            _ => Again::Never,
        }
    }

    /// The same for a stream, which may be resumed after anything but a considered refusal.
    pub(crate) fn resume(&self) -> Again {
        let considered = !self.0.refusal.reason.is_empty() && self.code() != Some(Code::DeadlineExceeded);
        match self.code() {
            Some(Code::Unknown | Code::Internal | Code::Aborted | Code::Cancelled | Code::DeadlineExceeded)
                if !considered =>
            {
                Again::WhenBack(Duration::ZERO)
            }
            _ => self.again(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (inner, refusal) = (&*self.0, &self.0.refusal);
        let code = refusal.code.map_or("", code_name);
        match (inner.kind, refusal.reason.as_str()) {
            (ErrorKind::Unreachable, _) => write!(f, "cannot reach {}: {}", inner.address, inner.message)?,
            (ErrorKind::ConnectionLost, _) => {
                write!(
                    f,
                    "lost the connection to {} ({code}): {}",
                    inner.address, inner.message
                )?;
            }
            (ErrorKind::Contract, _) => write!(f, "the server broke the contract: {}", inner.message)?,
            (ErrorKind::Refused, "") => write!(f, "{code} from {}: {}", inner.address, inner.message)?,
            (ErrorKind::Refused, reason) => write!(f, "{reason} ({code}): {}", inner.message)?,
            (ErrorKind::DeadlineExceeded | ErrorKind::Invalid, _) => f.write_str(&inner.message)?,
        }
        // A message about one field holds what is wrong with it.
        let unsaid = |violation: &&Violation| !inner.message.contains(&violation.description);
        for violation in refusal.violations.iter().filter(unsaid) {
            write!(f, "; {}: {}", violation.subject, violation.description)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({:?}, {:?})", self.0.kind, self.0.outcome)
    }
}

impl std::error::Error for Error {}

/// The name as gRPC's documentation writes it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{info, refused, retry_info};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert_eq!(
            refused(Code::Unavailable, vec![]).again(),
            Again::WhenBack(Duration::ZERO)
        );
        assert_eq!(
            refused(Code::Unavailable, vec![retry_info(1)]).again(),
            Again::WhenBack(SECOND)
        );
        assert_eq!(refused(Code::ResourceExhausted, vec![]).again(), Again::Never);
        assert_eq!(
            refused(Code::ResourceExhausted, vec![retry_info(1)]).again(),
            Again::After(SECOND)
        );
        let final_codes = [
            Code::InvalidArgument,
            Code::NotFound,
            Code::AlreadyExists,
            Code::Internal,
        ];
        for code in final_codes {
            assert_eq!(refused(code, vec![]).again(), Again::Never, "{code:?}");
        }
    }

    #[test]
    fn a_stream_resumes_unless_the_server_means_it() {
        assert_ne!(refused(Code::Internal, vec![]).resume(), Again::Never);
        assert_eq!(
            refused(Code::Internal, vec![info("INTERNAL", &[])]).resume(),
            Again::Never
        );
        assert_eq!(
            refused(Code::NotFound, vec![info("TASK_NOT_FOUND", &[])]).resume(),
            Again::Never
        );
        let draining = vec![info("DRAINING", &[]), retry_info(1)];
        assert_eq!(refused(Code::Unavailable, draining).resume(), Again::WhenBack(SECOND));
    }

    #[test]
    fn a_main_that_returns_it_shows_a_sentence() {
        let shown = format!("{:?}", refused(Code::NotFound, vec![info("TASK_NOT_FOUND", &[])]));
        assert!(shown.starts_with("TASK_NOT_FOUND (NOT_FOUND): "), "{shown}");
        assert!(shown.ends_with(" (Refused, NotApplied)"), "{shown}");
    }

    #[test]
    fn reasons_by_name_and_by_value() {
        let error = refused(Code::ResourceExhausted, vec![info("QUEUE_FULL", &[])]);
        assert_eq!(
            (error.reason(), error.reason_name()),
            (Some(ErrorReason::QueueFull), "QUEUE_FULL")
        );
        let newer = refused(Code::Unavailable, vec![info("SOMETHING_NEW", &[])]);
        assert_eq!((newer.reason(), newer.reason_name()), (None, "SOMETHING_NEW"));
        assert_eq!(refused(Code::NotFound, vec![]).reason(), None);
    }
}
