//! Everything that can go wrong, and the exit code of each.

use std::{io, time::Duration};

use tonic::{Code, Status};

use crate::Refusal;

/// Why a command did not do what was asked for. The text is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line, a file or an address cannot be used.
    #[error("{0}")]
    Usage(String),
    /// The server refused, or could not be reached.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// No answer came in time.
    #[error("no answer from {address} within {limit:?}; is the server healthy? a longer --timeout may help")]
    Deadline {
        /// Who was asked.
        address: String,
        /// How long was waited.
        limit: Duration,
    },
    /// An enqueue failed in a way that leaves open whether the task was stored.
    #[error("{source}; the task may have been stored: enqueue it again with --key {key}, which cannot store it twice")]
    OutcomeUnknown {
        /// The idempotency key that was used.
        key: String,
        /// What went wrong.
        source: Box<Error>,
    },
    /// A watch could not be resumed in time.
    #[error("{source}; gave up after {after:?}; go on with `tidemill watch {task_id} --after {last_sequence}`")]
    GaveUp {
        /// The task that was watched.
        task_id: String,
        /// Number of the last event that was seen.
        last_sequence: i64,
        /// How long it was tried.
        after: Duration,
        /// The last failure.
        source: Box<Error>,
    },
    /// The stream of a watch ended without a result. It can be resumed.
    #[error("the stream ended before the result")]
    StreamEnded,
    /// The server broke the contract.
    #[error("the server broke the contract: {0}")]
    Contract(String),
    /// Something in the demo did not end as it must.
    #[error("the demo went wrong: {0}")]
    Demo(String),
    /// The output cannot be written.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// The exit code of the process: 2 usage, 3 not found, 4 conflict, 5 unavailable or deadline, 6 resource exhausted, 70 internal,
    /// 141 stdout closed by its reader.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Refused(refusal) => refusal.exit_code(),
            Self::Deadline { .. } | Self::StreamEnded => 5,
            Self::OutcomeUnknown { source, .. } | Self::GaveUp { source, .. } => source.exit_code(),
            Self::Contract(_) | Self::Demo(_) => 70,
            // As a shell reports it of a program that a signal ended.
            Self::Output(_) if self.is_closed_output() => 141,
            Self::Output(_) => 70,
        }
    }

    /// True if the reader of the output went away: a reason to stop, none to complain.
    pub fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Reads the status that a call to `address` ended with.
    pub(crate) fn from_status(status: &Status, address: &str) -> Self {
        Self::Refused(Box::new(Refusal::new(status, address)))
    }

    /// How long to wait at least before the same call may be tried again; `None`: it would be of no use.
    pub(crate) fn retry_delay(&self) -> Option<Duration> {
        let Self::Refused(refusal) = self else { return None };
        match refusal.code {
            Code::Unavailable => Some(refusal.retry_delay.unwrap_or_default()),
            Code::ResourceExhausted => refusal.retry_delay,
            Code::Unknown | Code::Internal | Code::Aborted | Code::Cancelled if refusal.local => Some(Duration::ZERO),
            _ => None,
        }
    }

    /// The same for a watch, which may be resumed after anything but a considered refusal.
    pub(crate) fn resume_delay(&self) -> Option<Duration> {
        match self {
            Self::StreamEnded | Self::Deadline { .. } => Some(Duration::ZERO),
            Self::Refused(refusal) => self.retry_delay().or_else(|| {
                let considered = !refusal.reason.is_empty() && refusal.code != Code::DeadlineExceeded;
                let passing = matches!(
                    refusal.code,
                    Code::Unknown | Code::Internal | Code::Aborted | Code::Cancelled | Code::DeadlineExceeded
                );
                (passing && !considered).then_some(Duration::ZERO)
            }),
            _ => None,
        }
    }

    /// True if the call may have left a trace at the server.
    pub(crate) fn outcome_unknown(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.outcome_unknown(),
            Self::Deadline { .. } => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use tidemill_proto::google::rpc::RetryInfo;

    use super::*;
    use crate::testing::{detail, info, status};

    const LIMIT: Duration = Duration::from_secs(1);

    fn from(code: Code, details: Vec<prost_types::Any>) -> Error {
        Error::from_status(&status(code, "m", details), "http://here")
    }

    fn retry_info() -> prost_types::Any {
        detail(
            "google.rpc.RetryInfo",
            &RetryInfo {
                retry_delay: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
            },
        )
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert_eq!(from(Code::Unavailable, vec![]).retry_delay(), Some(Duration::ZERO));
        assert_eq!(from(Code::ResourceExhausted, vec![]).retry_delay(), None);
        assert_eq!(
            from(Code::ResourceExhausted, vec![retry_info()]).retry_delay(),
            Some(LIMIT)
        );
        for code in [
            Code::InvalidArgument,
            Code::NotFound,
            Code::AlreadyExists,
            Code::Internal,
            Code::DeadlineExceeded,
        ] {
            assert_eq!(from(code, vec![]).retry_delay(), None, "{code:?}");
        }
    }

    #[test]
    fn a_watch_resumes_unless_the_server_means_it() {
        assert_eq!(from(Code::Internal, vec![]).resume_delay(), Some(Duration::ZERO));
        assert_eq!(from(Code::Internal, vec![info("INTERNAL", &[])]).resume_delay(), None);
        assert_eq!(
            from(Code::NotFound, vec![info("TASK_NOT_FOUND", &[])]).resume_delay(),
            None
        );
        assert_eq!(
            from(Code::Unavailable, vec![info("DRAINING", &[]), retry_info()]).resume_delay(),
            Some(LIMIT)
        );
        assert_eq!(Error::StreamEnded.resume_delay(), Some(Duration::ZERO));
    }

    #[test]
    fn exit_codes() {
        assert_eq!(Error::Usage(String::new()).exit_code(), 2);
        let codes = [
            Code::NotFound,
            Code::FailedPrecondition,
            Code::Unavailable,
            Code::ResourceExhausted,
            Code::Internal,
        ];
        assert_eq!(codes.map(|code| from(code, vec![]).exit_code()), [3, 4, 5, 6, 70]);
        let closed = Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((closed.exit_code(), closed.is_closed_output()), (141, true));
    }
}
