//! Reads a gRPC status: its details, and whether it was made on this side.

use std::error::Error as StdError;

use prost::Message;
use tidemill_proto::google::rpc;
use tonic::{Code, ConnectError, Status, TimeoutExpired};

use crate::{Error, ErrorKind, Outcome, TlsProblem, Violation, error::Refusal, proto_time::to_std};

/// Domain of the server's own reasons; another one is a proxy's.
const DOMAIN: &str = "tidemill.dev";

/// What is known of a status that was made on this side; one that came over the wire has no cause.
#[derive(Debug, Default)]
struct Cause {
    text: Option<String>,
    not_connected: bool,
    timed_out: bool,
}

impl Error {
    /// Reads the status that a call to `address` ended with.
    pub(crate) fn from_status(status: &Status, address: &str) -> Self {
        let cause = Cause::of(status);
        let refusal = Refusal::of(status);
        let kind = match (&cause, &cause.text) {
            (cause, _) if cause.timed_out => ErrorKind::DeadlineExceeded,
            (cause, _) if cause.not_connected => ErrorKind::Unreachable,
            (_, Some(_)) => ErrorKind::ConnectionLost,
            (_, None) => ErrorKind::Refused,
        };
        let outcome = outcome(&refusal, &cause);
        let mut message = cause.text.unwrap_or_else(|| status.message().to_owned());
        if kind == ErrorKind::DeadlineExceeded {
            message = format!("no answer from {address} in time: {message}");
        }
        let problem = tls_problem(&message, address).filter(|_| kind != ErrorKind::Refused);
        if let Some(problem) = problem {
            message = format!("{message}; {}", problem.hint());
        }
        Self::new(kind, outcome, address, message)
            .with_refusal(refusal)
            .with_tls_problem(problem)
    }
}

/// What a failed handshake usually means.
fn tls_problem(message: &str, address: &str) -> Option<TlsProblem> {
    let lower = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if address.starts_with("https://") {
        if says(&["unknownissuer", "invalid peer certificate"]) {
            Some(TlsProblem::Untrusted)
        } else if says(&["invalidcontenttype", "corrupt message"]) {
            Some(TlsProblem::NotSpoken)
        } else if says(&["certificaterequired", "certificate required"]) {
            Some(TlsProblem::CertificateRequired)
        } else {
            None
        }
    } else {
        let closed = says(&[
            "http2 error",
            "frame with invalid size",
            "connection reset",
            "broken pipe",
            "closed",
        ]);
        closed.then_some(TlsProblem::Required)
    }
}

impl TlsProblem {
    fn hint(self) -> &'static str {
        match self {
            Self::Untrusted => {
                "the server's certificate is not trusted for this address: name the authority that signed it, or the right host"
            }
            Self::NotSpoken => "the server does not speak TLS: use http://",
            Self::Required => "if the server speaks TLS, use https://",
            Self::CertificateRequired => "the server asks for a client certificate",
        }
    }
}

fn outcome(refusal: &Refusal, cause: &Cause) -> Outcome {
    match refusal.metadata.get("outcome").map(String::as_str) {
        Some("unknown") => return Outcome::Unknown,
        Some(_) => return Outcome::NotApplied,
        None => {}
    }
    use Code::{Cancelled, DeadlineExceeded, Internal, Unavailable, Unknown};
    let open = matches!(
        refusal.code,
        Some(Cancelled | DeadlineExceeded | Internal | Unavailable | Unknown)
    );
    // Not of the server's own making: e.g. its answer was too large to be sent, after it had done what it answers.
    let foreign = refusal.reason.is_empty()
        && matches!(
            refusal.code,
            Some(Code::ResourceExhausted | Code::OutOfRange | Code::DataLoss)
        );
    if (open || foreign) && !cause.not_connected {
        Outcome::Unknown
    } else {
        Outcome::NotApplied
    }
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

impl Refusal {
    /// Details that cannot be read are left out: the code and the message stand without them.
    fn of(status: &Status) -> Self {
        let mut refusal = Self {
            code: Some(status.code()),
            ..Self::default()
        };
        if let Ok(details) = rpc::Status::decode(status.details()) {
            details.details.iter().for_each(|any| refusal.add(any));
        }
        refusal
    }

    /// Reads an error that came inside a message.
    pub(crate) fn of_message(status: &rpc::Status) -> Self {
        let mut refusal = Self {
            code: Some(Code::from_i32(status.code)),
            ..Self::default()
        };
        status.details.iter().for_each(|any| refusal.add(any));
        refusal
    }

    fn add(&mut self, any: &prost_types::Any) {
        let name = any.type_url.rsplit('/').next().unwrap_or_default();
        let value = any.value.as_slice();
        let mut violated = |subject: String, description: String| {
            self.violations.push(Violation { subject, description });
        };
        match name {
            "google.rpc.ErrorInfo" => {
                if let Ok(info) = rpc::ErrorInfo::decode(value)
                    && info.domain == DOMAIN
                {
                    (self.reason, self.metadata) = (info.reason, info.metadata);
                }
            }
            "google.rpc.BadRequest" => {
                let found = rpc::BadRequest::decode(value).unwrap_or_default();
                found
                    .field_violations
                    .into_iter()
                    .for_each(|v| violated(v.field, v.description));
            }
            "google.rpc.QuotaFailure" => {
                let found = rpc::QuotaFailure::decode(value).unwrap_or_default();
                found
                    .violations
                    .into_iter()
                    .for_each(|v| violated(v.subject, v.description));
            }
            "google.rpc.PreconditionFailure" => {
                let found = rpc::PreconditionFailure::decode(value).unwrap_or_default();
                found
                    .violations
                    .into_iter()
                    .for_each(|v| violated(v.subject, v.description));
            }
            "google.rpc.RetryInfo" => {
                let delay = rpc::RetryInfo::decode(value).unwrap_or_default().retry_delay;
                self.retry_after = delay.as_ref().map(to_std);
            }
            _ => {}
        }
    }
}

impl Error {
    /// Reads an error that came inside a message, e.g. of one entry of a batch.
    pub(crate) fn from_message(status: &rpc::Status, address: &str) -> Self {
        let refusal = Refusal::of_message(status);
        let outcome = outcome(&refusal, &Cause::default());
        Self::new(ErrorKind::Refused, outcome, address, status.message.clone()).with_refusal(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{detail, info, refused};

    #[test]
    fn the_text_names_reason_code_and_every_violation() {
        let violation = |field: &str, description: &str| rpc::bad_request::FieldViolation {
            field: field.into(),
            description: description.into(),
            ..Default::default()
        };
        let bad = rpc::BadRequest {
            field_violations: vec![violation("kind", "required"), violation("delay", "at most 365 days")],
        };
        let details = vec![
            info("INVALID_REQUEST", &[("outcome", "not_applied")]),
            detail("google.rpc.BadRequest", &bad),
        ];
        let error = refused(Code::InvalidArgument, details);
        assert_eq!(
            error.to_string(),
            "INVALID_REQUEST (INVALID_ARGUMENT): m; kind: required; delay: at most 365 days"
        );
        assert_eq!(error.outcome(), Outcome::NotApplied);
    }

    #[test]
    fn the_outcome_is_the_servers_word_and_else_the_codes() {
        let unknown = refused(
            Code::Unavailable,
            vec![info("STORE_UNAVAILABLE", &[("outcome", "unknown")])],
        );
        assert_eq!(unknown.outcome(), Outcome::Unknown);
        let not_applied = refused(Code::Unavailable, vec![info("DRAINING", &[("outcome", "not_applied")])]);
        assert_eq!(not_applied.outcome(), Outcome::NotApplied);
        assert_eq!(refused(Code::Unavailable, vec![]).outcome(), Outcome::Unknown);
        assert_eq!(refused(Code::NotFound, vec![]).outcome(), Outcome::NotApplied);
    }

    #[test]
    fn another_domain_is_a_proxys_and_broken_details_are_left_out() {
        let foreign = rpc::ErrorInfo {
            reason: "QUEUE_FULL".into(),
            domain: "proxy.example".into(),
            ..Default::default()
        };
        let error = refused(Code::Unavailable, vec![detail("google.rpc.ErrorInfo", &foreign)]);
        assert_eq!(error.reason_name(), "");
        assert_eq!(error.to_string(), "UNAVAILABLE from http://here: m");
        let broken = prost_types::Any {
            type_url: "x/google.rpc.BadRequest".into(),
            value: vec![0xff; 3],
        };
        assert!(refused(Code::InvalidArgument, vec![broken]).violations().is_empty());
    }
}
