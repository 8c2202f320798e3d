//! The one place where errors become gRPC statuses.
//!
//! Everybody else builds an [`ApiError`] from a reason of the contract's closed list; the code, the details and their sizes follow
//! from it here. Each kind of detail appears at most once, `ErrorInfo` always.

mod code;

use std::{collections::HashMap, fmt, time::Duration};

use prost::Message as _;
use tidemill_proto::{google::rpc, v1::ErrorReason};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

pub use self::code::code;

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "tidemill.dev";

/// Bytes of a message that are sent; the rest is cut. With [`MAX_VIOLATION_BYTES`] it keeps a status below 8 KiB even though it
/// travels twice and in base64: more than that in the trailers is refused by some clients, who then see no error at all.
const MAX_MESSAGE_BYTES: usize = 512;

/// Bytes of field violations that are sent. One more says how many were left out.
const MAX_VIOLATION_BYTES: usize = 2048;

/// Bytes of one description or metadata value.
const MAX_TEXT_BYTES: usize = 256;

/// Whether a mutating call that failed left a trace. Clients decide from it whether a retry may do the work twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It certainly did not.
    NotApplied,
    /// It may have.
    Unknown,
}

impl Outcome {
    /// The value of the metadata key `outcome`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotApplied => "not_applied",
            Self::Unknown => "unknown",
        }
    }
}

/// An error as a client shall see it. Texts are for people and may change; reason and metadata are for programs. Neither may carry
/// internals: no addresses, no Redis errors, no payload.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError(Box<Parts>);

#[derive(Debug, Clone, PartialEq)]
struct Parts {
    reason: ErrorReason,
    message: String,
    metadata: HashMap<String, String>,
    fields: Vec<(String, String)>,
    retry_after: Option<Duration>,
    resource: Option<(String, String)>,
    quotas: Vec<(String, String)>,
    preconditions: Vec<(String, String, String)>,
}

impl ApiError {
    /// An error with its reason and a sentence for people.
    #[must_use]
    pub fn new(reason: ErrorReason, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            reason,
            message: message.into(),
            metadata: HashMap::new(),
            fields: Vec::new(),
            retry_after: None,
            resource: None,
            quotas: Vec::new(),
            preconditions: Vec::new(),
        }))
    }

    /// A bug of ours: the detail goes to the log, the client gets a generic message.
    #[must_use]
    pub fn internal(detail: impl fmt::Display) -> Self {
        tracing::error!(%detail, "internal error");
        Self::new(
            ErrorReason::Internal,
            "internal error; the server's log has the details",
        )
    }

    /// Adds to `ErrorInfo.metadata`. Dynamic parts of the message belong here, too. The last value of a key counts.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.metadata.insert(key.into(), value.into());
        self
    }

    /// Says whether the call left a trace, as metadata `outcome`. Every error of a mutating RPC needs it.
    #[must_use]
    pub fn outcome(self, outcome: Outcome) -> Self {
        self.metadata("outcome", outcome.as_str())
    }

    /// Adds a field violation (`BadRequest`); `path` is the field as in the proto, e.g. `retry_policy.max_attempts`. Collect all of them.
    #[must_use]
    pub fn field(mut self, path: impl Into<String>, description: impl Into<String>) -> Self {
        self.0.fields.push((path.into(), description.into()));
        self
    }

    /// Says when a retry makes sense (`RetryInfo`). Clients retry RESOURCE_EXHAUSTED only if this is there.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    /// Names what the error is about (`ResourceInfo`), e.g. `("task", id)`.
    #[must_use]
    pub fn resource(mut self, kind: impl Into<String>, name: impl Into<String>) -> Self {
        self.0.resource = Some((kind.into(), name.into()));
        self
    }

    /// Adds a limit that was reached (`QuotaFailure`), e.g. `("queues/mail", "at most 10000 unfinished tasks")`.
    #[must_use]
    pub fn quota(mut self, subject: impl Into<String>, description: impl Into<String>) -> Self {
        self.0.quotas.push((subject.into(), description.into()));
        self
    }

    /// Adds what had to hold and did not (`PreconditionFailure`), e.g. `("LEASE", task_id, "granted to another handler")`.
    #[must_use]
    pub fn precondition(
        mut self,
        kind: impl Into<String>,
        subject: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        self.0
            .preconditions
            .push((kind.into(), subject.into(), description.into()));
        self
    }

    /// Why it failed.
    #[must_use]
    pub fn reason(&self) -> ErrorReason {
        self.0.reason
    }

    /// The sentence for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The field violations collected so far, as (path, description).
    #[must_use]
    pub fn fields(&self) -> &[(String, String)] {
        &self.0.fields
    }

    /// The same error as a message, for one entry of a batch.
    #[must_use]
    pub fn to_rpc_status(&self) -> rpc::Status {
        let status = Status::from(self.clone());
        // tonic-types encodes exactly this message into the details; should that ever fail, the code and the text still get through.
        rpc::Status::decode(status.details()).unwrap_or_else(|_| rpc::Status {
            code: status.code().into(),
            message: status.message().to_owned(),
            details: Vec::new(),
        })
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", reason_name(self.0.reason), self.0.message)
    }
}

impl std::error::Error for ApiError {}

impl From<ApiError> for Status {
    fn from(ApiError(parts): ApiError) -> Self {
        let mut details = ErrorDetails::new();
        if parts.retry_after.is_some() {
            details.set_retry_info(parts.retry_after);
        }
        if let Some((kind, name)) = &parts.resource {
            details.set_resource_info(cut(kind), cut(name), "", "");
        }
        for (subject, description) in &parts.quotas {
            details.add_quota_failure_violation(cut(subject), cut(description));
        }
        for (kind, subject, description) in &parts.preconditions {
            details.add_precondition_failure_violation(cut(kind), cut(subject), cut(description));
        }
        add_fields(&mut details, &parts.fields);
        let metadata: HashMap<String, String> = parts
            .metadata
            .iter()
            .map(|(key, value)| (key.clone(), cut(value).to_owned()))
            .collect();
        details.set_error_info(reason_name(parts.reason), DOMAIN, metadata);
        let message = cut_to(&parts.message, MAX_MESSAGE_BYTES);
        Status::with_error_details(code(parts.reason), message, details)
    }
}

/// The name of a reason as `ErrorInfo.reason` carries it: without the enum's prefix.
#[must_use]
pub fn reason_name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

fn add_fields(details: &mut ErrorDetails, fields: &[(String, String)]) {
    let mut room = MAX_VIOLATION_BYTES;
    for (sent, (path, description)) in fields.iter().enumerate() {
        let (path, description) = (cut(path), cut(description));
        let size = path.len() + description.len() + 8;
        if size > room {
            let rest = format!("{} more violations were left out", fields.len() - sent);
            details.add_bad_request_violation("", rest);
            return;
        }
        room -= size;
        details.add_bad_request_violation(path, description);
    }
}

fn cut(text: &str) -> &str {
    cut_to(text, MAX_TEXT_BYTES)
}

/// The longest start of `text` that has at most `limit` bytes.
fn cut_to(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests;
