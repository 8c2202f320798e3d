//! How an attempt ends that did not succeed.

use std::{fmt, time::Duration};

use tidemill_proto::v1::{FailTaskRequest, ReleaseTaskRequest, work_request::Message};

use super::CancelCause;
use crate::proto_time::duration;

/// The contract keeps so many bytes of each.
const MOST_MESSAGE: usize = 8 * 1024;
const MOST_TYPE: usize = 256;

/// Why a handler did not succeed, and what is to happen to the task. Any error becomes one through `?`: tried again by the task's retry
/// policy, with the error's text and the name of its type.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Failure(Kind);

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Failed {
        message: String,
        type_name: String,
        permanent: bool,
        retry_after: Option<Duration>,
    },
    Released,
    Cancelled,
}

impl Failure {
    /// A failure that is tried again by the task's retry policy.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Kind::Failed {
            message: message.into(),
            type_name: String::new(),
            permanent: false,
            retry_after: None,
        })
    }

    /// A failure that another attempt would not mend: the task is a dead letter at once.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(message).into_permanent()
    }

    /// Gives the task back uncharged, to the head of its line, for another handler process. At most 100 times for each task.
    pub fn release() -> Self {
        Self(Kind::Released)
    }

    /// Agrees to a cancel request: the task ends CANCELLED, or EXPIRED. If nobody asked, it is an ordinary release.
    pub fn cancelled() -> Self {
        Self(Kind::Cancelled)
    }

    /// Makes it one that another attempt would not mend.
    pub fn into_permanent(mut self) -> Self {
        if let Kind::Failed { permanent, .. } = &mut self.0 {
            *permanent = true;
        }
        self
    }

    /// Waits this long before the next attempt instead of the policy's backoff, at most 7 days.
    pub fn retry_after(mut self, time: Duration) -> Self {
        if let Kind::Failed { retry_after, .. } = &mut self.0 {
            *retry_after = Some(time);
        }
        self
    }

    /// Names the kind of error, e.g. `CardDeclined`, for people and filters. At most 256 bytes.
    pub fn of_type(mut self, name: impl Into<String>) -> Self {
        if let Kind::Failed { type_name, .. } = &mut self.0 {
            *type_name = name.into();
        }
        self
    }

    /// What to say to the server. An attempt that was asked to stop because it ran too long has failed, whatever its handler calls it:
    /// a release would not count it, and it would run too long for ever.
    pub(super) fn into_settle(self, lease_token: String, cause: Option<CancelCause>) -> Message {
        match self.0 {
            Kind::Cancelled if cause == Some(CancelCause::AttemptTimeout) => {
                let failure = Self::new("the attempt ran longer than its attempt_timeout").of_type("AttemptTimeout");
                failure.into_settle(lease_token, None)
            }
            Kind::Failed {
                message,
                type_name,
                permanent,
                retry_after,
            } => Message::Fail(FailTaskRequest {
                lease_token,
                message: cut(message, MOST_MESSAGE),
                r#type: cut(type_name, MOST_TYPE),
                permanent,
                retry_after: retry_after.map(duration),
            }),
            Kind::Released => release(lease_token, false),
            Kind::Cancelled => release(lease_token, true),
        }
    }
}

/// Cuts a text that is longer than so many bytes, at a character. The server would cut it, too, but a message of many megabytes would
/// break the stream first, for all tasks.
pub(super) fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

fn release(lease_token: String, cancelled: bool) -> Message {
    Message::Release(ReleaseTaskRequest {
        lease_token,
        cancelled,
        draining: false,
    })
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Failed { message, .. } => f.write_str(message),
            Kind::Released => f.write_str("released"),
            Kind::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            text = format!("{text}: {next}");
            cause = next.source();
        }
        Self::new(text).of_type(std::any::type_name::<E>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_text_its_causes_and_its_type() {
        let error = "x".parse::<u32>().expect_err("no number");
        let Message::Fail(fail) = Failure::from(error).into_settle("t".into(), None) else {
            panic!("not a failure");
        };
        assert_eq!(
            (fail.message.as_str(), fail.r#type.as_str(), fail.permanent),
            (
                "invalid digit found in string",
                "core::num::error::ParseIntError",
                false
            )
        );
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let failure = Failure::new("é".repeat(1 << 20)).of_type("x".repeat(1_000));
        let Message::Fail(fail) = failure.into_settle("t".into(), None) else {
            panic!("not a failure");
        };
        assert_eq!((fail.message.len(), fail.r#type.len()), (8 * 1024, 256));
        assert_eq!(cut("aé".to_owned(), 2), "a");
    }

    #[test]
    fn what_is_said_of_each() {
        let failure = Failure::permanent("m").of_type("T").retry_after(Duration::from_secs(1));
        let Message::Fail(fail) = failure.into_settle("t".into(), None) else {
            panic!("not a failure");
        };
        assert!(fail.permanent && fail.retry_after.is_some() && fail.r#type == "T");
        let cancelled = |cause| Failure::cancelled().into_settle("t".into(), cause);
        assert!(matches!(cancelled(Some(CancelCause::Client)), Message::Release(r) if r.cancelled));
        assert!(matches!(cancelled(Some(CancelCause::AttemptTimeout)), Message::Fail(f) if !f.permanent));
        assert!(matches!(Failure::release().into_settle("t".into(), None), Message::Release(r) if !r.cancelled));
    }
}
