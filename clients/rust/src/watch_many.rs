//! The logs of many tasks over one stream that is opened again where it breaks.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, StreamExt, stream};
use tidemill_proto::v1::{
    WatchResultsRequest, WatchResultsResponse, WatchTarget, results_service_client::ResultsServiceClient,
    watch_results_response::Item,
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{Instant, sleep, sleep_until},
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;

use crate::{
    Client, Error, ErrorKind, Event, Outcome,
    error::Again,
    event::Cursor,
    retry::backoff,
    watch::{DEFAULT_GIVE_UP_AFTER, OnBreak, Patience, STEADY, open_stream},
};

/// Tasks that one message adds: a message of a thousand ids is about 40 KB.
const CHUNK: usize = 1_000;

/// What came of one watched task.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Watched {
    /// The task, as it was named when it was added.
    pub task_id: String,
    /// The next event of its log, or why it is not watched any more.
    pub event: Result<Event, Error>,
}

/// Follows many tasks over one stream, each as a [`Watch`](crate::Watch) does: every event once and in order. A task leaves by itself
/// after its result or an error. Ends when every [`Watches`] is dropped and every task has left.
///
/// ```no_run
/// # async fn example(client: tidemill_client::Client, ids: Vec<String>) {
/// let (watches, mut watch) = client.watch_many();
/// for id in &ids {
///     watches.add(id, 0);
/// }
/// drop(watches);
/// while let Some(watched) = watch.next().await {
///     println!("{}: {:?}", watched.task_id, watched.event);
/// }
/// # }
/// ```
pub struct WatchMany {
    state: State,
}

enum State {
    /// Not polled yet: can still be set up. `None` only while it is being started.
    New(Option<Box<Follower>>),
    Running(Pin<Box<dyn Stream<Item = Watched> + Send>>),
}

/// Adds tasks to a [`WatchMany`] and removes them, from anywhere.
#[derive(Debug, Clone)]
pub struct Watches(UnboundedSender<Command>);

#[derive(Debug)]
enum Command {
    Add(WatchTarget),
    Remove(String),
}

impl Watches {
    /// Watches a task from after this event of its log; 0 is the beginning. Adding one that is watched already restarts it from there.
    /// One stream takes 10,000 tasks unless the server is configured otherwise; a task beyond that is answered with an error.
    pub fn add(&self, task_id: impl Into<String>, after_sequence: i64) {
        let target = WatchTarget {
            task_id: task_id.into(),
            after_sequence,
        };
        // If nobody reads the events any more there is nobody to tell.
        let _ = self.0.send(Command::Add(target));
    }

    /// Stops watching a task. Events that are on their way may still come.
    pub fn remove(&self, task_id: impl Into<String>) {
        let _ = self.0.send(Command::Remove(task_id.into()));
    }
}

impl WatchMany {
    pub(crate) fn new(client: Client) -> (Watches, Self) {
        let (sender, receiver) = unbounded_channel();
        let follower = Follower {
            client,
            commands: Some(receiver),
            cursors: HashMap::new(),
            removed: HashSet::new(),
            stream: None,
            patience: Patience::default(),
            again: Vec::new(),
            failed: Vec::new(),
            give_up_after: DEFAULT_GIVE_UP_AFTER,
            on_break: None,
        };
        let state = State::New(Some(Box::new(follower)));
        (Watches(sender), Self { state })
    }

    /// As [`Watch::give_up_after`](crate::Watch::give_up_after): then every task that is left is told the last error.
    #[must_use]
    pub fn give_up_after(mut self, time: Duration) -> Self {
        if let State::New(Some(follower)) = &mut self.state {
            follower.give_up_after = time;
        }
        self
    }

    /// As [`Watch::on_break`](crate::Watch::on_break).
    #[must_use]
    pub fn on_break(mut self, heard: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        if let State::New(Some(follower)) = &mut self.state {
            follower.on_break = Some(Box::new(heard));
        }
        self
    }

    /// The next event of any task; `None` at the end. Safe in a `select!`.
    pub async fn next(&mut self) -> Option<Watched> {
        StreamExt::next(self).await
    }
}

impl Stream for WatchMany {
    type Item = Watched;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let State::New(follower) = &mut self.state
            && let Some(follower) = follower.take()
        {
            self.state = State::Running(Box::pin(stream::unfold(*follower, Follower::step)));
        }
        match &mut self.state {
            State::Running(events) => events.as_mut().poll_next(context),
            State::New(_) => Poll::Ready(None),
        }
    }
}

impl fmt::Debug for WatchMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchMany").finish_non_exhaustive()
    }
}

struct Follower {
    client: Client,
    /// `None`: no more will come.
    commands: Option<UnboundedReceiver<Command>>,
    cursors: HashMap<String, Cursor>,
    /// Removed from the open stream: what comes of them was on its way.
    removed: HashSet<String>,
    stream: Option<Open>,
    patience: Patience,
    /// Tasks that were refused for the moment: when to add them again.
    again: Vec<(Instant, String)>,
    /// Tasks that no stream could be had for, to be told one by one.
    failed: Vec<(String, Error)>,
    give_up_after: Duration,
    on_break: Option<OnBreak>,
}

struct Open {
    requests: UnboundedSender<WatchResultsRequest>,
    messages: Streaming<WatchResultsResponse>,
    since: Instant,
}

/// What happens next.
enum Next {
    Command(Option<Command>),
    Message(Result<Option<WatchResultsResponse>, tonic::Status>),
    AddAgain,
}

impl Follower {
    async fn step(mut self) -> Option<(Watched, Self)> {
        self.next().await.map(|watched| (watched, self))
    }

    async fn next(&mut self) -> Option<Watched> {
        loop {
            if let Some((task_id, error)) = self.failed.pop() {
                let event = Err(error);
                return Some(Watched { task_id, event });
            }
            if self.cursors.is_empty() && self.commands.is_none() {
                return None;
            }
            if self.stream.is_none() && !self.cursors.is_empty() {
                self.take_commands();
                if let Err(error) = self.open().await {
                    self.broke(error).await;
                }
                continue;
            }
            match self.wait().await {
                Next::Command(Some(command)) => self.obey(command),
                Next::Command(None) => self.commands = None,
                Next::AddAgain => self.add_again(),
                Next::Message(Ok(Some(message))) => {
                    self.patience.restore();
                    if let Some(watched) = self.hear(message) {
                        return Some(watched);
                    }
                }
                Next::Message(Ok(None)) => {
                    let address = &self.client.shared().results.address;
                    let ended = "the stream ended before the results";
                    let error = Error::new(ErrorKind::ConnectionLost, Outcome::NotApplied, address, ended);
                    self.broke(error).await;
                }
                Next::Message(Err(status)) => {
                    let error = Error::from_status(&status, &self.client.shared().results.address);
                    self.broke(error).await;
                }
            }
        }
    }

    async fn wait(&mut self) -> Next {
        let due = self.again.iter().map(|(due, _)| *due).min();
        let (commands, stream) = (&mut self.commands, &mut self.stream);
        tokio::select! {
            command = async { commands.as_mut()?.recv().await }, if commands.is_some() => Next::Command(command),
            message = async {
                match stream {
                    Some(open) => open.messages.message().await,
                    None => std::future::pending().await,
                }
            } => Next::Message(message),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Next::AddAgain,
        }
    }

    /// What was said while there was no stream.
    fn take_commands(&mut self) {
        while let Some(Ok(command)) = self.commands.as_mut().map(UnboundedReceiver::try_recv) {
            self.obey(command);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Add(target) => {
                let mut cursor = Cursor::after(target.after_sequence);
                // Events that were sent before this may still come.
                cursor.restarting = self.cursors.contains_key(&target.task_id) || self.removed.remove(&target.task_id);
                self.cursors.insert(target.task_id.clone(), cursor);
                self.say(WatchResultsRequest {
                    add: vec![target],
                    remove: Vec::new(),
                });
            }
            Command::Remove(task_id) => {
                if self.cursors.remove(&task_id).is_some() && self.stream.is_some() {
                    self.removed.insert(task_id.clone());
                }
                self.say(WatchResultsRequest {
                    add: Vec::new(),
                    remove: vec![task_id],
                });
            }
        }
    }

    fn say(&self, request: WatchResultsRequest) {
        if let Some(open) = &self.stream {
            // A stream that is gone is noticed by its messages, and the next one is told everything.
            let _ = open.requests.send(request);
        }
    }

    async fn open(&mut self) -> Result<(), Error> {
        let (requests, receiver) = unbounded_channel();
        let targets: Vec<WatchTarget> = self.cursors.iter().map(target).collect();
        for add in targets.chunks(CHUNK) {
            let (add, remove) = (add.to_vec(), Vec::new());
            // The receiver is here.
            let _ = requests.send(WatchResultsRequest { add, remove });
        }
        self.again.clear();
        self.removed.clear();
        self.cursors.values_mut().for_each(|cursor| cursor.restarting = false);
        let receiver = UnboundedReceiverStream::new(receiver);
        let call = async |mut stub: ResultsServiceClient<_>| stub.watch_results(receiver).await;
        let messages = open_stream(&self.client, call).await?;
        self.patience.established = true;
        self.stream = Some(Open {
            requests,
            messages,
            since: Instant::now(),
        });
        Ok(())
    }

    /// The stream broke, or could not be had.
    async fn broke(&mut self, error: Error) {
        let steady = self.stream.take().is_some_and(|open| open.since.elapsed() >= STEADY);
        let first = self.client.shared().limits;
        match self.patience.bear(&error, steady, first, self.give_up_after) {
            Ok(pause) => {
                if let Some(heard) = self.on_break.as_ref().filter(|_| self.patience.established) {
                    heard(&error);
                }
                sleep(pause).await;
            }
            Err(error) => {
                self.patience.restore();
                self.failed
                    .extend(self.cursors.drain().map(|(id, _)| (id, error.clone())));
            }
        }
    }

    fn hear(&mut self, message: WatchResultsResponse) -> Option<Watched> {
        let WatchResultsResponse { task_id, item } = message;
        // One that was removed, while this was on its way.
        let cursor = self.cursors.get_mut(&task_id)?;
        let address = &self.client.shared().results.address;
        let event = match item? {
            Item::Event(event) => {
                let event = Event::from(event);
                match cursor.accept(&event) {
                    Ok(true) => Ok(event),
                    Ok(false) => return None,
                    Err(hole) => Err(Error::contract(address, hole)),
                }
            }
            Item::Error(status) => {
                let error = Error::from_message(&status, address);
                if let Again::WhenBack(delay) = error.resume() {
                    let due = Instant::now() + delay + backoff(1, Duration::MAX);
                    self.again.push((due, task_id));
                    return None;
                }
                Err(error)
            }
        };
        if event.is_err() || cursor.finished {
            self.cursors.remove(&task_id);
        }
        Some(Watched { task_id, event })
    }

    fn add_again(&mut self) {
        let now = Instant::now();
        let due: Vec<String> = self
            .again
            .extract_if(.., |(due, _)| *due <= now)
            .map(|(_, id)| id)
            .collect();
        let add: Vec<WatchTarget> = due
            .iter()
            .filter_map(|id| self.cursors.get_key_value(id))
            .map(target)
            .collect();
        let remove = Vec::new();
        self.say(WatchResultsRequest { add, remove });
    }
}

fn target((task_id, cursor): (&String, &Cursor)) -> WatchTarget {
    WatchTarget {
        task_id: task_id.clone(),
        after_sequence: cursor.last_sequence,
    }
}
