//! The built-in kinds: a handler process inside this one. It talks to its session as any other client does, so it is also the
//! shortest example of one.

mod echo;
mod fail;
mod sleep;

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tidemill_model::id::Namespace;
use tidemill_proto::v1::{self, WorkRequest, payload, work_request, work_response};
use tokio::sync::{mpsc, watch};

use crate::{
    outbox::Outbound,
    session::{self, Received},
    shared::Shared,
};

/// Every kind there is.
pub(crate) const KINDS: [&str; 3] = ["echo", "sleep", "fail"];

/// Before the grace of a drain is over what still runs is given back: this share of it is left for that.
const GIVE_BACK_AT: f64 = 0.8;
/// Pause before a session that ended is opened again.
const REOPEN: Duration = Duration::from_secs(1);

/// How a built-in handler ended.
enum Done {
    Output(v1::Payload),
    Failed {
        message: String,
        permanent: bool,
    },
    /// It was asked to stop, and did.
    Stopped,
}

/// What a handler gets.
struct Job {
    assignment: v1::Assignment,
    requests: mpsc::UnboundedSender<WorkRequest>,
    /// True once it shall stop.
    stop: watch::Receiver<bool>,
}

impl Job {
    fn progress(&self, fraction: f64, message: String) {
        let report = v1::report_progress_request::Report::Progress(v1::Progress { fraction, message });
        let report = v1::ReportProgressRequest {
            lease_token: self.assignment.lease_token.clone(),
            report: Some(report),
        };
        // Fails only when the session is over.
        let _ = self.requests.send(request(work_request::Message::Progress(report)));
    }
}

fn request(message: work_request::Message) -> WorkRequest {
    WorkRequest { message: Some(message) }
}

/// Runs the configured kinds, if there are any, until the role drains.
pub(crate) fn start(shared: &Arc<Shared>) {
    let known = |kind: &&String| KINDS.contains(&kind.as_str());
    let kinds: Vec<String> = shared.config.builtin_kinds.iter().filter(known).cloned().collect();
    if kinds.is_empty() {
        return;
    }
    let own = Arc::clone(shared);
    shared.supervisor.spawn_detached("built-in kinds", async move {
        while !own.draining.is_requested() {
            run(&own, &kinds).await;
            tokio::select! {
                () = own.draining.requested() => {}
                () = tokio::time::sleep(REOPEN) => tracing::warn!("the built-in handlers lost their session; registering again"),
            }
        }
    });
}

/// One session.
async fn run(shared: &Arc<Shared>, kinds: &[String]) {
    let (requests, received) = mpsc::unbounded_channel();
    let register = v1::Register {
        queues: shared.config.builtin_queues.clone(),
        kinds: kinds.to_vec(),
        credits: i32::try_from(shared.config.builtin_concurrency).unwrap_or(i32::MAX),
        held: Vec::new(),
        name: "builtin".to_owned(),
    };
    let _ = requests.send(request(work_request::Message::Register(register)));
    let inbound = futures_util::stream::unfold(Some(received), |received| async {
        let mut received = received?;
        Some(match received.recv().await {
            Some(message) => (Received::Message(message), Some(received)),
            None => (Received::HalfClosed, None),
        })
    });
    match session::open(shared, Namespace::default(), inbound.boxed()) {
        Ok(outbound) => {
            Client {
                requests,
                outbound,
                running: FuturesUnordered::new(),
                stops: HashMap::new(),
            }
            .serve()
            .await
        }
        Err(error) => tracing::warn!(%error, "the built-in handlers got no session"),
    }
}

struct Client {
    requests: mpsc::UnboundedSender<WorkRequest>,
    outbound: Outbound,
    running: FuturesUnordered<BoxFuture<'static, (String, Done)>>,
    /// Ends the handler of a lease.
    stops: HashMap<String, watch::Sender<bool>>,
}

impl Client {
    async fn serve(mut self) {
        let mut give_back_at = None;
        loop {
            if give_back_at.is_some() && self.running.is_empty() {
                // Dropping the sender is the half-close; the rest of the answers is awaited, so that the settles are stored.
                let Self {
                    requests, mut outbound, ..
                } = self;
                drop(requests);
                while outbound.next().await.is_some() {}
                return;
            }
            tokio::select! {
                response = self.outbound.next() => match response {
                    Some(Ok(response)) => {
                        if let Some(work_response::Message::Drain(drain)) = &response.message {
                            let grace = drain.grace.and_then(|grace| Duration::try_from(grace).ok()).unwrap_or_default();
                            give_back_at = Some(tokio::time::Instant::now() + grace.mul_f64(GIVE_BACK_AT));
                        }
                        self.handle(response.message);
                    }
                    Some(Err(_)) | None => return,
                },
                Some((token, done)) = self.running.next(), if !self.running.is_empty() => self.settle(token, done),
                () = tokio::time::sleep_until(give_back_at.unwrap_or_else(tokio::time::Instant::now)), if give_back_at.is_some() => {
                    self.give_back();
                }
            }
        }
    }

    fn send(&self, message: work_request::Message) {
        // Fails only when the session is over; then the answers end, too.
        let _ = self.requests.send(request(message));
    }

    fn handle(&mut self, message: Option<work_response::Message>) {
        match message {
            Some(work_response::Message::Ping(ping)) => {
                self.send(work_request::Message::Echo(v1::Echo { number: ping.number }))
            }
            Some(work_response::Message::Assignments(assignments)) => {
                assignments
                    .assignments
                    .into_iter()
                    .for_each(|assignment| self.begin(assignment));
            }
            Some(work_response::Message::CancelRequested(cancel)) => self.stop(&cancel.lease_token),
            Some(work_response::Message::LeaseLost(lost)) => {
                self.stop(&lost.lease_token);
                self.stops.remove(&lost.lease_token);
            }
            Some(work_response::Message::Refused(refused)) => {
                tracing::warn!(
                    reason = refused.reason,
                    message = refused.message,
                    "a built-in handler was refused"
                );
            }
            _ => {}
        }
    }

    fn stop(&self, token: &str) {
        if let Some(stop) = self.stops.get(token) {
            stop.send_replace(true);
        }
    }

    fn begin(&mut self, assignment: v1::Assignment) {
        let token = assignment.lease_token.clone();
        let (stop, stopped) = watch::channel(false);
        self.stops.insert(token.clone(), stop);
        let job = Job {
            assignment,
            requests: self.requests.clone(),
            stop: stopped,
        };
        self.running.push(async move { (token, handle(job).await) }.boxed());
    }

    fn settle(&mut self, lease_token: String, done: Done) {
        if self.stops.remove(&lease_token).is_none() {
            // Lost meanwhile, or given back.
            return;
        }
        self.send(match done {
            Done::Output(output) => work_request::Message::Complete(v1::CompleteTaskRequest {
                lease_token,
                output: Some(output),
            }),
            Done::Failed { message, permanent } => work_request::Message::Fail(v1::FailTaskRequest {
                lease_token,
                message,
                permanent,
                ..v1::FailTaskRequest::default()
            }),
            Done::Stopped => work_request::Message::Release(v1::ReleaseTaskRequest {
                lease_token,
                cancelled: true,
                draining: false,
            }),
        });
    }

    /// The grace of a drain is nearly over.
    fn give_back(&mut self) {
        self.running.clear();
        for (lease_token, _) in std::mem::take(&mut self.stops) {
            let release = v1::ReleaseTaskRequest {
                lease_token,
                cancelled: false,
                draining: true,
            };
            self.send(work_request::Message::Release(release));
        }
    }
}

async fn handle(job: Job) -> Done {
    match job.assignment.kind.as_str() {
        "echo" => echo::run(job),
        "sleep" => sleep::run(job).await,
        "fail" => fail::run(&job),
        other => Done::Failed {
            message: format!("`{other}` is not a built-in kind"),
            permanent: true,
        },
    }
}

/// The number in a payload: text, a JSON number, or a field of a JSON object.
fn number(payload: Option<&v1::Payload>, field: &str) -> Result<f64, String> {
    use prost_types::value::Kind;
    let wanted = || format!("the payload must be a number as text or JSON, or {{\"{field}\": number}}");
    let of_value = |value: &prost_types::Value| match &value.kind {
        Some(Kind::NumberValue(number)) => Some(*number),
        Some(Kind::StringValue(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let found = match payload.and_then(|payload| payload.content.as_ref()) {
        Some(payload::Content::Text(text)) => text.trim().parse().ok(),
        Some(payload::Content::Data(data)) => std::str::from_utf8(data).ok().and_then(|text| text.trim().parse().ok()),
        Some(payload::Content::Json(value)) => match &value.kind {
            Some(Kind::StructValue(object)) => object.fields.get(field).and_then(of_value),
            _ => of_value(value),
        },
        None => None,
    };
    found.filter(|number: &f64| number.is_finite()).ok_or_else(wanted)
}

fn text(text: String) -> v1::Payload {
    v1::Payload {
        content: Some(payload::Content::Text(text)),
        ..v1::Payload::default()
    }
}

#[cfg(test)]
mod tests {
    use prost_types::{Struct, Value, value::Kind};

    use super::*;

    fn json(kind: Kind) -> v1::Payload {
        v1::Payload {
            content: Some(payload::Content::Json(Value { kind: Some(kind) })),
            ..v1::Payload::default()
        }
    }

    #[test]
    fn numbers_are_read_from_each_form_of_payload() {
        let object = |field: &str| {
            let value = Value {
                kind: Some(Kind::NumberValue(2.5)),
            };
            json(Kind::StructValue(Struct {
                fields: [(field.to_owned(), value)].into(),
            }))
        };
        for good in [text(" 2.5\n".into()), json(Kind::NumberValue(2.5)), object("seconds")] {
            assert_eq!(number(Some(&good), "seconds"), Ok(2.5));
        }
        for bad in [
            text("soon".into()),
            text("inf".into()),
            json(Kind::BoolValue(true)),
            object("minutes"),
        ] {
            assert!(number(Some(&bad), "seconds").unwrap_err().contains("seconds"));
        }
        assert!(number(None, "seconds").is_err());
    }
}
