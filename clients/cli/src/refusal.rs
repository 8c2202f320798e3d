//! A gRPC status, read for people: the reason, every violated field, and what to do next.

use std::{collections::HashMap, error::Error as StdError, fmt, time::Duration};

use prost::Message;
use tidemill_proto::google::rpc;
use tonic::{Code, ConnectError, Status, TimeoutExpired};

use crate::duration;

/// Domain of the server's own reasons; another one is a proxy's.
const DOMAIN: &str = "tidemill.dev";

/// Why a call failed. Its text is one line that names the reason, all violations and the next step.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub(crate) code: Code,
    /// The server's words, or the cause of a failure on the way.
    message: String,
    /// Name of an `ErrorReason` without its prefix. Empty: the server did not get to say anything.
    pub(crate) reason: String,
    metadata: HashMap<String, String>,
    /// Field and description, quota subject and description, or what else was violated.
    violations: Vec<(String, String)>,
    /// How long the server asks to wait before another try.
    pub(crate) retry_delay: Option<Duration>,
    /// The call, as far as is known, never reached a server.
    not_connected: bool,
    /// The status was made on this side: the connection broke.
    pub(crate) local: bool,
    /// The channel's own timer for the call ran out.
    timed_out: bool,
    address: String,
}

impl Refusal {
    /// Reads a status that a call to `address` ended with.
    pub(crate) fn new(status: &Status, address: &str) -> Self {
        let cause = Cause::of(status);
        let mut refusal = Self {
            code: status.code(),
            message: cause.text.clone().unwrap_or_else(|| status.message().to_owned()),
            reason: String::new(),
            metadata: HashMap::new(),
            violations: Vec::new(),
            retry_delay: None,
            not_connected: cause.not_connected,
            local: cause.text.is_some(),
            timed_out: cause.timed_out,
            address: address.to_owned(),
        };
        // Details that cannot be read are left out: the code and the message stand without them.
        if let Ok(details) = rpc::Status::decode(status.details()) {
            details.details.iter().for_each(|any| refusal.add_detail(any));
        }
        refusal
    }

    fn add_detail(&mut self, any: &prost_types::Any) {
        let name = any.type_url.rsplit('/').next().unwrap_or_default();
        let value = any.value.as_slice();
        match name {
            "google.rpc.ErrorInfo" => {
                if let Ok(info) = rpc::ErrorInfo::decode(value)
                    && info.domain == DOMAIN
                {
                    (self.reason, self.metadata) = (info.reason, info.metadata);
                }
            }
            "google.rpc.BadRequest" => {
                let violations = rpc::BadRequest::decode(value).unwrap_or_default().field_violations;
                self.violations
                    .extend(violations.into_iter().map(|v| (v.field, v.description)));
            }
            "google.rpc.QuotaFailure" => {
                let violations = rpc::QuotaFailure::decode(value).unwrap_or_default().violations;
                self.violations
                    .extend(violations.into_iter().map(|v| (v.subject, v.description)));
            }
            "google.rpc.PreconditionFailure" => {
                let violations = rpc::PreconditionFailure::decode(value).unwrap_or_default().violations;
                self.violations
                    .extend(violations.into_iter().map(|v| (v.subject, v.description)));
            }
            "google.rpc.RetryInfo" => {
                let delay = rpc::RetryInfo::decode(value).unwrap_or_default().retry_delay;
                self.retry_delay = delay.as_ref().map(duration::from_proto);
            }
            _ => {}
        }
    }

    /// True if a timer ended the call: the channel's; or the server's library's, which works from the deadline that was sent along and
    /// answers without a reason.
    pub(crate) fn timed_out(&self, deadline_is_near: bool) -> bool {
        let code = matches!(self.code, Code::Cancelled | Code::DeadlineExceeded);
        self.timed_out || (code && deadline_is_near && self.reason.is_empty())
    }

    /// True if the call may have left a trace at the server.
    pub(crate) fn outcome_unknown(&self) -> bool {
        match self.metadata.get("outcome").map(String::as_str) {
            Some("unknown") => true,
            Some(_) => false,
            None if self.not_connected => false,
            None => {
                use Code::{Cancelled, DeadlineExceeded, Internal, Unavailable, Unknown};
                matches!(
                    self.code,
                    Cancelled | DeadlineExceeded | Internal | Unavailable | Unknown
                )
            }
        }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self.code {
            Code::Ok => 0,
            Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => 2,
            Code::Unauthenticated | Code::PermissionDenied => 2,
            Code::NotFound => 3,
            Code::AlreadyExists | Code::FailedPrecondition | Code::Aborted => 4,
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => 5,
            Code::ResourceExhausted => 6,
            Code::Unknown | Code::Internal | Code::DataLoss => {
                if self.local {
                    5
                } else {
                    70
                }
            }
        }
    }

    fn next_step(&self) -> Option<String> {
        let again = || match self.retry_delay {
            Some(delay) => format!("try again in {delay:?}"),
            None => "try again".to_owned(),
        };
        match (self.reason.as_str(), self.code) {
            ("TASK_NOT_FOUND", _) => Some("check the id; a finished task is kept only for its retention".to_owned()),
            ("IDEMPOTENCY_KEY_REUSED", _) => Some(match self.metadata.get("task_id") {
                Some(id) => format!("use another --key, or see `tidemill get {id}`"),
                None => "use another --key".to_owned(),
            }),
            ("SEQUENCE_AHEAD", _) => Some("the task has finished; watch it with a smaller --after".to_owned()),
            ("STORE_CHANGED", _) => Some("an operator must act; see the server's log".to_owned()),
            ("INTERNAL", _) => Some("see the server's log".to_owned()),
            (_, Code::ResourceExhausted | Code::Unavailable) => Some(again()),
            (_, Code::Unimplemented) => Some(format!("does {} serve this? see --url and --results-url", self.address)),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.not_connected {
            let (address, message) = (&self.address, &self.message);
            return write!(
                f,
                "cannot reach {address}: {message}; is the server running? start it with `tidemill dev`"
            );
        }
        let code = code_name(self.code);
        match (self.local, self.reason.as_str()) {
            (true, _) => write!(f, "lost the connection to {} ({code}): {}", self.address, self.message)?,
            (false, "") => write!(f, "{code} from {}: {}", self.address, self.message)?,
            (false, reason) => write!(f, "{reason} ({code}): {}", self.message)?,
        }
        for (subject, description) in &self.violations {
            write!(f, "; {subject}: {description}")?;
        }
        match self.next_step() {
            Some(step) => write!(f, "; {step}"),
            None => Ok(()),
        }
    }
}

/// What is known of a status that was made on this side; one that came over the wire has no cause.
#[derive(Debug, Default)]
struct Cause {
    /// The innermost one.
    text: Option<String>,
    not_connected: bool,
    timed_out: bool,
}

impl Cause {
    fn of(status: &Status) -> Self {
        let mut found = Self::default();
        let mut cause = status.source();
        while let Some(error) = cause {
            found.not_connected |= error.is::<ConnectError>();
            found.timed_out |= error.is::<TimeoutExpired>();
            found.text = Some(error.to_string());
            cause = error.source();
        }
        found
    }
}

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
mod tests;
