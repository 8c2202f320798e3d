//! Runs tasks: a handler process for the worker protocol (`WorkerService.Work`).
//!
//! ```text
//!                 ┌──────────── session, on a thread of its own ────────────┐
//!  Work stream ──▶│ assignments ─▶ held leases ─▶ handlers (caller's runtime)│
//!              ◀──│ echoes, settles ◀─ reports (bounded) ◀──────────────────┘
//! ```
//!
//! The session echoes the server's pings, which renews the leases, on a thread of its own: handlers that keep the runtime busy do not
//! cost their leases. What is held outlives a broken stream: the next stream names it, and every settle that was not answered is said
//! again. A settle is done when the server has answered it, not before.

mod context;
mod failure;
mod health;
mod held;
mod job;
mod outgoing;
mod places;
mod session;
mod stream;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

pub use context::{CancelCause, CancelRequest, Context, ReportError};
pub use failure::Failure;
pub use health::{WorkerHandle, WorkerStatus};
use job::Handler;
use session::Session;
use tokio::sync::oneshot;

use crate::{Client, Error, Payload, TaskState, proto_time::bounded};

const DEFAULT_GRACE: Duration = Duration::from_secs(20);
const DEFAULT_CANCEL_GRACE: Duration = Duration::from_secs(5);
const MOST_CONCURRENCY: u32 = 10_000;

/// A handler process: leases tasks and runs their handlers.
#[must_use = "a worker does nothing until `run`"]
pub struct Worker(Setup);

/// Sets up a [`Worker`].
#[must_use]
pub struct WorkerBuilder {
    setup: Setup,
    problem: Option<String>,
}

/// What a session works by.
pub(crate) struct Setup {
    client: Client,
    queues: Vec<String>,
    handlers: HashMap<String, Handler>,
    concurrency: u32,
    grace: Duration,
    cancel_grace: Duration,
    connect_within: Option<Duration>,
    name: String,
    listener: Option<Listener>,
    handle: WorkerHandle,
}

type Listener = Arc<dyn Fn(&WorkerEvent) + Send + Sync>;

/// What happens to a worker, for logs and displays.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum WorkerEvent {
    /// It is registered and gets tasks.
    Connected {
        /// The worker role's address.
        address: String,
    },
    /// The stream broke or could not be had; it is tried again. Tasks go on running, and their leases are kept if it is back in time.
    Disconnected {
        /// Why.
        error: Error,
    },
    /// A handler starts.
    Started {
        /// The task.
        task: TaskFacts,
    },
    /// The server has stored how an attempt ended.
    Settled {
        /// The task.
        task: TaskFacts,
        /// Its state now: scheduled or queued if another attempt follows.
        state: TaskState,
    },
    /// A lease was lost; the handler was stopped, and nothing it said counts.
    LeaseLost {
        /// The task.
        task: TaskFacts,
    },
    /// The server refused what was said of a task.
    Refused {
        /// The task.
        task: TaskFacts,
        /// Why, naming the field and the limit.
        message: String,
    },
    /// It was told to stop: no more tasks, what runs may finish within the grace.
    Draining {
        /// Tasks that run.
        running: usize,
    },
    /// Handlers that were stopped 5 s ago or more do not yield, and keep their places: the worker takes that many tasks fewer. Told when they
    /// become more.
    Stuck {
        /// How many.
        handlers: usize,
    },
}

/// Which attempt of which task.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskFacts {
    /// The task.
    pub task_id: String,
    /// Its kind.
    pub kind: String,
    /// The attempt, from 1.
    pub attempt: i32,
}

impl Worker {
    /// Sets up a worker that reaches the server as `client` does.
    pub fn builder(client: &Client) -> WorkerBuilder {
        WorkerBuilder {
            setup: Setup {
                client: client.clone(),
                queues: Vec::new(),
                handlers: HashMap::new(),
                concurrency: 16,
                grace: DEFAULT_GRACE,
                cancel_grace: DEFAULT_CANCEL_GRACE,
                connect_within: None,
                name: default_name(),
                listener: None,
                handle: WorkerHandle::new(),
            },
            problem: None,
        }
    }

    /// Answers how the worker is while it runs: for a readiness probe.
    ///
    /// ```no_run
    /// # async fn example(worker: tidemill_client::Worker) -> Result<(), tidemill_client::Error> {
    /// let handle = worker.handle();
    /// tokio::spawn(async move {
    ///     // In the program's own HTTP server: 200 if `handle.is_healthy()`, else 503 with `handle.status()`.
    ///     println!("{}", handle.status());
    /// });
    /// worker.run(tidemill_client::shutdown_signal()).await
    /// # }
    /// ```
    #[must_use]
    pub fn handle(&self) -> WorkerHandle {
        self.0.handle.clone()
    }

    /// Runs tasks until `shutdown` is ready, e.g. [`shutdown_signal()`]; then takes no more, lets what runs finish within the grace,
    /// gives the rest back without charging an attempt, and returns when the server has confirmed all of it. Handlers run on the runtime
    /// that calls this. If this future is dropped before that, what runs is stopped and given back, as long as the process lives on.
    ///
    /// # Errors
    /// What no other connection would mend, e.g. a queue's name that the server refuses; or that at the end some tasks could neither be
    /// settled nor given back: their leases expire, which counts as a crash.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
        let handlers_run_on = tokio::runtime::Handle::current();
        let (result, ended) = oneshot::channel();
        let handle = self.handle();
        // Dropped with this future, which tells the session that nobody waits any more.
        let (_wanted, unwanted) = oneshot::channel::<()>();
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let outcome = match runtime {
                Ok(runtime) => {
                    let outcome = runtime.block_on(Session::new(self.0, handlers_run_on).run(shutdown, unwanted));
                    // A name that is still being looked up must not hold up the end.
                    runtime.shutdown_background();
                    outcome
                }
                Err(error) => Err(Error::invalid(format!("no runtime for the session: {error}"))),
            };
            let status = outcome
                .as_ref()
                .map_or(WorkerStatus::Failed, |()| WorkerStatus::Stopped);
            handle.set(status, None);
            let _ = result.send(outcome);
        };
        std::thread::Builder::new()
            .name("tidemill-worker".to_owned())
            .spawn(run)
            .map_err(|error| Error::invalid(format!("no thread for the session: {error}")))?;
        ended
            .await
            .unwrap_or_else(|_| Err(Error::contract("", "the session ended without a result")))
    }
}

impl WorkerBuilder {
    /// A queue to serve; may be called for up to 64. Without it: `default`.
    pub fn queue(mut self, name: impl Into<String>) -> Self {
        self.setup.queues.push(name.into());
        self
    }

    /// The handler of a kind. It gets one attempt of one task at a time and says how it ended: an output, or a [`Failure`]; any error
    /// that `?` is used on becomes a failure that is tried again. A panic is caught and reported as a failure.
    pub fn handle<F, Fut, O>(mut self, kind: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, Failure>> + Send + 'static,
        O: Into<Payload>,
    {
        let handler: Handler = Arc::new(move |context| {
            let running = handler(context);
            Box::pin(async move { running.await.map(Into::into) })
                as Pin<Box<dyn Future<Output = Result<Payload, Failure>> + Send>>
        });
        match self.setup.handlers.entry(kind.into()) {
            Entry::Occupied(entry) => self.problem = Some(format!("kind `{}` has two handlers", entry.key())),
            Entry::Vacant(entry) => drop(entry.insert(handler)),
        }
        self
    }

    /// Tasks that run at a time, 1 to 10,000: the credits given to the server. Without it: 16.
    pub fn concurrency(mut self, tasks: u32) -> Self {
        self.setup.concurrency = tasks;
        self
    }

    /// How long running tasks may go on after the shutdown began, before they are given back. Without it: 20 s.
    pub fn grace(mut self, time: Duration) -> Self {
        self.setup.grace = bounded(time);
        self
    }

    /// How long a handler that was asked to stop may go on before its future is dropped. Without it: 5 s. The server's own patience with
    /// an attempt that ran too long is 10 s.
    pub fn cancel_grace(mut self, time: Duration) -> Self {
        self.setup.cancel_grace = bounded(time);
        self
    }

    /// Fails if the first connection takes longer than this. Without it: waits for the server as long as it takes.
    pub fn connect_within(mut self, time: Duration) -> Self {
        self.setup.connect_within = Some(time);
        self
    }

    /// Name in the server's logs, at most 128 bytes. Without it: the host's name, if the environment has it, and the process id.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.setup.name = name.into();
        self
    }

    /// Hears of what happens, on the session's thread: must not block. Everything is logged through `tracing` as well.
    pub fn on_event(mut self, listener: impl Fn(&WorkerEvent) + Send + Sync + 'static) -> Self {
        self.setup.listener = Some(Arc::new(listener));
        self
    }

    /// Checks the setup.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid): no handler, two for one kind, or a concurrency out of range.
    pub fn build(self) -> Result<Worker, Error> {
        if let Some(problem) = self.problem {
            return Err(Error::invalid(problem));
        }
        if self.setup.handlers.is_empty() {
            return Err(Error::invalid("a worker needs a handler for at least one kind"));
        }
        let concurrency = self.setup.concurrency;
        if !(1..=MOST_CONCURRENCY).contains(&concurrency) {
            return Err(Error::invalid(format!(
                "concurrency {concurrency} is not between 1 and {MOST_CONCURRENCY}"
            )));
        }
        Ok(Worker(self.setup))
    }
}

impl Setup {
    fn tell(&self, event: &WorkerEvent) {
        match event {
            WorkerEvent::Disconnected { error } => tracing::warn!(%error, "disconnected; tried again"),
            WorkerEvent::LeaseLost { task } => tracing::warn!(task_id = task.task_id, kind = task.kind, "lease lost"),
            WorkerEvent::Refused { task, message } => {
                tracing::warn!(task_id = task.task_id, kind = task.kind, message, "refused");
            }
            WorkerEvent::Connected { address } => tracing::info!(address, "connected"),
            WorkerEvent::Draining { running } => tracing::info!(running, "draining"),
            WorkerEvent::Stuck { handlers } => {
                tracing::warn!(handlers, "stopped handlers do not end; that many tasks fewer are taken");
            }
            WorkerEvent::Started { task } => tracing::debug!(task_id = task.task_id, kind = task.kind, "started"),
            WorkerEvent::Settled { task, state } => {
                tracing::debug!(task_id = task.task_id, kind = task.kind, %state, "settled");
            }
        }
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("kinds", &self.0.handlers.keys())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for WorkerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerBuilder")
            .field("kinds", &self.setup.handlers.keys())
            .finish_non_exhaustive()
    }
}

fn default_name() -> String {
    let pid = std::process::id();
    match std::env::var("HOSTNAME") {
        Ok(host) if !host.is_empty() => format!("{host}:{pid}"),
        _ => format!("pid {pid}"),
    }
}

/// Ready when the process is told to stop: by SIGTERM or SIGINT (Ctrl-C). For [`Worker::run`].
///
/// # Panics
/// When it is first polled, if the runtime has no I/O or the platform refuses the signal handlers.
#[expect(
    clippy::expect_used,
    reason = "without signals a worker could not be stopped in order: say so at the start"
)]
pub async fn shutdown_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut term = signal(SignalKind::terminate()).expect("a handler for SIGTERM");
        let mut interrupt = signal(SignalKind::interrupt()).expect("a handler for SIGINT");
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.expect("a handler for Ctrl-C");
}
