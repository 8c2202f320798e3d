//! The worker protocol from the handler process's side.

use std::{
    collections::{HashMap, HashSet},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use tidemill_proto::v1::{
    Assignment, Credits, Echo, Refused, Register, Registered, ReleaseTaskRequest, WorkRequest, work_request::Message,
    work_response::Message as Answer,
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until, timeout},
};

use super::{
    CancelRequest, Context, Failure, Setup, TaskFacts, WorkerEvent,
    held::Held,
    job::{self, Report},
    stream::WorkStream,
};
use crate::{Error, ErrorKind, Outcome, TaskState, error::Again, retry::backoff};

/// Longest wait between two connections, and before a settle is said again.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// Wait after a stream that the server ended with a reason which no repetition mends.
const AFTER_REFUSAL: Duration = Duration::from_secs(1);
/// After the grace: how long the server may take to answer the last settles.
const LAST_WORD: Duration = Duration::from_secs(10);
/// Reports of all handlers that wait for the session.
const MOST_REPORTS: usize = 256;
const FAR: Duration = Duration::from_secs(3_600);

type Opened = Result<Box<(WorkStream, Registered)>, Error>;
type Opening = Pin<Box<dyn Future<Output = Opened> + Send>>;

/// One worker at work.
pub(super) struct Session {
    setup: Setup,
    handlers_run_on: Handle,
    held: HashMap<String, Held>,
    stream: Option<WorkStream>,
    opening: Option<Opening>,
    open_at: Instant,
    failures: u32,
    connected: bool,
    reports: mpsc::Receiver<Report>,
    report_to: mpsc::Sender<Report>,
    begun: Instant,
    /// Leases that the last registration named.
    named: HashSet<String>,
    /// Set by the shutdown.
    drain: Option<Drain>,
}

#[derive(Debug, Clone, Copy)]
struct Drain {
    /// When what still runs is given back.
    release_at: Instant,
    released: bool,
}

/// What happens next.
enum Next {
    Shutdown,
    Unwanted,
    Opened(Opened),
    Answer(Box<Result<Option<Answer>, Error>>),
    Said(Report),
    Tick,
}

impl Session {
    pub(super) fn new(setup: Setup, handlers_run_on: Handle) -> Self {
        let (report_to, reports) = mpsc::channel(MOST_REPORTS);
        Self {
            setup,
            handlers_run_on,
            held: HashMap::new(),
            stream: None,
            opening: None,
            open_at: Instant::now(),
            failures: 0,
            connected: false,
            reports,
            report_to,
            begun: Instant::now(),
            named: HashSet::new(),
            drain: None,
        }
    }

    /// Works until told to stop and everything is settled or given back.
    pub(super) async fn run(
        mut self,
        shutdown: impl Future<Output = ()> + Send,
        mut unwanted: oneshot::Receiver<()>,
    ) -> Result<(), Error> {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            if self.drain.is_some() && self.held.is_empty() {
                self.finish().await;
                return Ok(());
            }
            self.open_if_due();
            let drains = self.drain.is_some();
            let next = tokio::select! {
                () = &mut shutdown, if !drains => Next::Shutdown,
                _ = &mut unwanted, if !drains => Next::Unwanted,
                next = self.next() => next,
            };
            match next {
                Next::Shutdown => self.begin_drain(self.setup.grace),
                Next::Unwanted => self.begin_drain(Duration::ZERO),
                Next::Opened(Ok(opened)) => self.adopt(opened.0, &opened.1),
                Next::Opened(Err(error)) => self.not_opened(error)?,
                Next::Answer(answer) => match *answer {
                    Ok(Some(answer)) => self.hear(answer),
                    // Something that this version does not know.
                    Ok(None) => {}
                    Err(error) => self.lose_stream(error),
                },
                Next::Said(report) => self.forward(report),
                Next::Tick => self.tick()?,
            }
        }
    }

    /// Nothing is held any more: half-closes. A stream that is just being opened may have been assigned tasks already, which its half-close
    /// gives back.
    async fn finish(&mut self) {
        if let Some(opening) = self.opening.take()
            && let Ok(Ok(opened)) = timeout(LAST_WORD, opening).await
        {
            opened.0.finish().await;
        }
        if let Some(stream) = self.stream.take() {
            stream.finish().await;
        }
    }

    /// Nothing is lost if this is dropped: every branch is safe to drop, and what it yields is handled by the caller.
    async fn next(&mut self) -> Next {
        let due = self.next_due();
        let address = &self.setup.client.shared().worker.address;
        let (opening, reports) = (&mut self.opening, &mut self.reports);
        let opened = async {
            match opening {
                Some(opening) => opening.await,
                None => std::future::pending().await,
            }
        };
        let Some(stream) = &mut self.stream else {
            return tokio::select! {
                opened = opened => Next::Opened(opened),
                () = sleep_until(due) => Next::Tick,
            };
        };
        // Two halves of one stream: the sender is only looked at.
        let (sender, answer) = stream.halves(address);
        let said = async {
            match sender.room().await {
                // Only the session sends, so the room is still there when the report is.
                Some(_room) => reports.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            opened = opened => Next::Opened(opened),
            answer = answer => Next::Answer(Box::new(answer)),
            Some(report) = said => Next::Said(report),
            () = sleep_until(due) => Next::Tick,
        }
    }

    fn next_due(&self) -> Instant {
        let stream = self.stream.as_ref().map(WorkStream::silent_at);
        let open = self
            .wants_stream()
            .then_some(self.open_at)
            .filter(|_| self.opening.is_none());
        let drain = self.drain.map(|drain| drain.release_at);
        let held = self.held.values().filter_map(|held| held.due).min();
        let all = [stream, open, drain, held];
        all.into_iter().flatten().min().unwrap_or_else(|| Instant::now() + FAR)
    }

    fn wants_stream(&self) -> bool {
        self.stream.as_ref().is_none_or(|stream| stream.leaving)
    }

    fn open_if_due(&mut self) {
        if !self.wants_stream() || self.opening.is_some() || Instant::now() < self.open_at {
            return;
        }
        let register = Register {
            queues: self.setup.queues.clone(),
            kinds: self.setup.handlers.keys().cloned().collect(),
            credits: self.credits(),
            held: self.held.keys().cloned().collect(),
            name: self.setup.name.clone(),
        };
        self.named = register.held.iter().cloned().collect();
        let opened = WorkStream::open(self.setup.client.clone(), register);
        self.opening = Some(Box::pin(async { opened.await.map(Box::new) }));
    }

    fn credits(&self) -> i32 {
        match self.drain {
            Some(_) => 0,
            None => i32::try_from(self.setup.concurrency).unwrap_or(i32::MAX),
        }
    }

    /// The server has registered us: this is the stream now, and it is told whatever is still open. One that it replaces is broken off,
    /// not half-closed, which would give back what the new one holds.
    fn adopt(&mut self, stream: WorkStream, registered: &Registered) {
        (self.opening, self.failures, self.connected) = (None, 0, true);
        let adopted: HashSet<&String> = registered.adopted.iter().collect();
        // Assigned by a replica that drained, after the registration was on its way: nobody renews those yet.
        let unnamed = self.held.keys().any(|token| !self.named.contains(token));
        for (token, held) in &mut self.held {
            held.not_adopted = self.named.contains(token) && !adopted.contains(token);
            if let Some(settle) = &held.settle {
                // Whether it was applied is unknown; to say it again is harmless.
                held.due = None;
                stream.sender.say(settle.clone());
            }
        }
        if self.drain.is_some() {
            stream.sender.say(Message::Credits(Credits { credits: 0 }));
        }
        self.stream = Some(stream);
        if unnamed && let Some(stream) = &mut self.stream {
            // Another registration names them.
            stream.leaving = true;
            self.open_at = Instant::now();
        }
        let address = self.setup.client.shared().worker.address.clone();
        self.setup.tell(&WorkerEvent::Connected { address });
    }

    fn not_opened(&mut self, error: Error) -> Result<(), Error> {
        self.opening = None;
        self.failures = self.failures.saturating_add(1);
        let delay = match error.resume() {
            // Once it has worked, only our own server's considered word ends it: what a proxy says may pass, and leases are held.
            Again::Never if self.connected && error.reason_name().is_empty() => Duration::ZERO,
            Again::Never => return Err(error),
            Again::WhenBack(delay) | Again::After(delay) => delay,
        };
        let late = self
            .setup
            .connect_within
            .is_some_and(|within| self.begun.elapsed() >= within);
        if late && !self.connected {
            return Err(error);
        }
        self.open_at = Instant::now() + delay + backoff(self.failures, MAX_BACKOFF);
        self.setup.tell(&WorkerEvent::Disconnected { error });
        Ok(())
    }

    /// Whatever ended a stream that was registered, the next registration tells whether it is meant for good: e.g. a process that was paused
    /// is told by the end of its stream that its silence broke the rules.
    fn lose_stream(&mut self, error: Error) {
        // A replica that drains closes its streams; the next one is being opened already.
        let leaving = self.stream.take().is_some_and(|stream| stream.leaving);
        let delay = match error.resume() {
            Again::Never => AFTER_REFUSAL,
            Again::WhenBack(delay) | Again::After(delay) => delay,
        };
        if !leaving {
            self.failures = self.failures.saturating_add(1);
            self.open_at = Instant::now() + delay + backoff(self.failures, MAX_BACKOFF);
            self.setup.tell(&WorkerEvent::Disconnected { error });
        }
    }

    fn hear(&mut self, answer: Answer) {
        match answer {
            Answer::Assignments(assignments) => assignments.assignments.into_iter().for_each(|task| self.start(task)),
            Answer::Ping(ping) => self.say(Message::Echo(Echo { number: ping.number })),
            Answer::CancelRequested(cancel) => {
                let token = cancel.lease_token.clone();
                if let Some(held) = self.held.get_mut(&token).filter(|held| held.settle.is_none()) {
                    held.ask_to_stop(CancelRequest::of(cancel));
                    // Said again after each registration: the grace began with the first.
                    held.due.get_or_insert(Instant::now() + self.setup.cancel_grace);
                }
            }
            Answer::LeaseLost(lost) => self.lease_lost(&lost.lease_token),
            Answer::Settled(settled) => {
                if let Some(held) = self.held.remove(&settled.lease_token) {
                    let (task, state) = (held.task.clone(), TaskState::from_proto(settled.state));
                    self.setup.tell(&WorkerEvent::Settled { task, state });
                }
            }
            Answer::Refused(refused) => self.refused(refused),
            Answer::Drain(_) => {
                if let Some(stream) = &mut self.stream {
                    stream.leaving = true;
                    self.open_at = Instant::now();
                }
            }
            // Only the first answer of a stream.
            Answer::Registered(_) => {}
        }
    }

    fn start(&mut self, assignment: Assignment) {
        let Some(handler) = self.setup.handlers.get(&assignment.kind).map(Arc::clone) else {
            // The server assigns registered kinds only; should it not, another process may serve this one.
            self.say(Failure::release().into_settle(assignment.lease_token, None));
            return;
        };
        let (task, token) = (TaskFacts::of(&assignment), assignment.lease_token.clone());
        let (cancel, cancelled) = watch::channel(None);
        let refused = super::context::Refused::default();
        let context = Context::new(assignment, self.report_to.clone(), cancelled, Arc::clone(&refused));
        self.setup.tell(&WorkerEvent::Started { task: task.clone() });
        let ended = job::Ended::default();
        let job = job::run(handler, context, self.report_to.clone(), ended.clone());
        let job = self.handlers_run_on.spawn(job).abort_handle();
        self.held.insert(token, Held::new(task, job, cancel, refused, ended));
    }

    /// Something that a handler said. What it says after its lease was lost, or after it was stopped, goes nowhere.
    fn forward(&mut self, report: Report) {
        let Some(held) = self.held.get_mut(&report.token).filter(|held| held.settle.is_none()) else {
            return;
        };
        if report.settles {
            held.settle = Some(report.message.clone());
            held.due = None;
        } else {
            held.reported = true;
        }
        if let Some(stream) = &self.stream {
            stream.sender.report(WorkRequest {
                message: Some(report.message),
            });
        }
    }

    /// Ends an attempt from this side: its handler is stopped.
    fn settle(&mut self, token: &str, message: Message) {
        if let Some(held) = self.held.get_mut(token) {
            held.stop();
            held.due = None;
            held.settle = Some(message.clone());
        }
        self.say(message);
    }

    fn lease_lost(&mut self, token: &str) {
        let Some(held) = self.held.get_mut(token) else { return };
        let said_at_registration = std::mem::take(&mut held.not_adopted);
        // Otherwise the settle that was said again has an answer of its own to come.
        if held.settle.is_none() || !said_at_registration {
            let task = held.task.clone();
            self.held.remove(token);
            self.setup.tell(&WorkerEvent::LeaseLost { task });
        }
    }

    fn refused(&mut self, refused: Refused) {
        let Some(held) = self.held.get_mut(&refused.lease_token) else {
            return;
        };
        let task = held.task.clone();
        let message = format!("{}: {}", refused.reason, refused.message);
        let wrong = refused.reason == "INVALID_REQUEST";
        let Some(settle) = held.settle.clone() else {
            // A report; its handler hears of it with the next chunk.
            *held.refused.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(message.clone());
            self.setup.tell(&WorkerEvent::Refused { task, message });
            return;
        };
        if !wrong || std::mem::take(&mut held.reported) {
            // It may pass; or it was a report before the settle that was refused, which a refusal does not say: then the settle's own answer
            // is still to come, and to say it again is harmless.
            held.refusals = held.refusals.saturating_add(1);
            held.due = Some(Instant::now() + backoff(held.refusals, MAX_BACKOFF));
            return;
        }
        if matches!(settle, Message::Complete(_)) {
            // An output that the server cannot take must not be tried for ever: the next attempt would make the same one.
            let failure = Failure::permanent(format!("the output was refused: {message}"));
            let settle = failure.into_settle(refused.lease_token.clone(), None);
            self.settle(&refused.lease_token, settle);
        } else {
            // Nothing that could be said would be taken: the lease expires.
            self.held.remove(&refused.lease_token);
        }
        self.setup.tell(&WorkerEvent::Refused { task, message });
    }

    fn tick(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        let silent = self.stream.as_ref().filter(|stream| stream.silent_at() <= now);
        if let Some(stream) = silent {
            let error = stream.silence_error(&self.setup.client.shared().worker.address);
            self.lose_stream(error);
        }
        let due: Vec<String> = self
            .held
            .iter()
            .filter(|(_, held)| held.due.is_some_and(|due| due <= now))
            .map(|(token, _)| token.clone())
            .collect();
        due.iter().for_each(|token| self.due(token));
        match self.drain {
            Some(drain) if drain.release_at <= now && drain.released => Err(self.unsettled()),
            Some(drain) if drain.release_at <= now => {
                self.release_all();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A settle is said again, or a handler that was asked to stop is stopped.
    fn due(&mut self, token: &str) {
        let Some(held) = self.held.get_mut(token) else { return };
        held.due = None;
        if let Some(settle) = held.settle.clone() {
            self.say(settle);
        } else if let Some(message) = held.ended.take() {
            // It ended in time; its report waits for a stream.
            self.settle(token, message);
        } else if let Some(request) = held.cancel_request() {
            let settle = Failure::cancelled().into_settle(token.to_owned(), Some(request.cause));
            self.settle(token, settle);
        }
    }

    fn begin_drain(&mut self, grace: Duration) {
        let running = self.held.len();
        self.drain = Some(Drain {
            release_at: Instant::now() + grace,
            released: false,
        });
        self.say(Message::Credits(Credits { credits: 0 }));
        self.setup.tell(&WorkerEvent::Draining { running });
    }

    /// The grace is over: what still runs is given back; what has ended waits for its answer.
    fn release_all(&mut self) {
        let running: Vec<String> = self
            .held
            .iter()
            .filter(|(_, held)| held.settle.is_none())
            .map(|(token, _)| token.clone())
            .collect();
        for token in running {
            let ended = self.held.get(&token).and_then(|held| held.ended.take());
            if let Some(message) = ended {
                self.settle(&token, message);
                continue;
            }
            let release = ReleaseTaskRequest {
                lease_token: token.clone(),
                cancelled: false,
                draining: true,
            };
            self.settle(&token, Message::Release(release));
        }
        self.drain = Some(Drain {
            release_at: Instant::now() + LAST_WORD,
            released: true,
        });
    }

    fn unsettled(&self) -> Error {
        let (count, address) = (self.held.len(), &self.setup.client.shared().worker.address);
        let message = format!(
            "{count} tasks could neither be settled nor given back; their leases expire, which counts as a crash"
        );
        Error::new(ErrorKind::ConnectionLost, Outcome::Unknown, address, message)
    }

    fn say(&self, message: Message) {
        if let Some(stream) = &self.stream {
            stream.sender.say(message);
        }
    }
}
