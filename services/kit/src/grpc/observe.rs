//! Metrics and spans of every call, as a tower layer.
//!
//! The code of a call is known only when its trailers pass, so the response body is wrapped. A body that is dropped before them is a
//! call that the client gave up.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::Code;
use tower::{Layer, Service};

use crate::{
    metrics::Metrics,
    trace::{Kind, Span, TraceParent, Tracing},
};

type MethodLabel = [(&'static str, String); 1];
type CodeLabels = [(&'static str, String); 2];

/// Seconds. Fine where a queue's calls are, coarse up to the longest poll.
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0, 60.0,
];

/// The metric families; one set for each process, whatever the number of ports.
#[derive(Debug, Clone)]
pub(super) struct GrpcMetrics {
    requests: Family<CodeLabels, Counter>,
    seconds: Family<MethodLabel, Histogram, fn() -> Histogram>,
    in_flight: Family<MethodLabel, Gauge>,
    tracing: Tracing,
}

impl GrpcMetrics {
    pub(super) fn with_tracing(self, tracing: Tracing) -> Self {
        Self { tracing, ..self }
    }

    pub(super) fn new(metrics: &Metrics) -> Self {
        let this = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_flight: Family::default(),
            tracing: Tracing::default(),
        };
        metrics.register(|r| {
            r.register(
                "grpc_server_requests",
                "Calls that ended, by method and gRPC code",
                this.requests.clone(),
            );
            r.register(
                "grpc_server_request_seconds",
                "Time from request to trailers of calls with one response, by method",
                this.seconds.clone(),
            );
            r.register(
                "grpc_server_requests_in_flight",
                "Calls and streams that are open, by method",
                this.in_flight.clone(),
            );
        });
        this
    }

    /// The layer for a port that serves the methods in these encoded descriptor sets. Other paths count as `other`.
    pub(super) fn layer<'a>(&self, sets: impl Iterator<Item = &'a [u8]>) -> Result<ObserveLayer, prost::DecodeError> {
        let mut methods = HashMap::new();
        for set in sets {
            for file in FileDescriptorSet::decode(set)?.file {
                for service in &file.service {
                    for method in &service.method {
                        let name = format!("{}.{}/{}", file.package(), service.name(), method.name());
                        methods.insert(format!("/{name}"), self.method(name, method.server_streaming()));
                    }
                }
            }
        }
        let other = self.method("other".to_owned(), true);
        Ok(ObserveLayer(Arc::new(Methods { methods, other })))
    }

    fn method(&self, name: String, streaming: bool) -> Arc<Method> {
        let label = [("method", name.clone())];
        Arc::new(Method {
            // A stream's length says how long somebody watched, not how fast we are.
            seconds: (!streaming).then(|| self.seconds.get_or_create_owned(&label)),
            in_flight: self.in_flight.get_or_create_owned(&label),
            requests: self.requests.clone(),
            // Of our own calls with one answer: a stream's span would last for hours, and a probe's would be noise.
            tracing: if !streaming && name.starts_with("tidemill.") {
                self.tracing.clone()
            } else {
                Tracing::default()
            },
            name,
        })
    }
}

#[derive(Debug)]
struct Methods {
    methods: HashMap<String, Arc<Method>>,
    other: Arc<Method>,
}

#[derive(Debug)]
struct Method {
    name: String,
    seconds: Option<Histogram>,
    in_flight: Gauge,
    requests: Family<CodeLabels, Counter>,
    tracing: Tracing,
}

/// Makes [`Observe`].
#[derive(Debug, Clone)]
pub(super) struct ObserveLayer(Arc<Methods>);

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe {
            inner,
            methods: Arc::clone(&self.0),
        }
    }
}

/// Observes the calls of the inner service.
#[derive(Debug, Clone)]
pub(super) struct Observe<S> {
    inner: S,
    methods: Arc<Methods>,
}

impl<S, B, R> Service<Request<B>> for Observe<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = Response<ObservedBody<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let method = self
            .methods
            .methods
            .get(request.uri().path())
            .unwrap_or(&self.methods.other);
        let mut call = Call::begin(Arc::clone(method), request.headers());
        if let Some(span) = &call.span {
            request.extensions_mut().insert(span.place());
        }
        let response = self.inner.call(request);
        Box::pin(async move {
            let (head, body) = response.await?.into_parts();
            call.see(&head.headers);
            if !head.status.is_success() {
                call.code.get_or_insert(Code::Unknown);
            }
            Ok(Response::from_parts(
                head,
                ObservedBody {
                    body: Box::pin(body),
                    call,
                },
            ))
        })
    }
}

/// One call in flight; records itself when dropped.
struct Call {
    method: Arc<Method>,
    begun: Instant,
    code: Option<Code>,
    span: Option<Span>,
}

impl Call {
    fn begin(method: Arc<Method>, headers: &HeaderMap) -> Self {
        method.in_flight.inc();
        let mut this = Self {
            method,
            begun: Instant::now(),
            code: None,
            span: None,
        };
        if this.method.tracing.is_on() {
            let header = |name| {
                headers
                    .get(name)
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or_default()
            };
            let parent = TraceParent::parse(header("traceparent"), header("tracestate"));
            this.span = this
                .method
                .tracing
                .start(Kind::Server, this.method.name.clone(), parent.as_ref());
        }
        this
    }

    /// Ends the span, by the semantic conventions of RPC.
    fn end_span(&mut self, code: Code) {
        let Some(mut span) = self.span.take() else { return };
        span.set("rpc.system.name", "grpc");
        span.set("rpc.method", self.method.name.clone());
        span.set("rpc.response.status_code", i64::from(code as i32));
        // What the server is to blame for; a refused request is no failure of it.
        let failures = [
            Code::Unknown,
            Code::DeadlineExceeded,
            Code::Unimplemented,
            Code::Internal,
            Code::Unavailable,
            Code::DataLoss,
        ];
        if failures.contains(&code) {
            span.fail(format!("{code:?}"), code.description());
        }
        span.end();
    }

    /// An error without a body has its code in the headers, everything else in the trailers.
    fn see(&mut self, headers: &HeaderMap) {
        if let Some(code) = headers.get("grpc-status") {
            self.code = Some(Code::from_bytes(code.as_bytes()));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let code = self.code.unwrap_or(Code::Cancelled);
        self.end_span(code);
        let code = format!("{code:?}");
        self.method.in_flight.dec();
        self.method
            .requests
            .get_or_create(&[("method", self.method.name.clone()), ("code", code)])
            .inc();
        if let Some(seconds) = &self.method.seconds {
            seconds.observe(self.begun.elapsed().as_secs_f64());
        }
    }
}

/// A body that watches for the trailers.
pub(super) struct ObservedBody<B> {
    body: Pin<Box<B>>,
    call: Call,
}

impl<B: Body> Body for ObservedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = self.body.as_mut().poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            self.call.see(trailers);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
