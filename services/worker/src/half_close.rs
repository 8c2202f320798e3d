//! Telling a client that has finished from one that was lost.
//!
//! For tonic 0.14 both are the end of the request stream: it maps a reset by the client (code CANCELLED) to a plain end. For us they
//! are opposites: after a half-close we give back what the client holds, after a loss we must not. So the body is watched on its way
//! to tonic, and the call learns from an extension whether its end was clean.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tonic::{
    Status,
    body::Body,
    codegen::{Service, http::Request},
    server::NamedService,
};

/// Set once the client has ended its request properly.
#[derive(Debug, Clone, Default)]
pub(crate) struct CleanEnd(Arc<AtomicBool>);

impl CleanEnd {
    pub(crate) fn is_clean(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Puts a [`CleanEnd`] into every request.
#[derive(Debug, Clone)]
pub(crate) struct WatchEnd<S>(pub(crate) S);

impl<S: NamedService> NamedService for WatchEnd<S> {
    const NAME: &'static str = S::NAME;
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for WatchEnd<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let end = CleanEnd::default();
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(end.clone());
        let body = Body::new(Watched { body, end });
        self.0.call(Request::from_parts(parts, body))
    }
}

struct Watched {
    body: Body,
    end: CleanEnd,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) {
            self.end.0.store(true, Ordering::Release);
        }
        polled
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
