use bytes::Bytes;
use prost::Message;
use tidemill_proto::v1::{self, report_progress_request};

use super::{
    ERROR_MESSAGE_MAX_BYTES, ERROR_TYPE_MAX_BYTES, Limits, REASON_MAX_BYTES, Violations,
    check::Checker,
    log::{LogKind, chunk_payload, progress_payload},
    outcome::{outcome_error, outcome_output},
    time::RETRY_AFTER,
};
use crate::{id::LeaseToken, op::Settle};

/// A validated report of progress or of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The lease.
    pub token: LeaseToken,
    /// What it is.
    pub kind: LogKind,
    /// What is stored: see [`super::LogEntry::payload`].
    pub payload: Bytes,
}

/// ReportProgress, also of a Work stream.
pub fn parse_report(request: v1::ReportProgressRequest, limits: &Limits) -> Result<Report, Violations> {
    let mut check = Checker::default();
    let token = check.token("lease_token", &request.lease_token);
    let report = match request.report {
        None => {
            check.add("report", "is required: progress or output_chunk");
            None
        }
        Some(report_progress_request::Report::Progress(progress)) => {
            if !(0.0..=1.0).contains(&progress.fraction) {
                check.add("progress.fraction", "must be 0 to 1");
            }
            check.longest("progress.message", progress.message.len(), REASON_MAX_BYTES);
            Some((LogKind::Progress, progress_payload(&progress)))
        }
        Some(report_progress_request::Report::OutputChunk(chunk)) => {
            check.payload("output_chunk", &chunk, limits.max_chunk_bytes);
            Some((LogKind::Chunk, chunk_payload(chunk)))
        }
    };
    check.finish(
        token
            .zip(report)
            .map(|(token, (kind, payload))| Report { token, kind, payload }),
    )
}

/// CompleteTask, also of a Work stream. An output over the limit is not the request's fault but the task's end.
pub fn parse_complete(request: v1::CompleteTaskRequest, limits: &Limits) -> Result<(LeaseToken, Settle), Violations> {
    let mut check = Checker::default();
    let token = check.token("lease_token", &request.lease_token);
    let bytes = request.output.as_ref().map_or(0, Message::encoded_len);
    let settle = if bytes > limits.max_output_bytes {
        let error = v1::TaskError {
            reason: v1::ErrorReason::OutputTooLarge.into(),
            message: format!(
                "the output has {bytes} bytes as an encoded Payload, at most {} are allowed",
                limits.max_output_bytes
            ),
            ..Default::default()
        };
        Settle::CompleteTooLarge {
            outcome: outcome_error(&error),
        }
    } else {
        if let Some(output) = &request.output {
            check.content_type("output", output);
        }
        Settle::Complete {
            outcome: outcome_output(request.output),
        }
    };
    check.finish(token.map(|token| (token, settle)))
}

/// A validated FailTask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The lease.
    pub token: LeaseToken,
    /// The error as an encoded [`crate::record::StoredOutcome`].
    pub outcome: Bytes,
    /// No other attempt.
    pub permanent: bool,
    /// The handler's wish for the wait before the next attempt, in ms; `None`: the policy's backoff.
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    /// The settle; the handler's wish goes before the policy's `backoff_ms`.
    pub fn settle(self, backoff_ms: u64) -> Settle {
        let delay_ms = self.retry_after_ms.unwrap_or(backoff_ms);
        Settle::Fail {
            outcome: self.outcome,
            permanent: self.permanent,
            delay_ms,
        }
    }
}

/// FailTask, also of a Work stream. Texts over their limits are cut, never refused: an attempt must be able to fail.
pub fn parse_fail(request: &v1::FailTaskRequest) -> Result<Failure, Violations> {
    let mut check = Checker::default();
    let token = check.token("lease_token", &request.lease_token);
    let retry_after_ms = request
        .retry_after
        .as_ref()
        .and_then(|wait| check.duration("retry_after", wait, RETRY_AFTER));
    let error = v1::TaskError {
        reason: v1::ErrorReason::HandlerFailed.into(),
        message: cut(&request.message, ERROR_MESSAGE_MAX_BYTES).to_owned(),
        r#type: cut(&request.r#type, ERROR_TYPE_MAX_BYTES).to_owned(),
        permanent: request.permanent,
    };
    check.finish(token.map(|token| Failure {
        token,
        outcome: outcome_error(&error),
        permanent: request.permanent,
        retry_after_ms,
    }))
}

/// ReleaseTask, also of a Work stream. The delay of a stop is the caller's to fill in.
pub fn parse_release(request: &v1::ReleaseTaskRequest) -> Result<(LeaseToken, Settle), Violations> {
    let mut check = Checker::default();
    let token = check.token("lease_token", &request.lease_token);
    let settle = if request.cancelled {
        Settle::Stop { delay_ms: 0 }
    } else {
        Settle::Release {
            counted: !request.draining,
        }
    };
    check.finish(token.map(|token| (token, settle)))
}

/// At most `max` bytes of the text, whole characters only.
fn cut(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}
