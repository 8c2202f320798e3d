//! WatchResults: thousands of tasks over one stream; an error of one is an item and leaves the others alone.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tidemill_kit::status::ApiError;
use tidemill_model::{id::Namespace, wire::parse_watch_target};
use tidemill_proto::v1::{WatchResultsRequest, WatchResultsResponse, WatchTarget, watch_results_response};
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use crate::{
    calls::OpenStream,
    error,
    item::{Item, Turn},
    service::Shared,
    watch::Engine,
};

/// Log entries of one page: fewer than for a single task, because pages of many tasks are held at a time.
const MOST_ENTRIES: u32 = 8;
/// Tasks that are added before the others get their turn.
const ADD_STEP: usize = 1_024;

/// The answer to a WatchResults.
pub(crate) struct WatchMany {
    open: OpenStream,
    shared: Arc<Shared>,
    requests: Requests,
    ended: bool,
}

/// What the client asks for.
struct Requests {
    /// None: it has half-closed.
    stream: Option<Streaming<WatchResultsRequest>>,
    /// The rest of the last message's list.
    adding: std::vec::IntoIter<WatchTarget>,
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
        let requests = Requests {
            stream: Some(requests),
            adding: Vec::new().into_iter(),
        };
        Ok(Self {
            open,
            shared,
            requests,
            ended: false,
        })
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
            let asked = match this.requests.poll(&mut engine, cx) {
                Ok(asked) => asked,
                Err(error) => break Some(error),
            };
            match engine.poll(cx) {
                Poll::Ready(Ok(Turn::Items)) => {}
                Poll::Ready(Ok(Turn::Empty)) if this.requests.is_over() => break None,
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

impl Requests {
    /// Does a part of what the client asks for. A long list of tasks is taken in steps, and no step is begun before the answers to the
    /// last one were taken, so that a list of bad ids costs no more memory than the message it came in.
    fn poll(&mut self, engine: &mut Engine, cx: &mut Context<'_>) -> Result<Asked, ApiError> {
        if self.add_some(engine) {
            return Ok(Asked::Yes);
        }
        let Some(stream) = &mut self.stream else {
            return Ok(Asked::No);
        };
        match Pin::new(stream).poll_next(cx) {
            Poll::Pending => Ok(Asked::No),
            Poll::Ready(Some(Ok(request))) => {
                // Removed first, so that a message with a task in both lists restarts it. What is not an id is not watched.
                for id in request.remove.iter().filter_map(|text| text.parse().ok()) {
                    engine.remove(&id);
                }
                self.adding = request.add.into_iter();
                Ok(Asked::Yes)
            }
            Poll::Ready(None) => {
                self.stream = None;
                Ok(Asked::No)
            }
            Poll::Ready(Some(Err(status))) => {
                tracing::debug!(%status, "a request stream broke");
                Err(error::unreadable())
            }
        }
    }

    /// False if there was nothing to add.
    fn add_some(&mut self, engine: &mut Engine) -> bool {
        for step in 0..ADD_STEP {
            if engine.has_items() {
                return true;
            }
            let Some(target) = self.adding.next() else {
                self.adding = Vec::new().into_iter();
                return step > 0;
            };
            match parse_watch_target(&target) {
                Ok(watch) => engine.add(watch, &target.task_id),
                Err(violations) => engine.refuse(target.task_id.into(), error::invalid(violations)),
            }
        }
        true
    }

    /// Nothing more can come.
    fn is_over(&self) -> bool {
        self.stream.is_none() && self.adding.len() == 0
    }
}

fn response(item: Item) -> WatchResultsResponse {
    let what = match item.what {
        Ok(event) => watch_results_response::Item::Event(event),
        Err(error) => watch_results_response::Item::Error(error.to_rpc_status()),
    };
    WatchResultsResponse {
        task_id: item.name.to_string(),
        item: Some(what),
    }
}
