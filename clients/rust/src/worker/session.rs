//! The worker protocol from the handler process's side.

mod leases;

use std::{
    collections::{HashMap, HashSet},
    pin::Pin,
    time::Duration,
};

use tidemill_proto::v1::{Echo, Register, Registered, work_request::Message, work_response::Message as Answer};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout},
};

use super::{
    CancelRequest, Setup, WorkerEvent, WorkerStatus, held::Held, job::Report, places::Places, stream::WorkStream,
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
    places: Places,
    /// Handlers that a listener was told to be stuck.
    told_stuck: usize,
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
            places: Places::default(),
            told_stuck: 0,
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
            self.look();
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
        let (due, changed) = (self.next_due(), self.places.changed());
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
                () = changed => Next::Tick,
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
            () = changed => Next::Tick,
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
        let all = [stream, open, drain, held, self.places.due()];
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
            None => i32::try_from(self.setup.concurrency as usize - self.kept()).unwrap_or(i32::MAX),
        }
    }

    /// Places that nobody can use, because a handler that was stopped does not end.
    fn kept(&self) -> usize {
        self.places.kept().min(self.setup.concurrency as usize)
    }

    fn adjust_credits(&mut self) {
        let credits = self.credits();
        if let Some(stream) = &mut self.stream {
            stream.set_credits(credits);
        }
    }

    /// Tells the server, and whoever asks, what this worker can do now.
    fn look(&mut self) {
        self.places.look();
        self.adjust_credits();
        let until = self.stream.as_ref().map(|stream| stream.silent_at().into_std());
        self.setup.handle.set(self.status(), until);
        let stuck = self.places.stuck();
        if stuck > self.told_stuck {
            self.setup.tell(&WorkerEvent::Stuck { handlers: stuck });
        }
        self.told_stuck = stuck;
    }

    fn status(&self) -> WorkerStatus {
        if self.drain.is_some() {
            WorkerStatus::Draining
        } else if self.wants_stream() {
            WorkerStatus::Connecting
        } else if self.credits() == 0 || self.places.are_blocked() {
            WorkerStatus::Stuck
        } else {
            WorkerStatus::Serving
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

    /// Whatever ended a stream that was registered, the next registration tells whether it is meant for good: e.g. a server before STREAM_SILENT
    /// told a process that was paused that its silence broke the rules.
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
                if let Some(task) = self.forget(&settled.lease_token) {
                    let state = TaskState::from_proto(settled.state);
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

    fn begin_drain(&mut self, grace: Duration) {
        let running = self.held.len();
        self.drain = Some(Drain {
            release_at: Instant::now() + grace,
            released: false,
        });
        self.adjust_credits();
        self.setup.tell(&WorkerEvent::Draining { running });
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
