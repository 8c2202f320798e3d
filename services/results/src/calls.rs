//! The open calls of the process: ending them when it drains, and closing streams whose client has stopped reading.
//!
//! A stream cannot notice by itself that its client is stuck: nobody polls it then. So somebody else looks at all of them now and then.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use prometheus_client::metrics::gauge::Gauge;
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

use crate::watch::Engine;

/// How long [`Calls::drain`] waits for the calls to end. A client that reads nothing cannot be told; the port cuts it later.
const DRAIN_WAIT: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(crate) struct Calls {
    streams: Mutex<Streams>,
    draining: CancellationToken,
    open: TaskTracker,
    gauge: Gauge,
}

#[derive(Default)]
struct Streams {
    open: HashMap<u64, Weak<Mutex<Engine>>>,
    next: u64,
}

/// An open stream. It is known to [`Calls`] as long as this lives.
pub(crate) struct OpenStream {
    calls: Arc<Calls>,
    id: u64,
    engine: Arc<Mutex<Engine>>,
    _open: TaskTrackerToken,
}

impl OpenStream {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Engine> {
        lock(&self.engine)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        lock(&self.calls.streams).open.remove(&self.id);
        self.calls.gauge.dec();
    }
}

impl Calls {
    pub(crate) fn new(gauge: Gauge) -> Self {
        Self {
            gauge,
            ..Self::default()
        }
    }

    pub(crate) fn open(self: &Arc<Self>, engine: Engine) -> OpenStream {
        let engine = Arc::new(Mutex::new(engine));
        let mut streams = lock(&self.streams);
        let id = streams.next;
        streams.next += 1;
        streams.open.insert(id, Arc::downgrade(&engine));
        self.gauge.inc();
        OpenStream {
            calls: Arc::clone(self),
            id,
            engine,
            _open: self.open.token(),
        }
    }

    /// For a call that is no stream: [`Calls::drain`] waits for it as long as the token lives.
    pub(crate) fn enter(&self) -> TaskTrackerToken {
        self.open.token()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Returns when draining begins.
    pub(crate) async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Tells all calls to end.
    pub(crate) fn begin_drain(&self) {
        self.draining.cancel();
        self.open.close();
        for engine in self.streams() {
            lock(&engine).wake();
        }
    }

    /// Tells all calls to end and waits until they have.
    pub(crate) async fn drain(&self) {
        self.begin_drain();
        if tokio::time::timeout(DRAIN_WAIT, self.open.wait()).await.is_err() {
            tracing::debug!(
                calls = self.open.len(),
                "clients that read nothing could not be told to go elsewhere"
            );
        }
    }

    /// Closes the streams that were owed a poll for `limit`.
    pub(crate) fn close_stalled(&self, now: Instant, limit: Duration) {
        for engine in self.streams() {
            lock(&engine).close_if_stalled(now, limit);
        }
    }

    fn streams(&self) -> Vec<Arc<Mutex<Engine>>> {
        lock(&self.streams).open.values().filter_map(Weak::upgrade).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
