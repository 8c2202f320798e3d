//! WatchResult: one task, whose error is the stream's.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tidemill_kit::status::ApiError;
use tidemill_model::{id::Namespace, wire::Watch};
use tidemill_proto::v1::WatchResultResponse;
use tokio_stream::Stream;
use tonic::Status;

use crate::{calls::OpenStream, error, item::Turn, service::Shared, watch::Engine};

/// Log entries of one page.
const MOST_ENTRIES: u32 = 32;

/// The answer to a WatchResult.
pub(crate) struct WatchOne {
    open: OpenStream,
    /// The last sequence that was handed out, or else the cursor.
    sent: i64,
    ended: bool,
}

impl WatchOne {
    pub(crate) fn new(shared: &Arc<Shared>, namespace: Namespace, watch: Watch) -> Result<Self, ApiError> {
        if shared.calls.is_draining() {
            return Err(error::draining());
        }
        let mut engine = Engine::new(shared, namespace, 1, MOST_ENTRIES);
        engine.add(watch, "");
        Ok(Self {
            open: shared.calls.open(engine),
            sent: watch.after_sequence,
            ended: false,
        })
    }
}

impl Stream for WatchOne {
    type Item = Result<WatchResultResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let mut engine = this.open.lock();
        let failure = loop {
            if let Some(item) = engine.take() {
                match item.what {
                    Ok(event) => {
                        this.sent = event.sequence;
                        return Poll::Ready(Some(Ok(WatchResultResponse { event: Some(event) })));
                    }
                    Err(error) => break Some(error),
                }
            }
            match ready!(engine.poll(cx)) {
                Ok(Turn::Items) => {}
                Ok(Turn::Empty) => break None,
                Err(end) => break Some(end.into_error(Some(this.sent))),
            }
        };
        this.ended = true;
        Poll::Ready(failure.map(|error| Err(error.into())))
    }
}
