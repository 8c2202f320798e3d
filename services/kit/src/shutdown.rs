//! Stopping: one token that everybody holds, and the signals that begin it.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::supervisor::{OnError, OnStop, Supervisor, TaskPolicy};

/// Exit code of a process that was told twice to stop: 128 + SIGINT, as shells do it.
pub const FORCED_EXIT_CODE: i32 = 130;

/// Says "stop" once, to everybody who holds a clone. Beginning it cancels nothing by itself: each holder finishes what it promised
/// and then returns. It cannot be taken back.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// A shutdown that was not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the shutdown. More calls change nothing.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// Whether it was begun.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Returns when it was begun. Cancel safe.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Like [`Shutdown::requested`], for futures that outlive the borrow.
    pub fn requested_owned(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.clone().cancelled_owned()
    }

    /// A shutdown that begins with this one, or alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }
}

/// From now on SIGTERM and SIGINT begin the shutdown; the second of them ends the process at once with [`FORCED_EXIT_CODE`].
///
/// The handlers are in place when this returns. Fails if the system refuses them.
pub fn listen_for_signals(shutdown: &Shutdown, supervisor: &Supervisor) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = shutdown.clone();
    let policy = TaskPolicy {
        on_error: OnError::Log,
        on_stop: OnStop::Abort,
    };
    supervisor.spawn(policy, "signals", async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        };
        // Signals are counted, not the state of the shutdown: an orchestrator's only SIGTERM must not cut short a shutdown that a
        // failed part began a moment before.
        let signal = next().await;
        tracing::info!(signal, "shutting down; a second signal exits at once");
        shutdown.begin();
        let signal = next().await;
        tracing::warn!(signal, "told again to stop: exiting at once");
        exit_at_once();
    });
    Ok(())
}

fn exit_at_once() {
    std::process::exit(FORCED_EXIT_CODE)
}

#[cfg(test)]
mod tests;
