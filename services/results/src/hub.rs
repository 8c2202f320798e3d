//! Who watches which task.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
};

use prometheus_client::metrics::gauge::Gauge;
use tidemill_kit::status::ApiError;
use tidemill_model::id::TaskId;
use tidemill_store::Hint;

use crate::{
    error,
    mark::{Mark, Ready},
};

/// Watchers that are marked in one go after a gap, before others get their turn.
const GAP_STEP: usize = 512;

/// Task → its watchers, of the whole process.
#[derive(Debug)]
pub(crate) struct Hub {
    watchers: Mutex<Watchers>,
    most: usize,
    gauge: Gauge,
}

#[derive(Debug, Default)]
struct Watchers {
    of_task: HashMap<TaskId, Vec<Arc<Mark>>>,
    count: usize,
}

/// A watcher is known to the hub as long as this lives.
#[derive(Debug)]
pub(crate) struct Registration {
    hub: Arc<Hub>,
    mark: Arc<Mark>,
}

impl Hub {
    pub(crate) fn new(most: usize, gauge: Gauge) -> Self {
        Self {
            watchers: Mutex::default(),
            most,
            gauge,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Watchers> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a watcher, dirty, that `ready` calls `key`. Register first and read then: what happens in between is hinted.
    pub(crate) fn register(
        self: &Arc<Self>,
        task: TaskId,
        key: u64,
        ready: &Arc<Ready>,
    ) -> Result<Registration, ApiError> {
        let mut watchers = self.lock();
        if watchers.count >= self.most {
            return Err(error::process_is_full(self.most));
        }
        watchers.count += 1;
        self.gauge.inc();
        let mark = Arc::new(Mark::new(task, key, ready));
        let list = watchers.of_task.entry(task).or_default();
        mark.slot.store(list.len(), Ordering::Relaxed);
        list.push(Arc::clone(&mark));
        Ok(Registration {
            hub: Arc::clone(self),
            mark,
        })
    }

    fn unregister(&self, mark: &Mark) {
        let mut watchers = self.lock();
        let Some(list) = watchers.of_task.get_mut(&mark.task) else {
            return;
        };
        let slot = mark.slot();
        if slot >= list.len() {
            return;
        }
        list.swap_remove(slot);
        if let Some(moved) = list.get(slot) {
            moved.slot.store(slot, Ordering::Relaxed);
        }
        if list.is_empty() {
            watchers.of_task.remove(&mark.task);
        }
        watchers.count -= 1;
        self.gauge.dec();
    }

    /// Marks whom the hints concern. True: there was a gap, so everybody must be marked.
    pub(crate) fn apply(&self, hints: &[Hint]) -> bool {
        let watchers = self.lock();
        let mut gap = false;
        for hint in hints {
            match hint {
                Hint::Event(task, event) => {
                    for mark in watchers.of_task.get(task).into_iter().flatten() {
                        mark.event(event);
                    }
                }
                Hint::Changed(task, sequence) => {
                    for mark in watchers.of_task.get(task).into_iter().flatten() {
                        mark.hint(*sequence);
                    }
                }
                Hint::Gap => gap = true,
                Hint::StopRequested(_) | Hint::Waiting | Hint::Deadline(_) => {}
            }
        }
        gap
    }

    /// Marks everybody, in order and in steps: the store answers the reads in batches, and others want to be served in between.
    pub(crate) async fn mark_all(&self) {
        let all: Vec<Arc<Mark>> = self.lock().of_task.values().flatten().cloned().collect();
        for step in all.chunks(GAP_STEP) {
            for mark in step {
                mark.gap();
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Registration {
    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.hub.unregister(&self.mark);
    }
}

#[cfg(test)]
mod tests {
    use tidemill_proto::v1::ErrorReason;

    use super::*;

    fn settled(hub: &Arc<Hub>, task: TaskId, key: u64, ready: &Arc<Ready>, cursor: u32) -> Registration {
        let registration = hub.register(task, key, ready).unwrap();
        assert_eq!(ready.pop(), Some(key), "dirty from the start");
        registration.mark().begin();
        registration.mark().settle(cursor, false);
        registration
    }

    #[tokio::test]
    async fn marks_the_watchers_of_the_task_that_are_behind() {
        let hub = Arc::new(Hub::new(10, Gauge::default()));
        let (a, b) = (TaskId::new(1, 2, 3), TaskId::new(1, 2, 30));
        let ready = Arc::new(Ready::default());
        let _one = settled(&hub, a, 1, &ready, 5);
        let _two = settled(&hub, a, 2, &ready, 7);
        let _other = settled(&hub, b, 3, &ready, 1);
        assert!(!hub.apply(&[Hint::Changed(a, 6), Hint::Deadline(1)]));
        assert_eq!((ready.pop(), ready.pop()), (Some(1), None));
        assert!(hub.apply(&[Hint::Gap]));
        hub.mark_all().await;
        // The first is marked already.
        let mut marked = [ready.pop(), ready.pop(), ready.pop()];
        marked.sort();
        assert_eq!(marked, [None, Some(2), Some(3)]);
    }

    #[test]
    fn leaving_leaves_nothing_behind_and_the_limit_holds() {
        let gauge = Gauge::default();
        let hub = Arc::new(Hub::new(3, gauge.clone()));
        let ready = Arc::new(Ready::default());
        let task = TaskId::new(1, 2, 3);
        let mut all: Vec<_> = (0..3).map(|key| hub.register(task, key, &ready).unwrap()).collect();
        assert_eq!(
            hub.register(task, 9, &ready).unwrap_err().reason(),
            ErrorReason::WatchLimit
        );
        drop(all.remove(0));
        drop(all.remove(1));
        assert_eq!(gauge.get(), 1);
        assert_eq!(hub.lock().of_task[&task].len(), 1);
        drop(all);
        assert_eq!(gauge.get(), 0);
        assert!(hub.lock().of_task.is_empty());
    }
}
