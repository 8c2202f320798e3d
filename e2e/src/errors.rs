//! What a refused call says about itself.

use std::{collections::HashMap, time::Duration};

use prost::Message;
use tidemill_proto::google::rpc;
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
        let violations = details
            .bad_request()
            .map(|bad| bad.field_violations.as_slice())
            .unwrap_or_default();
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

    /// Takes the error of one entry of a batch or of a stream apart: it carries the details that the error of a call would have had.
    #[must_use]
    pub fn of_entry(error: &rpc::Status) -> Self {
        #[expect(clippy::disallowed_methods, reason = "it is taken apart, not sent")]
        let status = Status::with_details(
            Code::from(error.code),
            error.message.clone(),
            error.encode_to_vec().into(),
        );
        Self::of(&status)
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

/// What must be said of a call that is refused.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The code.
    pub code: Code,
    /// The reason.
    pub reason: &'a str,
    /// The fields that break a rule.
    pub fields: &'a [&'a str],
    /// Changes something, so its error must say `outcome=not_applied`.
    pub mutating: bool,
}

impl<'a> Expected<'a> {
    /// A mutating call with these bad fields.
    #[must_use]
    pub fn invalid(fields: &'a [&'a str]) -> Self {
        Self {
            code: Code::InvalidArgument,
            reason: "INVALID_REQUEST",
            fields,
            mutating: true,
        }
    }

    /// The same for a call that only reads.
    #[must_use]
    pub fn reading(self) -> Self {
        Self {
            mutating: false,
            ..self
        }
    }

    /// Checks a call.
    pub async fn of<T>(self, what: &str, call: impl Future<Output = Result<T, Status>>) -> Refusal {
        let refusal = match call.await {
            Ok(_) => panic!("{what}: was not refused"),
            Err(status) => Refusal::of(&status),
        };
        self.check(what, &refusal);
        refusal
    }

    /// Checks a refusal.
    pub fn check(self, what: &str, refusal: &Refusal) {
        let mut fields = self.fields.to_vec();
        fields.sort_unstable();
        assert_eq!(
            (refusal.code, refusal.reason.as_str()),
            (self.code, self.reason),
            "{what}: {refusal:?}"
        );
        assert_eq!(refusal.fields, fields, "{what}: {refusal:?}");
        assert_eq!(refusal.domain, "tidemill.dev", "{what}: {refusal:?}");
        assert!(!refusal.message.is_empty(), "{what}: {refusal:?}");
        if self.mutating {
            assert_eq!(refusal.outcome(), "not_applied", "{what}: {refusal:?}");
        }
    }
}
