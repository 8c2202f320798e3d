//! Who is running: names for the report, handles to abort with, and a signal when somebody leaves.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::watch, task::AbortHandle};

#[derive(Debug, Clone, Default)]
pub(super) struct Registry(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    running: watch::Sender<Running>,
}

/// How many futures are running, by what the end of the process means to them.
#[derive(Debug, Default, Clone, Copy)]
struct Running {
    waited_for: usize,
    aborted: usize,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<u64, Entry>,
    next_id: u64,
    aborting: bool,
    failure: Option<String>,
    panics: u64,
}

#[derive(Debug)]
struct Entry {
    name: &'static str,
    abort_on_stop: bool,
    handle: Option<AbortHandle>,
}

/// Keeps an entry in the registry for as long as its future exists.
pub(super) struct Guard {
    inner: Arc<Inner>,
    id: u64,
    abort_on_stop: bool,
}

impl Guard {
    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.inner.lock().entries.remove(&self.id);
        self.inner
            .running
            .send_modify(|running| *running.count(self.abort_on_stop) -= 1);
    }
}

impl Running {
    fn count(&mut self, abort_on_stop: bool) -> &mut usize {
        if abort_on_stop {
            &mut self.aborted
        } else {
            &mut self.waited_for
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    pub(super) fn enter(&self, name: &'static str, abort_on_stop: bool) -> Guard {
        let mut state = self.0.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.entries.insert(
            id,
            Entry {
                name,
                abort_on_stop,
                handle: None,
            },
        );
        drop(state);
        self.0.running.send_modify(|running| *running.count(abort_on_stop) += 1);
        Guard {
            inner: Arc::clone(&self.0),
            id,
            abort_on_stop,
        }
    }

    /// The future may have ended already; then there is nothing to remember. If the stop has come already, it is aborted now.
    pub(super) fn set_abort_handle(&self, id: u64, handle: AbortHandle) {
        let mut state = self.0.lock();
        if state.aborting {
            handle.abort();
        } else if let Some(entry) = state.entries.get_mut(&id) {
            entry.handle = Some(handle);
        }
    }

    /// Aborts all that may be aborted, and from now on everything of the sort that is spawned.
    pub(super) fn abort(&self) {
        let mut state = self.0.lock();
        state.aborting = true;
        let handles: Vec<AbortHandle> = state
            .entries
            .values_mut()
            .filter_map(|entry| entry.handle.take())
            .collect();
        // Aborting may drop a future at once, whose guard takes the lock.
        drop(state);
        handles.iter().for_each(AbortHandle::abort);
    }

    pub(super) async fn wait_until_waited_for_are_done(&self) {
        // The sender is in self, so the channel cannot close while this waits.
        let _ = self
            .0
            .running
            .subscribe()
            .wait_for(|running| running.waited_for == 0)
            .await;
    }

    pub(super) async fn wait_until_aborted_are_gone(&self) {
        let _ = self
            .0
            .running
            .subscribe()
            .wait_for(|running| running.aborted == 0)
            .await;
    }

    /// Names of the futures that are waited for.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.names_where(|entry| !entry.abort_on_stop)
    }

    pub(super) fn names_of_aborted(&self) -> Vec<&'static str> {
        self.names_where(|entry| entry.abort_on_stop)
    }

    fn names_where(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<&'static str> {
        self.0
            .lock()
            .entries
            .values()
            .filter(|entry| wanted(entry))
            .map(|entry| entry.name)
            .collect()
    }

    pub(super) fn count_panic(&self) {
        self.0.lock().panics += 1;
    }

    pub(super) fn panics(&self) -> u64 {
        self.0.lock().panics
    }

    /// The first failure counts: later ones are often its consequences.
    pub(super) fn set_failure(&self, failure: String) {
        self.0.lock().failure.get_or_insert(failure);
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.0.lock().failure.clone()
    }
}
