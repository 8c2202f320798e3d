//! The worker protocol: one session for each stream, what is held outlives them.

use std::{collections::HashMap, time::Duration};

use tidemill_proto::v1::{
    Assignment, Credits, Echo, Register, ReleaseTaskRequest, WorkRequest, WorkResponse, work_request::Message,
    work_response::Message as Answer, worker_service_client::WorkerServiceClient,
};
use tokio::{
    signal::unix::Signal,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep_until},
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Status, Streaming, transport::Endpoint};

use crate::{journal::Journal, kinds, kinds::request, options::Options};

/// A settle whose outcome is unknown is said again after this long.
const AGAIN: Duration = Duration::from_millis(200);

pub(crate) enum End {
    /// Told to stop, and everything is settled or given back.
    Drained,
    /// The server closed the stream: it is going away.
    Closed,
}

/// A lease that is held.
struct Held {
    assignment: Assignment,
    job: AbortHandle,
    /// The settle, once there is one; kept until the server has answered it.
    settle: Option<WorkRequest>,
    /// The registration did not adopt it: that it is lost will be said once apart from the settle's own answer.
    not_adopted: bool,
}

pub(crate) struct Handler<'a> {
    options: &'a Options,
    journal: Journal,
    held: HashMap<String, Held>,
    jobs: JoinSet<(String, WorkRequest)>,
    /// What jobs say on the way, and settles that are to be said again.
    say: UnboundedSender<WorkRequest>,
    said: UnboundedReceiver<WorkRequest>,
    /// Set by SIGTERM: when what still runs is given back.
    release_at: Option<Instant>,
    /// The replica drains.
    leaving: bool,
    pinged: Instant,
    silence: Duration,
    /// Senders of streams that were given up while the server may still listen: dropping one would be a half-close, which gives back
    /// what is now held over another stream. tonic's client has no other way to break a stream off.
    abandoned: Vec<UnboundedSender<WorkRequest>>,
}

impl<'a> Handler<'a> {
    pub(crate) fn new(options: &'a Options) -> Self {
        let (say, said) = unbounded_channel();
        let (journal, held, jobs) = (Journal::open(&options.journal), HashMap::new(), JoinSet::new());
        let (pinged, silence) = (Instant::now(), Duration::from_secs(60));
        Self {
            options,
            journal,
            held,
            jobs,
            say,
            said,
            release_at: None,
            leaving: false,
            pinged,
            silence,
            abandoned: Vec::new(),
        }
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.release_at.is_some() && self.held.is_empty()
    }

    /// Serves one stream to its end.
    pub(crate) async fn session(&mut self, url: &str, term: &mut Signal) -> Result<End, Status> {
        let (send, receive) = unbounded_channel();
        let register = Register {
            queues: self.options.queues.clone(),
            kinds: self.options.kinds.clone(),
            credits: if self.release_at.is_some() {
                0
            } else {
                self.options.credits
            },
            held: self.held.keys().cloned().collect(),
            name: self.options.name.clone(),
        };
        send_on(&send, Message::Register(register));
        let answers = tokio::select! {
            opened = open(url, receive) => opened?,
            _ = term.recv() => {
                self.drain(&send);
                return Ok(End::Closed);
            }
        };
        self.serve(send, answers, term).await
    }

    async fn serve(
        &mut self,
        send: UnboundedSender<WorkRequest>,
        mut answers: Streaming<WorkResponse>,
        term: &mut Signal,
    ) -> Result<End, Status> {
        self.pinged = Instant::now();
        self.leaving = false;
        loop {
            if self.is_drained() || (self.leaving && self.held.is_empty()) {
                break;
            }
            tokio::select! {
                answer = answers.message() => match answer? {
                    Some(WorkResponse { message: Some(answer) }) => self.hear(answer, &send),
                    Some(WorkResponse { message: None }) => {}
                    None => return Ok(End::Closed),
                },
                Some(done) = self.jobs.join_next() => if let Ok((token, settle)) = done {
                    self.finish(token, settle, &send);
                },
                Some(message) = self.said.recv() => drop(send.send(message)),
                _ = term.recv() => self.drain(&send),
                () = sleep_until(self.release_at.unwrap_or(self.pinged + self.silence)) => match self.release_at {
                    Some(_) => self.release(&send),
                    // Nothing on the wire for three pings: the peer hangs, or its host is gone.
                    None => {
                        self.abandoned.push(send);
                        return Ok(End::Closed);
                    }
                },
            }
        }
        // Half-close: nothing is held, so nothing is given back by it.
        drop(send);
        while let Ok(Some(_)) = answers.message().await {}
        Ok(if self.is_drained() { End::Drained } else { End::Closed })
    }

    fn hear(&mut self, answer: Answer, send: &UnboundedSender<WorkRequest>) {
        match answer {
            Answer::Registered(registered) => {
                let interval = registered.ping_interval.map_or(10, |interval| interval.seconds.max(1));
                self.silence = Duration::from_secs(3 * interval.unsigned_abs());
                for (_, held) in self
                    .held
                    .iter_mut()
                    .filter(|(token, _)| !registered.adopted.contains(token))
                {
                    held.not_adopted = true;
                }
                // Whether they were applied is unknown; saying them again is harmless.
                let unanswered = self.held.values().filter_map(|held| held.settle.clone());
                unanswered.for_each(|settle| drop(send.send(settle)));
            }
            Answer::Assignments(assignments) => assignments.assignments.into_iter().for_each(|task| self.start(task)),
            Answer::Ping(ping) => {
                self.pinged = Instant::now();
                send_on(send, Message::Echo(Echo { number: ping.number }));
            }
            Answer::CancelRequested(cancel) => self.cancel(&cancel.lease_token, send),
            Answer::LeaseLost(lost) => self.lose(&lost.lease_token),
            Answer::Settled(settled) => {
                if let Some(held) = self.held.remove(&settled.lease_token) {
                    self.journal
                        .write("settled", &held.assignment, &settled.state.to_string());
                }
            }
            Answer::Refused(refused) => self.refuse(&refused),
            // With nothing in hand go elsewhere; otherwise go on until the server closes the stream.
            Answer::Drain(_) => self.leaving = true,
        }
    }

    fn start(&mut self, assignment: Assignment) {
        self.journal.write("start", &assignment, &assignment.kind);
        let (task, say, token) = (assignment.clone(), self.say.clone(), assignment.lease_token.clone());
        let job = self.jobs.spawn(async move { (token, kinds::run(task, say).await) });
        self.held.insert(
            assignment.lease_token.clone(),
            Held {
                assignment,
                job,
                settle: None,
                not_adopted: false,
            },
        );
    }

    fn finish(&mut self, token: String, settle: WorkRequest, send: &UnboundedSender<WorkRequest>) {
        // What the job said goes before its end.
        while let Ok(message) = self.said.try_recv() {
            let _ = send.send(message);
        }
        if let Some(held) = self.held.get_mut(&token).filter(|held| held.settle.is_none()) {
            self.journal.write("settle", &held.assignment, kinds::name(&settle));
            held.settle = Some(settle.clone());
            let _ = send.send(settle);
        }
    }

    fn cancel(&mut self, token: &str, send: &UnboundedSender<WorkRequest>) {
        if let Some(held) = self.held.get_mut(token).filter(|held| held.settle.is_none()) {
            self.journal.write("cancel", &held.assignment, "");
            held.job.abort();
            let release = ReleaseTaskRequest {
                lease_token: token.to_owned(),
                cancelled: true,
                draining: false,
            };
            let settle = held.settle.insert(request(Message::Release(release))).clone();
            self.journal.write("settle", &held.assignment, "release");
            let _ = send.send(settle);
        }
    }

    fn lose(&mut self, token: &str) {
        let Some(held) = self.held.get_mut(token) else { return };
        let said_at_registration = std::mem::take(&mut held.not_adopted);
        if held.settle.is_none() {
            self.journal.write("lost", &held.assignment, "");
            if !self.options.stubborn {
                held.job.abort();
                self.held.remove(token);
            }
        } else if !said_at_registration {
            // The answer to the settle.
            self.journal.write("refused", &held.assignment, "LEASE_LOST");
            self.held.remove(token);
        }
    }

    fn refuse(&mut self, refused: &tidemill_proto::v1::Refused) {
        let Some(held) = self.held.get(&refused.lease_token) else {
            return;
        };
        self.journal.write("refused", &held.assignment, &refused.reason);
        let again = refused.outcome_unknown || matches!(refused.reason.as_str(), "STORE_UNAVAILABLE" | "DRAINING");
        match held.settle.clone() {
            Some(settle) if again => {
                let say = self.say.clone();
                self.jobs.spawn(async move {
                    tokio::time::sleep(AGAIN).await;
                    let _ = say.send(settle.clone());
                    // An empty token: nothing ends.
                    (String::new(), settle)
                });
            }
            // A refused chunk is lost; the task goes on.
            None => {}
            Some(_) => drop(self.held.remove(&refused.lease_token)),
        }
    }

    fn drain(&mut self, send: &UnboundedSender<WorkRequest>) {
        self.release_at = Some(Instant::now() + self.options.grace);
        send_on(send, Message::Credits(Credits { credits: 0 }));
    }

    /// Gives back what still runs; what has a settle waits for its answer.
    fn release(&mut self, send: &UnboundedSender<WorkRequest>) {
        for (token, held) in self.held.iter_mut().filter(|(_, held)| held.settle.is_none()) {
            held.job.abort();
            let release = ReleaseTaskRequest {
                lease_token: token.clone(),
                cancelled: false,
                draining: true,
            };
            let settle = held.settle.insert(request(Message::Release(release))).clone();
            self.journal.write("settle", &held.assignment, "release");
            let _ = send.send(settle);
        }
        // Looks again later, should there be anything.
        self.release_at = Some(Instant::now() + AGAIN);
    }
}

async fn open(url: &str, messages: UnboundedReceiver<WorkRequest>) -> Result<Streaming<WorkResponse>, Status> {
    #[expect(clippy::disallowed_methods, reason = "a client's own errors carry no ErrorReason")]
    let failed = |error: tonic::transport::Error| Status::unavailable(format!("{error:?}"));
    let endpoint = Endpoint::from_shared(url.to_owned()).map_err(failed)?;
    let channel = endpoint
        .connect_timeout(Duration::from_secs(1))
        .connect()
        .await
        .map_err(failed)?;
    let mut client = WorkerServiceClient::new(channel);
    Ok(client.work(UnboundedReceiverStream::new(messages)).await?.into_inner())
}

fn send_on(send: &UnboundedSender<WorkRequest>, message: Message) {
    // The stream is gone only when its answers end, too, and that is where it is noticed.
    let _ = send.send(request(message));
}
