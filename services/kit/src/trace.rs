//! Spans for OpenTelemetry, sent by OTLP. Off unless the standard variables name a receiver.
//!
//! A span is recorded when it ends, with its own times and, where the caller has one, its own id. That suits a queue: an attempt begins
//! in one process and may end in another, and the next attempt must be able to name the one before without having met it. The
//! SDK's spans know neither, so finished ones are handed to its batch processor directly.
//!
//! Variables, as OpenTelemetry defines them: `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` (either turns tracing
//! on), `OTEL_SDK_DISABLED`, `OTEL_TRACES_EXPORTER` (`otlp`, `none`), `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`, `OTEL_SERVICE_NAME`,
//! `OTEL_RESOURCE_ATTRIBUTES`, the other `OTEL_EXPORTER_OTLP_*`, `OTEL_BSP_*`.

use std::{
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    Context, InstrumentationScope, KeyValue, Value,
    trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::{
    Resource,
    trace::{
        BatchSpanProcessor, IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, ShouldSample, SpanData,
        SpanLinks, SpanProcessor,
    },
};

/// The receiver named by the environment cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("OpenTelemetry: {0}")]
pub struct TraceError(String);

/// Where spans go; by default nowhere, which costs nothing. Cloning shares it.
#[derive(Clone, Default)]
pub struct Tracing(Option<Arc<Exporting>>);

struct Exporting {
    processor: Box<dyn SpanProcessor>,
    sampler: Sampler,
    ids: RandomIdGenerator,
    scope: InstrumentationScope,
}

/// A place in a trace, as the headers `traceparent` and `tracestate` of W3C Trace Context carry it.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceParent(SpanContext);

/// A span that has begun. Dropping it records nothing; [`end`](Self::end) does.
pub struct Span {
    exporting: Arc<Exporting>,
    data: SpanData,
    sampled: bool,
}

impl TraceParent {
    /// Reads the two headers. `None`: there is none, or it is malformed, which is no reason to refuse a call.
    #[must_use]
    pub fn parse(traceparent: &str, tracestate: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let lengths = (version.len(), trace.len(), span.len(), flags.len());
        // A later version may say more; version 00 may not.
        if lengths != (2, 32, 16, 2) || version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let context = SpanContext::new(
            TraceId::from_hex(trace).ok()?,
            SpanId::from_hex(span).ok()?,
            TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED,
            true,
            tracestate.parse::<TraceState>().unwrap_or_default(),
        );
        context.is_valid().then_some(Self(context))
    }

    /// The header `traceparent`.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let (trace, span) = (self.0.trace_id(), self.0.span_id());
        format!("00-{trace}-{span}-{:02x}", self.0.trace_flags().to_u8())
    }

    /// The header `tracestate`; often empty.
    #[must_use]
    pub fn tracestate(&self) -> String {
        self.0.trace_state().header()
    }

    /// Another span of the same trace.
    #[must_use]
    pub fn sibling(&self, span_id: u64) -> Self {
        Self(SpanContext::new(
            self.0.trace_id(),
            SpanId::from(span_id),
            self.0.trace_flags(),
            true,
            self.0.trace_state().clone(),
        ))
    }
}

/// Reads a variable of OpenTelemetry's own, which are not part of the configuration and have no key there.
#[expect(
    clippy::disallowed_methods,
    reason = "OpenTelemetry's variables are read as its specification says"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn is_wanted() -> bool {
    let endpoint = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
    let named = endpoint.iter().any(|name| variable(name).is_some());
    let disabled = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let otlp = variable("OTEL_TRACES_EXPORTER").is_none_or(|value| value == "otlp");
    named && !disabled && otlp
}

/// The sampler that the environment names; without one, all but what a caller decided not to sample.
fn sampler() -> Result<Sampler, TraceError> {
    let name = variable("OTEL_TRACES_SAMPLER").unwrap_or_else(|| "parentbased_always_on".to_owned());
    let ratio = || match variable("OTEL_TRACES_SAMPLER_ARG") {
        None => Ok(1.0),
        Some(text) => text
            .parse()
            .ok()
            .filter(|ratio: &f64| (0.0..=1.0).contains(ratio))
            .ok_or_else(|| TraceError(format!("OTEL_TRACES_SAMPLER_ARG `{text}` is not between 0 and 1"))),
    };
    let parent_based = |root: Sampler| Sampler::ParentBased(Box::new(root));
    Ok(match name.as_str() {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => Sampler::TraceIdRatioBased(ratio()?),
        "parentbased_always_on" => parent_based(Sampler::AlwaysOn),
        "parentbased_always_off" => parent_based(Sampler::AlwaysOff),
        "parentbased_traceidratio" => parent_based(Sampler::TraceIdRatioBased(ratio()?)),
        other => return Err(TraceError(format!("OTEL_TRACES_SAMPLER `{other}` is not known"))),
    })
}

impl Tracing {
    /// As the environment says. Needs a running Tokio runtime. `service`: the name of this process where `OTEL_SERVICE_NAME` gives none.
    pub fn from_environment(service: &str) -> Result<Self, TraceError> {
        if !is_wanted() {
            return Ok(Self::default());
        }
        let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().build();
        let exporter = exporter.map_err(|error| TraceError(error.to_string()))?;
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        let mut resource = Resource::builder();
        if variable("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name(service.to_owned());
        }
        processor.set_resource(&resource.build());
        tracing::info!(service, "sending spans by OTLP");
        Ok(Self(Some(Arc::new(Exporting {
            processor: Box::new(processor),
            sampler: sampler()?,
            ids: RandomIdGenerator::default(),
            scope: InstrumentationScope::builder("tidemill")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }))))
    }

    /// False: nothing is recorded, and nothing need be prepared for it.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Begins a span now, below `parent` or as the root of a new trace. `None`: tracing is off.
    pub fn start(
        &self,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        parent: Option<&TraceParent>,
    ) -> Option<Span> {
        let exporting = self.0.clone()?;
        let (name, parent) = (name.into(), parent.map(|parent| &parent.0));
        let trace_id = parent.map_or_else(|| exporting.ids.new_trace_id(), SpanContext::trace_id);
        let context = parent.map(|parent| Context::new().with_remote_span_context(parent.clone()));
        let sampling = exporting
            .sampler
            .should_sample(context.as_ref(), trace_id, &name, &kind, &[], &[]);
        let sampled = sampling.decision == SamplingDecision::RecordAndSample;
        let flags = if sampled {
            TraceFlags::SAMPLED
        } else {
            TraceFlags::default()
        };
        let span_context = SpanContext::new(
            trace_id,
            exporting.ids.new_span_id(),
            flags,
            false,
            sampling.trace_state,
        );
        let now = now();
        let data = SpanData {
            span_context,
            parent_span_id: parent.map_or(SpanId::INVALID, SpanContext::span_id),
            parent_span_is_remote: parent.is_some(),
            span_kind: kind,
            name,
            start_time: now,
            end_time: now,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: Default::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: exporting.scope.clone(),
        };
        Some(Span {
            exporting,
            data,
            sampled,
        })
    }

    /// Sends what is left, for at most this long. Blocks: not for a thread of the runtime.
    pub fn finish(&self, limit: Duration) {
        if let Some(exporting) = &self.0
            && let Err(error) = exporting.processor.shutdown_with_timeout(limit)
        {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

impl Span {
    /// Its place in its trace, for whoever comes after.
    #[must_use]
    pub fn place(&self) -> TraceParent {
        TraceParent(self.data.span_context.clone())
    }

    /// Gives it an id that others can name without having met it.
    #[must_use]
    pub fn with_id(mut self, span_id: u64) -> Self {
        let old = &self.data.span_context;
        self.data.span_context = SpanContext::new(
            old.trace_id(),
            SpanId::from(span_id),
            old.trace_flags(),
            false,
            old.trace_state().clone(),
        );
        self
    }

    /// It began earlier.
    #[must_use]
    pub fn since(mut self, start: SystemTime) -> Self {
        self.data.start_time = start;
        self
    }

    /// Refers to another span.
    pub fn link(&mut self, to: &TraceParent) {
        self.data.links.links.push(Link::with_context(to.0.clone()));
    }

    /// Says something about it, by a name of the semantic conventions.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.data.attributes.push(KeyValue::new(name, value.into()));
    }

    /// It failed.
    pub fn fail(&mut self, error_type: impl Into<Value>, description: impl Into<Cow<'static, str>>) {
        self.set("error.type", error_type);
        self.data.status = Status::error(description);
    }

    /// Ends it now, and records it if it is sampled.
    pub fn end(mut self) {
        self.data.end_time = now();
        if self.sampled {
            self.exporting.processor.on_end(self.data);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a span shows the clock of its process; nothing is decided by it"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

impl fmt::Debug for Tracing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracing").field("on", &self.is_on()).finish()
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Span")
            .field("name", &self.data.name)
            .finish_non_exhaustive()
    }
}

pub use opentelemetry::trace::SpanKind as Kind;

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn headers_go_there_and_back() {
        let parent = TraceParent::parse(GIVEN, "vendor=1").unwrap();
        assert_eq!(
            (parent.traceparent().as_str(), parent.tracestate().as_str()),
            (GIVEN, "vendor=1")
        );
        let sibling = parent.sibling(0x1234);
        assert_eq!(
            sibling.traceparent(),
            "00-0af7651916cd43dd8448eb211c80319c-0000000000001234-01"
        );
        assert_eq!(TraceParent::parse(GIVEN, "not a state").unwrap().tracestate(), "");
        let later = format!("01-{}-more", &GIVEN[3..]);
        assert!(TraceParent::parse(&later, "").is_some(), "a later version may say more");
    }

    #[test]
    fn what_is_malformed_is_none() {
        for text in [
            "",
            "00-0-0-0",
            &format!("{GIVEN}-more"),
            &GIVEN.replace("00-0af", "ff-0af"),
            &GIVEN.replace("0af7651916cd43dd8448eb211c80319c", "00000000000000000000000000000000"),
            &GIVEN.replace('b', "g"),
        ] {
            assert_eq!(TraceParent::parse(text, ""), None, "{text}");
        }
    }

    #[test]
    fn off_costs_nothing() {
        let tracing = Tracing::default();
        assert!(!tracing.is_on() && tracing.start(Kind::Server, "x", None).is_none());
        tracing.finish(Duration::ZERO);
    }
}
