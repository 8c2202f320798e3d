//! Runs one handler and puts into words how it ended.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::FutureExt;
use tidemill_proto::v1::{CompleteTaskRequest, work_request::Message};
use tokio::sync::mpsc;

use super::{Context, Failure, places::Occupied};
use crate::{Payload, TraceContext};

/// Far above the largest output that any server takes (1 MiB), and below the largest message: a larger one would break the stream.
const MOST_OUTPUT: usize = 4 * 1024 * 1024;

pub(super) type Handler =
    Arc<dyn Fn(Context) -> Pin<Box<dyn Future<Output = Result<Payload, Failure>> + Send>> + Send + Sync>;

/// Something that a handler says, on its way to the server.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) token: String,
    pub(super) message: Message,
    /// True: it ends the attempt.
    pub(super) settles: bool,
}

/// How a handler ended, put down before it is reported: what waits for a stream must not be taken for what still runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Ended(Arc<Mutex<Option<Message>>>);

impl Ended {
    fn put(&self, message: Message) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
    }

    pub(super) fn take(&self) -> Option<Message> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Runs the handler to its end and reports it. What it said before is in the same channel, so that it arrives before.
pub(super) async fn run(
    handler: Handler,
    context: Context,
    reports: mpsc::Sender<Report>,
    note: Ended,
    place: Occupied,
) {
    place.begin();
    let (token, asked) = (context.lease_token().to_owned(), context.clone());
    let trace = context.trace_context();
    // Made inside, so that a panic of the handler's synchronous part is caught, too.
    let running = AssertUnwindSafe(TraceContext::scope(trace, async move { handler(context).await }));
    let ended = running.catch_unwind().await;
    let ended = ended.unwrap_or_else(|panic| Err(of_panic(panic.as_ref())));
    let message = match ended {
        Ok(output) if output.encoded_len() > MOST_OUTPUT => {
            let bytes = output.encoded_len();
            let failure = Failure::permanent(format!("an output of {bytes} bytes: no server takes more than 1 MiB"));
            failure.of_type("OutputTooLarge").into_settle(token.clone(), None)
        }
        Ok(output) => Message::Complete(CompleteTaskRequest {
            lease_token: token.clone(),
            output: Some(output.into_proto()),
        }),
        Err(failure) => failure.into_settle(token.clone(), asked.cause()),
    };
    note.put(message.clone());
    // The place is free before anybody hears that it is.
    drop(place);
    let report = Report {
        token,
        message,
        settles: true,
    };
    // If the session is gone there is nobody to tell: the lease expires.
    let _ = reports.send(report).await;
}

fn of_panic(panic: &(dyn Any + Send)) -> Failure {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| "no message".to_owned());
    Failure::new(format!("the handler panicked: {text}")).of_type("panic")
}
