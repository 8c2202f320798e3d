//! Dirty marks: how a stream learns that a task has something new.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use tidemill_model::{id::TaskId, record::StateEvent};

/// The dirty tasks of one stream, in the order in which they became dirty, and the stream's waker.
#[derive(Debug, Default)]
pub(crate) struct Ready(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    keys: VecDeque<u64>,
    waker: Option<Waker>,
}

impl Ready {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, key: u64) {
        let mut queue = self.lock();
        queue.keys.push_back(key);
        if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
    }

    /// The next dirty task.
    pub(crate) fn pop(&self) -> Option<u64> {
        let mut queue = self.lock();
        let key = queue.keys.pop_front();
        if queue.keys.is_empty() && queue.keys.capacity() > 64 {
            // A burst is over; an idle stream keeps no memory for it.
            queue.keys = VecDeque::new();
        }
        key
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().keys.is_empty()
    }

    /// From now on `cx` is woken by the next mark. Look for marks after this, not before.
    pub(crate) fn listen(&self, cx: &Context<'_>) {
        let mut queue = self.lock();
        if !queue.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            queue.waker = Some(cx.waker().clone());
        }
    }

    /// Wakes the stream for another reason than a mark.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.lock().waker.take() {
            waker.wake();
        }
    }

    /// Waits for the next dirty task, for callers that are not streams.
    pub(crate) async fn next(&self) -> u64 {
        std::future::poll_fn(|cx| {
            self.listen(cx);
            self.pop().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// One watcher of one task.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) task: TaskId,
    /// What the stream calls this watcher.
    key: u64,
    ready: Arc<Ready>,
    state: Mutex<State>,
    /// Place among the task's watchers; changed under the hub's lock only.
    pub(crate) slot: AtomicUsize,
}

#[derive(Debug)]
struct State {
    /// Number of the last event that was read.
    cursor: u32,
    /// Highest number that hints have named since the last read began; `u32::MAX` after a gap.
    wanted: u32,
    /// In the stream's queue, or taken from it and not settled yet. So a task is never queued twice and never read twice at a time.
    queued: bool,
    /// What comes right after the cursor, told by a hint, while nothing else is wanted: then there is no need to read.
    known: Option<StateEvent>,
}

impl Mark {
    /// Dirty from the start: nothing was read yet.
    pub(crate) fn new(task: TaskId, key: u64, ready: &Arc<Ready>) -> Self {
        ready.push(key);
        let state = State {
            cursor: 0,
            wanted: 0,
            queued: true,
            known: None,
        };
        Self {
            task,
            key,
            ready: Arc::clone(ready),
            state: Mutex::new(state),
            slot: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn slot(&self) -> usize {
        self.slot.load(Ordering::Relaxed)
    }

    /// The task has an event with this number.
    pub(crate) fn hint(&self, sequence: u32) {
        let mut state = self.lock();
        if sequence <= state.cursor {
            return;
        }
        state.wanted = state.wanted.max(sequence);
        state.known = None;
        if !state.queued {
            state.queued = true;
            self.ready.push(self.key);
        }
    }

    /// The task has this state event. One that comes right after what was read, and does not need the record, is taken from the hint.
    pub(crate) fn event(&self, event: &StateEvent) {
        let mut state = self.lock();
        if state.queued || event.sequence != state.cursor.saturating_add(1) || event.state.is_terminal() {
            drop(state);
            return self.hint(event.sequence);
        }
        state.known = Some(*event);
        state.queued = true;
        self.ready.push(self.key);
    }

    /// Hints may have been missed: as good as a hint of any number.
    pub(crate) fn gap(&self) {
        self.hint(u32::MAX);
    }

    /// The turn of this watcher: answers what a hint has told, if that is all there is, or else a read begins. The read will see whatever
    /// was hinted until now. Forgetting the number here and not after the read means that a hint which comes meanwhile is kept, and that
    /// one whose event the store has lost does not make us read for ever.
    pub(crate) fn begin(&self) -> Option<StateEvent> {
        let mut state = self.lock();
        state.wanted = 0;
        state.known.take()
    }

    /// The read has come up to `cursor`. Dirty again if there is `more`, or if a hint named a later event meanwhile.
    pub(crate) fn settle(&self, cursor: u32, more: bool) {
        let mut state = self.lock();
        state.cursor = cursor;
        state.queued = more || state.wanted > cursor;
        if state.queued {
            self.ready.push(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use tidemill_model::state::{Cause, TaskState};

    use super::*;

    fn mark() -> (Arc<Ready>, Mark) {
        let ready = Arc::new(Ready::default());
        let mark = Mark::new(TaskId::new(1, 2, 3), 7, &ready);
        (ready, mark)
    }

    #[test]
    fn a_new_mark_is_dirty_once() {
        let (ready, mark) = mark();
        mark.hint(1);
        assert_eq!((ready.pop(), ready.pop()), (Some(7), None));
    }

    #[test]
    fn what_was_read_already_is_no_news() {
        let (ready, mark) = mark();
        ready.pop();
        mark.begin();
        mark.settle(5, false);
        mark.hint(5);
        assert!(ready.is_empty());
        mark.hint(6);
        assert_eq!(ready.pop(), Some(7));
    }

    #[test]
    fn a_hint_during_a_read_is_kept_if_the_read_did_not_see_it() {
        let (ready, mark) = mark();
        ready.pop();
        mark.begin();
        mark.hint(4);
        mark.settle(4, false);
        assert!(ready.is_empty(), "the read saw it");
        mark.hint(5);
        ready.pop();
        mark.begin();
        mark.hint(6);
        mark.settle(5, false);
        assert_eq!(ready.pop(), Some(7), "the read did not see it");
        mark.begin();
        mark.settle(5, false);
        assert!(ready.is_empty(), "an event that is not there is not asked for twice");
    }

    #[test]
    fn a_gap_is_always_news() {
        let (ready, mark) = mark();
        ready.pop();
        mark.begin();
        mark.settle(9, false);
        mark.gap();
        assert_eq!(ready.pop(), Some(7));
    }

    fn step(sequence: u32, state: TaskState) -> StateEvent {
        StateEvent {
            sequence,
            state,
            cause: Cause::Leased,
            attempt: 1,
            time_ms: 1,
        }
    }

    #[test]
    fn the_next_event_is_taken_from_its_hint_unless_more_is_wanted() {
        let (ready, mark) = mark();
        ready.pop();
        assert_eq!(mark.begin(), None, "nothing was read yet");
        mark.settle(1, false);
        let leased = step(2, TaskState::Running);
        mark.event(&leased);
        assert_eq!(ready.pop(), Some(7));
        assert_eq!(mark.begin(), Some(leased));
        mark.settle(2, false);

        mark.event(&step(4, TaskState::Queued));
        ready.pop();
        assert_eq!(mark.begin(), None, "the third is missing");
        mark.settle(4, false);

        mark.event(&step(5, TaskState::Running));
        mark.event(&step(6, TaskState::Succeeded));
        assert_eq!((ready.pop(), ready.pop()), (Some(7), None));
        assert_eq!(mark.begin(), None, "the result needs the record");
        mark.settle(6, false);

        mark.event(&step(7, TaskState::Running));
        mark.gap();
        ready.pop();
        assert_eq!(mark.begin(), None, "after a gap nothing is known");
    }

    #[test]
    fn an_event_that_is_told_during_a_read_is_not_lost() {
        let (ready, mark) = mark();
        ready.pop();
        mark.begin();
        mark.event(&step(2, TaskState::Running));
        mark.settle(1, false);
        assert_eq!(ready.pop(), Some(7));
        assert_eq!(mark.begin(), None);
    }

    #[test]
    fn first_come_first_read_and_one_with_more_goes_to_the_tail() {
        let ready = Arc::new(Ready::default());
        let [a, _b] = [1, 2].map(|key| Mark::new(TaskId::new(1, 2, 3), key, &ready));
        assert_eq!(ready.pop(), Some(1));
        a.begin();
        a.settle(8, true);
        assert_eq!((ready.pop(), ready.pop(), ready.pop()), (Some(2), Some(1), None));
    }
}
