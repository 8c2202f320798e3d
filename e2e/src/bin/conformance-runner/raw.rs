//! A worker from the generated stubs alone, for mutations that the client itself offers no way to: `--wrong raw-…`. Plain `raw` is not wrong;
//! it shows that the others are noticed for what they do wrong, and not for being raw.

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tidemill_e2e::{payload, text_of};
use tidemill_proto::v1::{
    Assignment, CompleteTaskRequest, Credits, Echo, Register, ReleaseTaskRequest, WorkRequest, WorkResponse,
    work_request::Message, work_response::Message as Said, worker_service_client::WorkerServiceClient,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
    time::{Instant, sleep_until, timeout},
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;

use crate::{Shared, say, task::millis, wrong::wrong};

const PAUSE: Duration = Duration::from_millis(100);
const FAR: Duration = Duration::from_secs(3_600);

struct Held {
    task: Assignment,
    job: AbortHandle,
    settle: Option<Message>,
    not_adopted: bool,
}

struct Stream {
    say: mpsc::UnboundedSender<WorkRequest>,
    hear: Streaming<WorkResponse>,
    silence: Duration,
    silent_at: Instant,
}

pub(crate) struct Raw {
    shared: Arc<Shared>,
    name: String,
    register: Register,
    url: String,
    grace: Duration,
    held: HashMap<String, Held>,
    stream: Option<Stream>,
    ended: mpsc::UnboundedReceiver<(String, String)>,
    end: mpsc::UnboundedSender<(String, String)>,
    give_back_at: Option<Instant>,
}

impl Raw {
    pub(crate) fn new(shared: &Arc<Shared>, command: &Value, url: String) -> Self {
        let texts = |key: &str| {
            let items = command[key].as_array().into_iter().flatten();
            items.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let (end, ended) = mpsc::unbounded_channel();
        Self {
            shared: Arc::clone(shared),
            name: command["worker"].as_str().unwrap_or_default().to_owned(),
            register: Register {
                queues: texts("queues"),
                kinds: texts("kinds"),
                credits: i32::try_from(command["concurrency"].as_i64().unwrap_or(16)).unwrap_or(16),
                held: Vec::new(),
                name: "raw".to_owned(),
            },
            url,
            grace: millis(&command["grace_ms"]).unwrap_or(Duration::from_secs(20)),
            held: HashMap::new(),
            stream: None,
            ended,
            end,
            give_back_at: None,
        }
    }

    /// Works until told to stop and all is said.
    pub(crate) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        loop {
            if self.give_back_at.is_some() && self.held.is_empty() {
                // What goes away with it: the half-close.
                return self.tell("ended", None, json!({}));
            }
            if self.stream.is_none() && !self.open().await {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let Some(stream) = &mut self.stream else { continue };
            let quiet = if wrong("raw-waits-for-ever") {
                Instant::now() + FAR
            } else {
                stream.silent_at
            };
            tokio::select! {
                heard = stream.hear.message() => match heard {
                    Ok(Some(heard)) => {
                        stream.silent_at = Instant::now() + stream.silence;
                        if let Some(said) = heard.message { self.hear(said); }
                    }
                    Ok(None) | Err(_) => self.leave(),
                },
                Some((token, text)) = self.ended.recv() => self.done(token, &text),
                () = sleep_until(quiet) => self.leave(),
                _ = &mut stop, if self.give_back_at.is_none() => {
                    self.give_back_at = Some(Instant::now() + self.grace);
                    self.tell("draining", None, json!({}));
                    self.send(Message::Credits(Credits { credits: 0 }));
                }
                () = sleep_until(self.give_back_at.unwrap_or_else(|| Instant::now() + FAR)) => self.give_back(),
            }
        }
    }

    async fn open(&mut self) -> bool {
        let (say, said) = mpsc::unbounded_channel();
        let mut register = self.register.clone();
        if !wrong("raw-drops-held") {
            register.held = self.held.keys().cloned().collect();
        }
        if self.give_back_at.is_some() {
            register.credits = 0;
        }
        let _ = say.send(WorkRequest {
            message: Some(Message::Register(register)),
        });
        let url = self.url.clone();
        let opening = async move {
            let mut stub = WorkerServiceClient::connect(url).await.ok()?;
            let mut hear = stub.work(UnboundedReceiverStream::new(said)).await.ok()?.into_inner();
            let first = hear.message().await.ok()??;
            Some((hear, first))
        };
        let Ok(Some((hear, first))) = timeout(Duration::from_secs(2), opening).await else {
            return false;
        };
        let Some(Said::Registered(registered)) = first.message else {
            return false;
        };
        let ping = registered.ping_interval.unwrap_or_default();
        let ping = Duration::from_secs(u64::try_from(ping.seconds).unwrap_or(1))
            + Duration::from_nanos(u64::try_from(ping.nanos).unwrap_or(0));
        let silence = ping * 3;
        self.stream = Some(Stream {
            say,
            hear,
            silence,
            silent_at: Instant::now() + silence,
        });
        for (token, held) in &mut self.held {
            held.not_adopted = !registered.adopted.contains(token);
        }
        let settles: Vec<Message> = self.held.values().filter_map(|held| held.settle.clone()).collect();
        if !wrong("raw-forgets-settles") {
            settles.into_iter().for_each(|settle| self.send(settle));
        }
        self.tell("connected", None, json!({}));
        true
    }

    /// Without half-close: the stream is kept, and never looked at again, until the server has enough of it.
    fn leave(&mut self) {
        if let Some(stream) = self.stream.take() {
            if wrong("raw-half-closes") {
                drop(stream.say);
            } else {
                std::mem::forget(stream.say);
            }
            tokio::spawn(async move {
                tokio::time::sleep(FAR).await;
                drop(stream.hear);
            });
        }
        self.tell("disconnected", None, json!({ "error": { "kind": "connection_lost" } }));
    }

    fn hear(&mut self, said: Said) {
        match said {
            Said::Ping(ping) => self.send(Message::Echo(Echo { number: ping.number })),
            Said::Assignments(assignments) => assignments.assignments.into_iter().for_each(|task| self.start(task)),
            Said::Settled(settled) => {
                if let Some(held) = self.held.remove(&settled.lease_token) {
                    let state = settled.state().as_str_name().replace("TASK_STATE_", "");
                    self.tell("settled", Some(&held.task), json!({ "state": state }));
                }
            }
            Said::LeaseLost(lost) => self.lost(&lost.lease_token),
            _ => {}
        }
    }

    fn lost(&mut self, token: &str) {
        let Some(held) = self.held.get_mut(token) else { return };
        let first_of_two = std::mem::take(&mut held.not_adopted) && held.settle.is_some();
        let task = held.task.clone();
        if wrong("raw-ignores-loss") {
            return;
        }
        if !first_of_two {
            held.job.abort();
            self.held.remove(token);
        }
        if !first_of_two || wrong("raw-loses-twice") {
            let (event, more) = match wrong("raw-says-settled") {
                true => ("settled", json!({ "state": "SUCCEEDED" })),
                false => ("lease_lost", json!({})),
            };
            self.tell(event, Some(&task), more);
        }
    }

    fn start(&mut self, task: Assignment) {
        self.tell("started", Some(&task), json!({}));
        let (end, token, shared) = (self.end.clone(), task.lease_token.clone(), Arc::clone(&self.shared));
        let (kind, id) = (task.kind.clone(), task.task_id.clone());
        let input = task
            .payload
            .clone()
            .map(tidemill_client::Payload::from)
            .unwrap_or_default();
        let ms = input
            .to_json::<Value>()
            .ok()
            .and_then(|json| millis(&json["ms"]))
            .unwrap_or_default();
        if wrong("raw-blocks") && kind == "conf.block" {
            std::thread::sleep(ms);
        }
        let echo = text_of(task.payload.as_ref()).to_owned();
        let of = token.clone();
        let job = tokio::spawn(async move {
            let output = match kind.as_str() {
                "conf.echo" => echo,
                "conf.block" => {
                    tokio::time::sleep(ms).await;
                    "blocked".to_owned()
                }
                "conf.hold" => {
                    shared.hold(&id).notified().await;
                    "kept".to_owned()
                }
                _ => std::future::pending().await,
            };
            let _ = end.send((of, output));
        });
        let held = Held {
            task,
            job: job.abort_handle(),
            settle: None,
            not_adopted: false,
        };
        self.held.insert(token, held);
    }

    fn done(&mut self, lease_token: String, text: &str) {
        let output = payload(text);
        self.settle(
            &lease_token.clone(),
            Message::Complete(CompleteTaskRequest { lease_token, output }),
        );
    }

    fn settle(&mut self, token: &str, message: Message) {
        if let Some(held) = self.held.get_mut(token) {
            held.settle = Some(message.clone());
        }
        self.send(message);
    }

    fn give_back(&mut self) {
        self.give_back_at = Some(Instant::now() + FAR);
        let running = self.held.iter().filter(|(_, held)| held.settle.is_none());
        let running: Vec<String> = running.map(|(token, _)| token.clone()).collect();
        for lease_token in running {
            self.held[&lease_token].job.abort();
            let charged = wrong("raw-charges");
            let release = ReleaseTaskRequest {
                lease_token: lease_token.clone(),
                cancelled: false,
                draining: !charged,
            };
            self.settle(&lease_token, Message::Release(release));
        }
    }

    fn send(&self, message: Message) {
        if let Some(stream) = &self.stream {
            // If it is gone, that is noticed where answers are read.
            let _ = stream.say.send(WorkRequest { message: Some(message) });
        }
    }

    fn tell(&self, event: &str, task: Option<&Assignment>, more: Value) {
        let mut line = json!({ "worker": self.name, "event": event });
        if let Some(task) = task {
            line["task_id"] = task.task_id.as_str().into();
            line["attempt"] = task.attempt.into();
        }
        for (key, value) in more.as_object().into_iter().flatten() {
            line[key] = value.clone();
        }
        say(&line);
    }
}
