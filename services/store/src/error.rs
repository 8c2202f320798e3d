//! What can go wrong between us and the server, and whether the call left a trace.

use std::time::Duration;

use redis::{ErrorKind, RedisError};
use tidemill_kit::status::{ApiError, Outcome};
use tidemill_proto::v1::ErrorReason;

/// How long a caller should wait before it tries again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Why a call of the store failed. `Clone`, because one failed batch answers many callers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The server was not reached, or refused before it ran anything. Nothing was applied.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The command was sent and its answer is not known. It may have been applied; all mutating calls are safe to repeat.
    #[error("the store did not answer, the outcome is unknown: {0}")]
    Unknown(String),
    /// The server's memory is full. Nothing was applied.
    #[error("the store's memory is full")]
    Memory,
    /// The server is not the one this process started with. Nothing was applied.
    #[error("the store has another identity than this process started with; an operator must act")]
    Changed,
    /// A bug, or a record of a newer release. The outcome is unknown.
    #[error("the store answered in a way this release does not understand: {0}")]
    Internal(String),
}

impl StoreError {
    /// Judges an error of a command that was sent.
    pub(crate) fn from_sent(error: &RedisError) -> Self {
        match error.code() {
            Some("STORECHANGED") => return Self::Changed,
            Some("OOM") => return Self::Memory,
            // Refused before the script ran.
            Some(
                "LOADING" | "READONLY" | "MISCONF" | "NOREPLICAS" | "BUSY" | "MASTERDOWN" | "CLUSTERDOWN" | "NOAUTH"
                | "NOPERM" | "EXECABORT" | "NOSCRIPT",
            ) => {
                return Self::Unavailable(error.to_string());
            }
            _ => {}
        }
        match error.kind() {
            ErrorKind::Io | ErrorKind::Parse => Self::Unknown(error.to_string()),
            _ if error.is_timeout() || error.is_connection_dropped() || error.is_io_error() => {
                Self::Unknown(error.to_string())
            }
            _ => Self::Internal(error.to_string()),
        }
    }

    /// True if the call certainly left no trace.
    pub fn not_applied(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Memory | Self::Changed)
    }

    /// The error a client gets. `mutating`: the outcome is stated. Texts carry no internals; the log has them.
    pub fn to_api(&self, mutating: bool) -> ApiError {
        let error = match self {
            Self::Unavailable(_) | Self::Unknown(_) => {
                ApiError::new(ErrorReason::StoreUnavailable, "the store cannot be reached; try again")
                    .retry_after(RETRY_AFTER)
            }
            Self::Memory => ApiError::new(
                ErrorReason::MemoryExhausted,
                "the store's memory is full; enqueues stop until tasks have finished",
            )
            .retry_after(Duration::from_secs(5))
            .quota("memory", "maxmemory of the store"),
            Self::Changed => ApiError::new(
                ErrorReason::StoreChanged,
                "the store is not the one this server started with; an operator must act",
            )
            .retry_after(Duration::from_secs(30)),
            Self::Internal(_) => ApiError::new(ErrorReason::Internal, "internal error; see the server's log"),
        };
        match (mutating, self.not_applied()) {
            (false, _) => error,
            (true, true) => error.outcome(Outcome::NotApplied),
            (true, false) => error.outcome(Outcome::Unknown),
        }
    }
}
