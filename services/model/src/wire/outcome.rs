use bytes::{Bytes, BytesMut};
use prost::{Message, encoding};
use tidemill_proto::v1;

use crate::record::StoredOutcome;

/// An outcome with this error, encoded. All fields are written, empty ones too: appended to an earlier outcome it replaces the earlier
/// error as a whole, where a usual encoding would let an earlier `type` shine through.
pub fn outcome_error(error: &v1::TaskError) -> Bytes {
    let mut inner = BytesMut::new();
    encoding::int32::encode(1, &error.reason, &mut inner);
    encoding::string::encode(2, &error.message, &mut inner);
    encoding::string::encode(3, &error.r#type, &mut inner);
    encoding::bool::encode(4, &error.permanent, &mut inner);
    let mut out = BytesMut::new();
    encoding::bytes::encode(2, &inner.freeze(), &mut out);
    out.freeze()
}

/// An outcome with this output, encoded. Empty if there is none.
pub fn outcome_output(output: Option<v1::Payload>) -> Bytes {
    StoredOutcome {
        output,
        ..Default::default()
    }
    .encode_to_vec()
    .into()
}

/// An outcome with the reason of a cancel request, encoded. Empty if there is none.
pub fn outcome_cancel(reason: &str) -> Bytes {
    StoredOutcome {
        cancel_reason: reason.to_owned(),
        ..Default::default()
    }
    .encode_to_vec()
    .into()
}

/// Error of a task FAILED because its lease expired as often as the crash limit allows.
pub fn outcome_crash_limit(crashes: u8) -> Bytes {
    of_server(
        v1::ErrorReason::CrashLimit,
        format!("its handler processes lost their leases {crashes} times, the crash limit"),
    )
}

/// Error of a task FAILED because its last allowed attempt lost its lease.
pub fn outcome_attempts_exhausted() -> Bytes {
    of_server(
        v1::ErrorReason::AttemptsExhausted,
        "the lease of the last allowed attempt expired".into(),
    )
}

/// Error of a task FAILED because handlers gave it back too often.
pub fn outcome_release_limit() -> Bytes {
    of_server(
        v1::ErrorReason::ReleaseLimit,
        "handlers released it more often than allowed".into(),
    )
}

/// Error of an attempt that ran longer than its attempt_timeout.
pub fn outcome_attempt_timeout() -> Bytes {
    of_server(
        v1::ErrorReason::AttemptTimeout,
        "the attempt ran longer than its attempt_timeout".into(),
    )
}

/// Error of an attempt whose lease expired and that another one follows.
pub fn outcome_lease_expired() -> Bytes {
    of_server(
        v1::ErrorReason::LeaseLost,
        "the lease expired without a word from the handler process".into(),
    )
}

fn of_server(reason: v1::ErrorReason, message: String) -> Bytes {
    outcome_error(&v1::TaskError {
        reason: reason.into(),
        message,
        ..Default::default()
    })
}
