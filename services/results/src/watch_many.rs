//! WatchResults: thousands of tasks over one stream; an error of one is an item and leaves the others alone.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tidemill_kit::status::ApiError;
use tidemill_model::{
    id::{Namespace, TaskId},
    wire::parse_watch_target,
};
use tidemill_proto::v1::{WatchResultsRequest, WatchResultsResponse, watch_results_response};
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use crate::{
    calls::OpenStream,
    error,
    service::Shared,
    watch::{Engine, Item, Turn},
};

/// Log entries of one page: fewer than for a single task, because pages of many tasks are held at a time.
const MOST_ENTRIES: u32 = 8;

/// The answer to a WatchResults.
pub(crate) struct WatchMany {
    open: OpenStream,
    shared: Arc<Shared>,
    /// None: the client has half-closed.
    requests: Option<Streaming<WatchResultsRequest>>,
    ended: bool,
}

/// Whether the client has said something.
enum Asked {
    Yes,
    No,
}

impl WatchMany {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        namespace: Namespace,
        requests: Streaming<WatchResultsRequest>,
    ) -> Result<Self, ApiError> {
        if shared.calls.is_draining() {
            return Err(error::draining());
        }
        let engine = Engine::new(shared, namespace, shared.config.max_watches_per_stream, MOST_ENTRIES);
        let (open, shared) = (shared.calls.open(engine), Arc::clone(shared));
        Ok(Self { open, shared, requests: Some(requests), ended: false })
    }
}

impl Stream for WatchMany {
    type Item = Result<WatchResultsResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let mut engine = this.open.lock();
        let failure = loop {
            if let Some(item) = engine.take() {
                return Poll::Ready(Some(Ok(response(item))));
            }
            // Only now: a client that takes no answers is not read either.
            let asked = match poll_request(&mut this.requests, &mut engine, cx) {
                Ok(asked) => asked,
                Err(error) => break Some(error),
            };
            match engine.poll(cx) {
                Poll::Ready(Ok(Turn::Items)) => {}
                Poll::Ready(Ok(Turn::Empty)) if this.requests.is_none() => break None,
                Poll::Ready(Ok(Turn::Empty)) if this.shared.calls.is_draining() => break Some(error::draining()),
                Poll::Ready(Err(end)) => break Some(end.into_error(None)),
                Poll::Ready(Ok(Turn::Empty)) | Poll::Pending => match asked {
                    Asked::Yes => {}
                    Asked::No => return Poll::Pending,
                },
            }
        };
        this.ended = true;
        Poll::Ready(failure.map(|error| Err(error.into())))
    }
}

fn poll_request(
    requests: &mut Option<Streaming<WatchResultsRequest>>,
    engine: &mut Engine,
    cx: &mut Context<'_>,
) -> Result<Asked, ApiError> {
    let Some(stream) = requests else { return Ok(Asked::No) };
    match Pin::new(stream).poll_next(cx) {
        Poll::Pending => Ok(Asked::No),
        Poll::Ready(Some(Ok(request))) => {
            change(engine, request);
            Ok(Asked::Yes)
        }
        Poll::Ready(None) => {
            *requests = None;
            Ok(Asked::No)
        }
        Poll::Ready(Some(Err(status))) => {
            tracing::debug!(%status, "a request stream broke");
            Err(error::unreadable())
        }
    }
}

/// Removes first, so that a message with a task in both lists restarts it.
fn change(engine: &mut Engine, request: WatchResultsRequest) {
    for text in &request.remove {
        // What is not an id is not watched.
        if let Ok(id) = text.parse::<TaskId>() {
            engine.remove(&id);
        }
    }
    for target in request.add {
        match parse_watch_target(&target) {
            Ok(watch) => engine.add(watch, &target.task_id),
            Err(violations) => engine.refuse(target.task_id.into(), error::invalid(violations)),
        }
    }
}

fn response(item: Item) -> WatchResultsResponse {
    let what = match item.what {
        Ok(event) => watch_results_response::Item::Event(event),
        Err(error) => watch_results_response::Item::Error(error.to_rpc_status()),
    };
    WatchResultsResponse { task_id: item.name.to_string(), item: Some(what) }
}
