//! Where handlers run. A handler that was stopped and does not yield cannot be ended from outside: it keeps its place until it ends by
//! itself, and the worker takes that many tasks fewer. One that the runtime never gets to, because others block its threads, does not run.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// A handler that has not begun, or not ended, this long after it should have is worth a word.
const PATIENCE: Duration = Duration::from_secs(5);

/// The place of one handler, as the session sees it.
#[derive(Debug, Clone)]
pub(super) struct Place(Arc<State>);

/// The same as the handler's future sees it: dropped with it.
#[derive(Debug)]
pub(super) struct Occupied(Arc<State>);

#[derive(Debug, Default)]
struct State {
    begun: AtomicBool,
    over: AtomicBool,
    /// The session wants to know when this changes.
    watched: AtomicBool,
    changed: Arc<Notify>,
}

/// What is wrong with the places of one worker.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Stopped, and not over: since when.
    left: Vec<(Instant, Place)>,
    /// Given to the runtime, in that order; those at the front that have begun are forgotten.
    waiting: VecDeque<(Instant, Place)>,
    changed: Arc<Notify>,
}

impl Occupied {
    /// The runtime has got to the handler.
    pub(super) fn begin(&self) {
        self.0.begun.store(true, SeqCst);
        self.0.tell();
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.0.over.store(true, SeqCst);
        self.0.tell();
    }
}

impl State {
    fn tell(&self) {
        if self.watched.load(SeqCst) {
            self.changed.notify_one();
        }
    }
}

impl Place {
    fn is_over(&self) -> bool {
        self.0.over.load(SeqCst)
    }

    fn has_begun(&self) -> bool {
        self.0.begun.load(SeqCst) || self.is_over()
    }

    /// From here on a change is told. Whoever looks afterwards sees every change that was not.
    fn watch(&self) {
        self.0.watched.store(true, SeqCst);
    }
}

impl Places {
    /// A place for a handler that is about to be given to the runtime.
    pub(super) fn take(&mut self) -> (Place, Occupied) {
        let changed = Arc::clone(&self.changed);
        let state = Arc::new(State {
            changed,
            ..State::default()
        });
        let place = Place(Arc::clone(&state));
        self.waiting.push_back((Instant::now(), place.clone()));
        (place, Occupied(state))
    }

    /// Its handler was told to end: until it does, nobody else gets the place.
    pub(super) fn leave(&mut self, place: &Place) {
        place.watch();
        if !place.is_over() {
            self.left.push((Instant::now(), place.clone()));
        }
    }

    /// Ready when a handler that was left ends, or a late one begins. Cancel-safe.
    pub(super) fn changed(&self) -> impl Future<Output = ()> + use<> {
        let changed = Arc::clone(&self.changed);
        async move { changed.notified().await }
    }

    /// Forgets what is in order again.
    pub(super) fn look(&mut self) {
        self.left.retain(|(_, place)| !place.is_over());
        while let Some((since, place)) = self.waiting.front() {
            if since.elapsed() >= PATIENCE {
                place.watch();
            }
            if !place.has_begun() {
                break;
            }
            self.waiting.pop_front();
        }
    }

    /// Places that are kept by handlers which were stopped.
    pub(super) fn kept(&self) -> usize {
        self.left.len()
    }

    /// Whether a handler still waits for a thread after all this time.
    pub(super) fn are_blocked(&self) -> bool {
        self.waiting
            .front()
            .is_some_and(|(since, _)| since.elapsed() >= PATIENCE)
    }

    /// Handlers that were stopped long ago and still run.
    pub(super) fn stuck(&self) -> usize {
        let long_ago = |(since, _): &&(Instant, Place)| since.elapsed() >= PATIENCE;
        self.left.iter().filter(long_ago).count()
    }

    /// When there will be more to say than now.
    pub(super) fn due(&self) -> Option<Instant> {
        let all = self.left.iter().chain(self.waiting.front());
        let due = all.map(|(since, _)| *since + PATIENCE);
        due.filter(|due| *due > Instant::now()).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_told(places: &Places) -> bool {
        futures_util::FutureExt::now_or_never(places.changed()).is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_handler_keeps_its_place_until_it_is_over() {
        let mut places = Places::default();
        let ((place, occupied), (ended, over)) = (places.take(), places.take());
        occupied.begin();
        drop(over);
        places.leave(&ended);
        places.leave(&place);
        places.look();
        assert_eq!((places.kept(), places.stuck()), (1, 0));
        assert_eq!(places.due(), Some(Instant::now() + PATIENCE));
        tokio::time::advance(PATIENCE).await;
        assert_eq!((places.stuck(), places.due()), (1, None));
        assert!(!is_told(&places));
        drop(occupied);
        assert!(is_told(&places));
        places.look();
        assert_eq!((places.kept(), places.stuck()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_does_not_begin_blocks_until_it_does() {
        let mut places = Places::default();
        let ((_, first), (_, second)) = (places.take(), places.take());
        first.begin();
        places.look();
        assert!(!places.are_blocked());
        tokio::time::advance(PATIENCE).await;
        places.look();
        assert!(places.are_blocked());
        second.begin();
        assert!(is_told(&places));
        places.look();
        assert!(!places.are_blocked() && places.due().is_none());
    }

    #[tokio::test]
    async fn an_ordinary_end_wakes_nobody() {
        let mut places = Places::default();
        let (_, occupied) = places.take();
        occupied.begin();
        drop(occupied);
        assert!(!is_told(&places));
        places.look();
        assert!(places.waiting.is_empty());
    }
}
