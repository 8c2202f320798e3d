//! What a refused call says about itself.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A gRPC error, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The code.
    pub code: Code,
    /// `ErrorInfo.reason`; empty: no ErrorInfo.
    pub reason: String,
    /// `ErrorInfo.domain`.
    pub domain: String,
    /// `ErrorInfo.metadata`.
    pub metadata: HashMap<String, String>,
    /// Fields of `BadRequest`, sorted.
    pub fields: Vec<String>,
    /// `RetryInfo`.
    pub retry_after: Option<Duration>,
    /// The text for people.
    pub message: String,
}

impl Refusal {
    /// Takes a status apart.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        let mut fields: Vec<String> = violations.iter().map(|violation| violation.field.clone()).collect();
        fields.sort();
        Self {
            code: status.code(),
            reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
            domain: info.map(|info| info.domain.clone()).unwrap_or_default(),
            metadata: info.map(|info| info.metadata.clone()).unwrap_or_default(),
            fields,
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
            message: status.message().to_owned(),
        }
    }

    /// `outcome` of the metadata.
    #[must_use]
    pub fn outcome(&self) -> &str {
        self.metadata.get("outcome").map_or("", String::as_str)
    }
}

/// Whether a careful client says the same again: the server said UNAVAILABLE, or it was not the server that spoke.
pub(crate) fn is_retryable(status: &Status) -> bool {
    let refusal = Refusal::of(status);
    refusal.reason.is_empty() || matches!(refusal.code, Code::Unavailable | Code::DeadlineExceeded)
}
