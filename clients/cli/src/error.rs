//! Everything that can go wrong, the exit code of each, and what to do next.

use std::{io, path::PathBuf, time::Duration};

use tidemill_client::{ErrorKind, ErrorReason, Outcome, TlsProblem};
use tonic::Code;

/// Why a command did not do what was asked for. The text is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line, a file or an address cannot be used.
    #[error("{0}")]
    Usage(String),
    /// A call failed.
    #[error("{}", told(.0))]
    Call(#[from] tidemill_client::Error),
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
        source: tidemill_client::Error,
    },
    /// Something in the demo did not end as it must.
    #[error("the demo went wrong: {0}")]
    Demo(String),
    /// Stdout cannot be written.
    #[error("cannot write to stdout: {0}")]
    Output(#[from] io::Error),
    /// The file for the output of a task cannot be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// The exit code of the process, as [`EXIT_CODES`](crate::EXIT_CODES) explains it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Call(error) | Self::GaveUp { source: error, .. } => exit_code(error),
            Self::Demo(_) => 70,
            // As a shell reports it of a program that a signal ended.
            Self::Output(_) if self.is_closed_output() => 141,
            Self::Output(_) | Self::File { .. } => 74,
        }
    }

    /// True if the reader of the output went away: a reason to stop, none to complain.
    pub fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// The exit code for a failed call.
pub(crate) fn exit_code(error: &tidemill_client::Error) -> u8 {
    match (error.kind(), error.code()) {
        (ErrorKind::Invalid, _) => 2,
        (ErrorKind::Unreachable | ErrorKind::ConnectionLost | ErrorKind::DeadlineExceeded, _) => 5,
        (ErrorKind::Refused, Some(code)) => match code {
            Code::Ok => 0,
            Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => 2,
            Code::Unauthenticated | Code::PermissionDenied => 2,
            Code::NotFound => 3,
            Code::AlreadyExists | Code::FailedPrecondition | Code::Aborted => 4,
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => 5,
            Code::ResourceExhausted => 6,
            Code::Unknown | Code::Internal | Code::DataLoss => 70,
        },
        _ => 70,
    }
}

/// True if no server could be asked, or none answered: other calls will not fare better.
pub(crate) fn is_away(error: &tidemill_client::Error) -> bool {
    exit_code(error) == 5
}

/// The error and the next step, and for an enqueue that may have been stored how to make sure.
fn told(error: &tidemill_client::Error) -> String {
    let text = with_next_step(error);
    match error.idempotency_key() {
        Some(key) if error.outcome() == Outcome::Unknown => {
            format!(
                "{text}; the task may have been stored: enqueue it again with --key {key}, which cannot store it twice"
            )
        }
        _ => text,
    }
}

/// The error and the next step.
pub(crate) fn with_next_step(error: &tidemill_client::Error) -> String {
    match next_step(error) {
        Some(step) => format!("{error}; {step}"),
        None => error.to_string(),
    }
}

fn next_step(error: &tidemill_client::Error) -> Option<String> {
    if let Some(problem) = error.tls_problem() {
        return match problem {
            TlsProblem::Untrusted => Some("see --ca and --tls-domain".to_owned()),
            TlsProblem::CertificateRequired => Some("see --cert and --cert-key".to_owned()),
            _ => None,
        };
    }
    let again = || match error.retry_after() {
        Some(delay) => format!("try again in {delay:?}"),
        None => "try again".to_owned(),
    };
    match (error.kind(), error.reason(), error.code()) {
        (ErrorKind::Unreachable, ..) => {
            Some("is the server running there? `tidemill dev` starts one, --url names another".to_owned())
        }
        // With TLS 1.3 a client that shows no certificate hears of it only by the end of the connection.
        (ErrorKind::ConnectionLost, ..) if error.address().starts_with("https://") => {
            Some("try again; if the server asks for a client certificate, see --cert and --cert-key".to_owned())
        }
        (ErrorKind::ConnectionLost, ..) => Some("try again".to_owned()),
        (ErrorKind::DeadlineExceeded, ..) => {
            Some("is the server healthy? see `tidemill health`; a longer --timeout may help".to_owned())
        }
        (_, Some(ErrorReason::TaskNotFound), _) => {
            Some("check the id; a finished task is kept only for its retention".to_owned())
        }
        (_, Some(ErrorReason::QueueNotFound), _) => Some("see `tidemill queues`".to_owned()),
        (_, Some(ErrorReason::IdempotencyKeyReused), _) => Some(match error.metadata("task_id") {
            Some(id) => format!("use another --key, or see `tidemill get {id}`"),
            None => "use another --key".to_owned(),
        }),
        (_, Some(ErrorReason::SequenceAhead), _) => {
            Some("the task has finished; watch it with a smaller --after".to_owned())
        }
        (_, Some(ErrorReason::StoreChanged), _) => Some("an operator must act; see the server's log".to_owned()),
        (_, Some(ErrorReason::Internal), _) => Some("see the server's log".to_owned()),
        (_, _, Some(Code::ResourceExhausted | Code::Unavailable)) => Some(again()),
        (_, _, Some(Code::Unauthenticated | Code::PermissionDenied)) => Some("see --token-file and --cert".to_owned()),
        (_, _, Some(Code::Unimplemented)) => {
            let address = error.address();
            Some(format!("does {address} serve this? see --url and --results-url"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes() {
        assert_eq!(Error::Usage(String::new()).exit_code(), 2);
        let closed = Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((closed.exit_code(), closed.is_closed_output()), (141, true));
        let full = Error::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!((full.exit_code(), full.is_closed_output()), (74, false));
        // A pipe that --file names is a file like any other: its reader's end is an error to be told.
        let file = Error::File {
            path: "out".into(),
            source: io::Error::from(io::ErrorKind::BrokenPipe),
        };
        assert_eq!((file.exit_code(), file.is_closed_output()), (74, false));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named_with_what_to_do() {
        // Bound and dropped: nobody listens there.
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("port");
        let client = tidemill_client::Client::builder(address.to_string()).max_tries(1);
        let error = client
            .build()
            .expect("client")
            .result("T1")
            .await
            .expect_err("nobody is there");
        let error = Error::from(error);
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("cannot reach http://{address}: ")) && text.contains("`tidemill dev`"),
            "{text}"
        );
        assert_eq!(error.exit_code(), 5);
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_a_wrong_argument() {
        let error = tidemill_client::Client::new("ftp://a").expect_err("refused");
        assert_eq!(Error::from(error).exit_code(), 2);
    }
}
