//! One task's trace, whole: from the client's span through the gateway and two attempts to the handler, as an OTLP receiver gets it from
//! the processes of the roles.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise, and spawns what it drives"
)]

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use tidemill_client::{Context, Failure, RetryPolicy, Task, TaskState, TraceContext, Worker};
use tidemill_e2e::{Cluster, LIMIT, until};
use tokio::{sync::oneshot, time::timeout};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENT_SPAN: &str = "b7ad6b7169203331";

/// A receiver: spans with the name of the service that sent them.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<(String, Span)>>>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut spans = self.0.lock().expect("lock");
        for resource in request.into_inner().resource_spans {
            let attributes = resource
                .resource
                .map(|resource| resource.attributes)
                .unwrap_or_default();
            let service = text(&attributes, "service.name");
            for scope in resource.scope_spans {
                spans.extend(scope.spans.into_iter().map(|span| (service.clone(), span)));
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Receiver {
    async fn start() -> (Self, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let this = Self::default();
        let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(this.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (this, url)
    }

    /// The spans of one trace.
    fn of(&self, trace: &str) -> Vec<(String, Span)> {
        let spans = self.0.lock().expect("lock");
        spans
            .iter()
            .filter(|(_, span)| hex(&span.trace_id) == trace)
            .cloned()
            .collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn value<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a AnyValue> {
    attributes.iter().find(|entry| entry.key == name)?.value.as_ref()
}

fn text(attributes: &[KeyValue], name: &str) -> String {
    match value(attributes, name).and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_task_from_enqueue_to_process_and_back() {
    let (receiver, url) = Receiver::start().await;
    let mut cluster = Cluster::of(1, 1, 1)
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
        .variable("OTEL_BSP_SCHEDULE_DELAY", "100")
        .start()
        .await;
    let client = cluster.rust_client().build().expect("a client");

    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let worker = Worker::builder(&client)
        .queue("mail")
        .handle("email.send", move |task: Context| {
            note.lock().expect("lock").push(task.trace_context().expect("a trace"));
            async move {
                match task.attempt() {
                    1 => Err(Failure::new("not yet")),
                    _ => Ok(()),
                }
            }
        });
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = worker.build().expect("a worker");
    let worker = tokio::spawn(worker.run(async { drop(stopped.await) }));

    let given = TraceContext::new(format!("00-{TRACE}-{CLIENT_SPAN}-01"));
    let fast = RetryPolicy::default().initial_backoff(Duration::from_millis(10));
    let task = Task::new("email.send")
        .queue("mail")
        .retry_policy(fast)
        .trace_context(given.clone());
    let id = client.enqueue(task).await.expect("stored").task_id;
    let result = timeout(LIMIT, client.watch(&id).result())
        .await
        .expect("in time")
        .expect("a result");
    assert_eq!(result.state, TaskState::Succeeded);
    // The handler of each attempt got the caller's context as it was.
    assert_eq!(*seen.lock().expect("lock"), [given.clone(), given]);

    let spans = until("four spans", LIMIT, async || {
        Some(receiver.of(TRACE)).filter(|spans| spans.len() >= 4)
    })
    .await;
    let named: HashMap<String, Vec<(String, Span)>> =
        spans.into_iter().fold(HashMap::new(), |mut named, (from, span)| {
            named.entry(span.name.clone()).or_default().push((from, span));
            named
        });
    assert_eq!(named.len(), 3, "{:?}", named.keys());

    // The call, below the client's span.
    let (from, call) = &named["tidemill.v1.GatewayService/Enqueue"][0];
    assert_eq!((from.as_str(), call.kind()), ("tidemill-gateway", SpanKind::Server));
    assert_eq!(hex(&call.parent_span_id), CLIENT_SPAN);
    // The enqueue.
    let (from, send) = &named["send mail"][0];
    assert_eq!((from.as_str(), send.kind()), ("tidemill-gateway", SpanKind::Producer));
    assert_eq!(hex(&send.parent_span_id), CLIENT_SPAN);
    for (name, wanted) in [
        ("messaging.system", "tidemill"),
        ("messaging.operation.type", "send"),
        ("messaging.destination.name", "mail"),
        ("messaging.message.id", id.as_str()),
    ] {
        assert_eq!(text(&send.attributes, name), wanted);
    }
    // Two attempts, which link to the enqueue, the second one also to the first.
    let mut attempts: Vec<&(String, Span)> = named["process mail"].iter().collect();
    attempts.sort_by_key(|(_, span)| span.start_time_unix_nano);
    let [(from, first), (_, second)] = attempts.as_slice() else {
        panic!("two attempts, not {attempts:?}");
    };
    assert_eq!((from.as_str(), first.kind()), ("tidemill-worker", SpanKind::Consumer));
    for (number, span) in [("1", first), ("2", second)] {
        assert_eq!(hex(&span.parent_span_id), CLIENT_SPAN);
        assert_eq!(hex(&span.links[0].span_id), CLIENT_SPAN);
        assert_eq!(text(&span.attributes, "tidemill.attempt"), number);
        assert_eq!(text(&span.attributes, "messaging.message.id"), id);
        assert!(span.start_time_unix_nano < span.end_time_unix_nano);
    }
    assert_eq!((first.links.len(), second.links.len()), (1, 2));
    assert_eq!(second.links[1].span_id, first.span_id, "to the attempt before");
    let code = |span: &Span| span.status.as_ref().map_or(0, |status| status.code);
    assert_eq!(
        (code(first), code(second)),
        (StatusCode::Error as i32, StatusCode::Unset as i32)
    );
    assert_eq!(text(&first.attributes, "tidemill.outcome"), "retry");

    // A caller that traces nothing: the trace begins at the gateway, and the attempts find it.
    let id = client
        .enqueue(Task::new("email.send").queue("mail"))
        .await
        .expect("stored")
        .task_id;
    timeout(LIMIT, client.watch(&id).result())
        .await
        .expect("in time")
        .expect("a result");
    let begun = seen.lock().expect("lock").last().expect("it ran").traceparent.clone();
    let (trace, parent) = (begun[3..35].to_owned(), begun[36..52].to_owned());
    let spans = until("its spans", LIMIT, async || {
        Some(receiver.of(&trace)).filter(|spans| spans.len() >= 3)
    })
    .await;
    let send = spans.iter().find(|(_, span)| span.name == "send mail").expect("a send");
    assert_eq!(hex(&send.1.span_id), parent, "the handler is told the gateway's span");

    // One that decided not to sample is not sampled.
    let unsampled = "1af7651916cd43dd8448eb211c80319d";
    let quiet = TraceContext::new(format!("00-{unsampled}-{CLIENT_SPAN}-00"));
    let id = client
        .enqueue(Task::new("email.send").queue("mail").trace_context(quiet))
        .await
        .expect("stored")
        .task_id;
    timeout(LIMIT, client.watch(&id).result())
        .await
        .expect("in time")
        .expect("a result");
    stop.send(()).expect("it runs");
    worker.await.expect("no panic").expect("in order");
    // A clean end sends what is left, so that what has not come by now never will.
    cluster.stop().await;
    assert!(receiver.of(unsampled).is_empty());
}
