//! Which gRPC code each reason has, as the comments in `error.proto` say.

use tidemill_proto::v1::ErrorReason;
use tonic::Code;

/// The code of a reason. Exhaustive on purpose: a new reason does not compile until somebody decides.
#[must_use]
pub const fn code(reason: ErrorReason) -> Code {
    match reason {
        ErrorReason::InvalidRequest => Code::InvalidArgument,
        ErrorReason::TaskNotFound | ErrorReason::QueueNotFound => Code::NotFound,
        ErrorReason::LeaseLost | ErrorReason::SequenceAhead | ErrorReason::ProtocolViolation => {
            Code::FailedPrecondition
        }
        ErrorReason::IdempotencyKeyReused => Code::AlreadyExists,
        ErrorReason::QueueFull
        | ErrorReason::QueueBytesExceeded
        | ErrorReason::MemoryExhausted
        | ErrorReason::WatchLimit => Code::ResourceExhausted,
        ErrorReason::StoreUnavailable
        | ErrorReason::StoreChanged
        | ErrorReason::Draining
        | ErrorReason::StreamSilent => Code::Unavailable,
        ErrorReason::DeadlineExceeded => Code::DeadlineExceeded,
        // The second group names how tasks end and is never the reason of a call's error: one that gets here is a bug of ours.
        ErrorReason::Internal
        | ErrorReason::Unspecified
        | ErrorReason::OutputTooLarge
        | ErrorReason::AttemptTimeout
        | ErrorReason::CrashLimit
        | ErrorReason::ReleaseLimit
        | ErrorReason::HandlerFailed
        | ErrorReason::AttemptsExhausted => Code::Internal,
    }
}
