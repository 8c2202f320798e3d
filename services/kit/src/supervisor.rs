//! Background futures with a name and a policy. This is the only module that calls `tokio::spawn`.
//!
//! A panic is a bug, but it ends only its own future: it is caught, counted and logged, and the policy decides what happens next.

mod registry;
mod task;

use std::time::Duration;

use prometheus_client::metrics::{counter::Counter, family::Family};

use self::{
    registry::Registry,
    task::{CatchPanic, Ended},
};
use crate::{metrics::Metrics, shutdown::Shutdown};

pub use self::task::TaskOutput;
pub(crate) use self::task::panic_message;

/// How long [`Supervisor::spawn_restarting`] waits before it starts a failed future again; doubled each time up to the second.
const RESTART_BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// How long [`Supervisor::shutdown`] waits for aborted futures to be dropped.
const ABORT_WAIT: Duration = Duration::from_secs(1);

/// What an error or a panic of a future means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// The process cannot do its job without it: begin the shutdown and report the failure.
    Shutdown,
    /// It concerns nobody else: log it.
    Log,
}

/// What the end of the process means to a future.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStop {
    /// It watches [`Shutdown`] itself and ends when its work is done.
    Wait,
    /// It has nothing to finish: dropped once all the [`OnStop::Wait`] futures are done, who may still need it.
    Abort,
}

/// Declared at every spawn, so that neither question is answered by accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskPolicy {
    /// What an error or a panic means.
    pub on_error: OnError,
    /// What the end of the process means.
    pub on_stop: OnStop,
}

/// How a shutdown went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "a shutdown that left something behind should be logged, and a failure should become the exit code"]
pub struct ShutdownReport {
    /// The first failure of a future whose policy is [`OnError::Shutdown`], as "name: message".
    pub failure: Option<String>,
    /// Names of what was still running when the grace ended, sorted, one entry each.
    pub left: Vec<&'static str>,
    /// Panics since the process started.
    pub panics: u64,
}

impl ShutdownReport {
    /// Whether everything ended in time and nothing had failed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.failure.is_none() && self.left.is_empty()
    }
}

/// Spawns futures, watches them, and ends them. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Supervisor {
    registry: Registry,
    shutdown: Shutdown,
    panics: Family<[(&'static str, &'static str); 1], Counter>,
}

impl Supervisor {
    /// `shutdown` is begun when a future fails whose policy is [`OnError::Shutdown`]. Registers its metrics: one for each process.
    #[must_use]
    pub fn new(shutdown: Shutdown, metrics: &Metrics) -> Self {
        let panics = Family::default();
        metrics.register(|r| {
            r.register(
                "supervisor_panics",
                "Panics caught in background futures, by name of the future",
                panics.clone(),
            );
        });
        Self {
            registry: Registry::default(),
            shutdown,
            panics,
        }
    }

    /// The shutdown that this supervisor begins when a vital future fails.
    #[must_use]
    pub fn shutdown_token(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Runs a future in the background. It may return `()` or a `Result<(), E>`. Must be called within a tokio runtime.
    pub fn spawn<F>(&self, policy: TaskPolicy, name: &'static str, future: F)
    where
        F: Future<Output: TaskOutput> + Send + 'static,
    {
        let this = self.clone();
        self.register_and_spawn(name, policy.on_stop == OnStop::Abort, async move {
            let ended = CatchPanic::new(future).await;
            if let Some(message) = this.note(name, ended) {
                this.failed(policy.on_error, name, message);
            }
        });
    }

    /// Runs the futures that `make` returns, one after another: after an error or a panic the next one starts, with a growing delay,
    /// until the shutdown begins. One that returns without error ends it.
    pub fn spawn_restarting<F, M>(&self, on_stop: OnStop, name: &'static str, mut make: M)
    where
        F: Future<Output: TaskOutput> + Send + 'static,
        M: FnMut() -> F + Send + 'static,
    {
        let this = self.clone();
        self.register_and_spawn(name, on_stop == OnStop::Abort, async move {
            let (mut backoff, longest) = RESTART_BACKOFF;
            while let Some(message) = this.note(name, CatchPanic::new(make()).await) {
                tracing::error!(
                    name,
                    error = message,
                    ?backoff,
                    "background future failed; starting it again"
                );
                tokio::select! {
                    () = this.shutdown.requested() => break,
                    () = tokio::time::sleep(backoff) => backoff = (backoff * 2).min(longest),
                }
            }
        });
    }

    /// Runs a future that must never be cancelled, because somebody relies on its effects: a command in flight, a batch whose callers
    /// wait. It is waited for at shutdown, and left running, not aborted, when the grace is over.
    pub fn spawn_detached<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output: TaskOutput> + Send + 'static,
    {
        self.spawn(
            TaskPolicy {
                on_error: OnError::Log,
                on_stop: OnStop::Wait,
            },
            name,
            future,
        );
    }

    /// Begins the shutdown, waits up to `grace` for all [`OnStop::Wait`] futures, then aborts the [`OnStop::Abort`] ones. Returns at
    /// the latest `grace` + 1 s after the call; what it names as left ends with the process.
    pub async fn shutdown(&self, grace: Duration) -> ShutdownReport {
        self.shutdown.begin();
        let in_time = tokio::time::timeout(grace, self.registry.wait_until_waited_for_are_done())
            .await
            .is_ok();
        let mut left = if in_time { Vec::new() } else { self.registry.names() };
        self.registry.abort();
        if tokio::time::timeout(ABORT_WAIT, self.registry.wait_until_aborted_are_gone())
            .await
            .is_err()
        {
            left.extend(self.registry.names_of_aborted());
        }
        left.sort_unstable();
        left.dedup();
        if !left.is_empty() {
            tracing::warn!(?left, ?grace, "background futures did not end in time");
        }
        ShutdownReport {
            failure: self.registry.failure(),
            left,
            panics: self.registry.panics(),
        }
    }

    /// Panics caught so far.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.registry.panics()
    }

    #[expect(clippy::disallowed_methods, reason = "the place that the rule points to")]
    fn register_and_spawn(
        &self,
        name: &'static str,
        abort_on_stop: bool,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        let guard = self.registry.enter(name, abort_on_stop);
        let id = guard.id();
        let handle = tokio::spawn(async move {
            // Leaves the registry however this ends: return, abort, or the runtime's end.
            let _guard = guard;
            future.await;
        });
        if abort_on_stop {
            self.registry.set_abort_handle(id, handle.abort_handle());
        }
    }

    /// The message if the future failed; counts panics.
    fn note(&self, name: &'static str, ended: Ended) -> Option<String> {
        match ended {
            Ended::Well => None,
            Ended::Failed(message) => Some(message),
            Ended::Panicked(message) => {
                self.registry.count_panic();
                self.panics.get_or_create(&[("name", name)]).inc();
                Some(format!("panic: {message}"))
            }
        }
    }

    fn failed(&self, on_error: OnError, name: &'static str, message: String) {
        match on_error {
            OnError::Log => tracing::error!(name, error = message, "background future failed"),
            OnError::Shutdown => {
                tracing::error!(name, error = message, "vital background future failed: shutting down");
                self.registry.set_failure(format!("{name}: {message}"));
                self.shutdown.begin();
            }
        }
    }
}

#[cfg(test)]
mod tests;
