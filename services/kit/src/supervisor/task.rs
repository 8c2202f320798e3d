//! Polling a future so that a panic becomes a value.

use std::{
    any::Any,
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

/// What a supervised future may return.
pub trait TaskOutput: Send {
    /// The error as a text for the log, if it is one.
    fn into_failure(self) -> Option<String>;
}

impl TaskOutput for () {
    fn into_failure(self) -> Option<String> {
        None
    }
}

impl<E: Display + Send> TaskOutput for Result<(), E> {
    fn into_failure(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

pub(super) enum Ended {
    Well,
    Failed(String),
    Panicked(String),
}

/// A future whose panic is caught. It is never polled again after one, so no broken state is seen.
pub(super) struct CatchPanic<F>(Pin<Box<F>>);

impl<F> CatchPanic<F> {
    pub(super) fn new(future: F) -> Self {
        Self(Box::pin(future))
    }
}

impl<F: Future<Output: TaskOutput>> Future for CatchPanic<F> {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(output.into_failure().map_or(Ended::Well, Ended::Failed)),
            Err(payload) => Poll::Ready(Ended::Panicked(panic_message(payload.as_ref()).to_owned())),
        }
    }
}

/// What a panic said.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("with a value that is no text")
}
