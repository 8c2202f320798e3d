//! What both streaming RPCs do: any number of tasks on one stream, as one future that the client's flow control polls.
//!
//! ```text
//!  Ready: dirty tasks ──▶ reads (≤ 128 at once) ──▶ outbox: one page of each ──▶ client
//!          ▲                                          │ next reads only when it is empty
//!          └── a task with more goes to the tail ◀────┘
//! ```
//!
//! Nothing is read for a client that does not take what was read before, and a task that has much to say waits for all others
//! between two of its pages.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tidemill_kit::status::ApiError;
use tidemill_model::{
    id::{Namespace, TaskId},
    wire::{Watch, step_event},
};
use tidemill_proto::v1::task_event::Event;
use tidemill_store::{ReadRequest, Reading, StoreError};

use crate::{
    error,
    hub::Registration,
    item::{End, Item, Turn},
    log::After,
    mark::Ready,
    read::{read_page, read_patiently},
    service::Shared,
    stall::Stall,
};

/// Reads of one stream under way: the store makes one call of them.
const MOST_READS: usize = 128;
/// A stream that reads is not taken for stalled before this time, however short the stall timeout is: longer than a command may take.
const READ_LIMIT: Duration = Duration::from_secs(15);

#[derive(Debug)]
struct Watched {
    registration: Registration,
    id: TaskId,
    name: Arc<str>,
    /// Number of the last event that went to the outbox.
    cursor: u32,
}

struct Read {
    key: u64,
    answer: Pin<Box<dyn Future<Output = Result<Option<Reading>, StoreError>> + Send>>,
}

/// The tasks of one stream. A watcher is named by a key that is never used twice, so that what belongs to a removed or restarted one
/// is recognized.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    namespace: Namespace,
    most_tasks: usize,
    most_entries: u32,
    ready: Arc<Ready>,
    watched: HashMap<u64, Watched>,
    keys: HashMap<TaskId, u64>,
    next_key: u64,
    reads: Vec<Read>,
    outbox: VecDeque<Item>,
    /// How often the client's side has asked for something.
    asked: u64,
    stall: Stall,
    stalled: bool,
}

impl Engine {
    /// `most_entries`: log entries of one page.
    pub(crate) fn new(shared: &Arc<Shared>, namespace: Namespace, most_tasks: usize, most_entries: u32) -> Self {
        Self {
            shared: Arc::clone(shared),
            namespace,
            most_tasks,
            most_entries,
            ready: Arc::default(),
            watched: HashMap::new(),
            keys: HashMap::new(),
            next_key: 0,
            reads: Vec::new(),
            outbox: VecDeque::new(),
            asked: 0,
            stall: Stall::default(),
            stalled: false,
        }
    }

    /// Watches a task from its cursor; one that is watched already starts again. `name`: the task as the client has named it.
    pub(crate) fn add(&mut self, watch: Watch, name: &str) {
        self.remove(&watch.id);
        let id = watch.id;
        let name = name.into();
        let key = self.next_key;
        self.next_key += 1;
        let registered = if self.watched.len() >= self.most_tasks {
            Err(error::stream_is_full(self.most_tasks))
        } else {
            self.shared.hub.register(id, key, &self.ready)
        };
        match registered {
            Ok(registration) => {
                // A cursor beyond every number there can be is beyond the last event, too.
                let cursor = u32::try_from(watch.after_sequence).unwrap_or(u32::MAX);
                self.watched.insert(
                    key,
                    Watched {
                        registration,
                        id,
                        name,
                        cursor,
                    },
                );
                self.keys.insert(id, key);
            }
            Err(error) => self.refuse(name, error),
        }
    }

    /// Whether [`Engine::take`] has something to give.
    pub(crate) fn has_items(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Says why a task is not watched.
    pub(crate) fn refuse(&mut self, name: Arc<str>, error: ApiError) {
        self.outbox.push_back(Item { name, what: Err(error) });
    }

    /// Stops watching a task, if it is watched.
    pub(crate) fn remove(&mut self, id: &TaskId) {
        if let Some(key) = self.keys.remove(id) {
            self.watched.remove(&key);
            self.reads.retain(|read| read.key != key);
        }
    }

    /// The next thing to hand out.
    pub(crate) fn take(&mut self) -> Option<Item> {
        self.asked += 1;
        let item = self.outbox.pop_front()?;
        if self.outbox.is_empty() {
            // An idle stream keeps no memory for pages.
            self.outbox = VecDeque::new();
        }
        if let Ok(event) = &item.what {
            self.shared.metrics.events.inc();
            if matches!(event.event, Some(Event::Truncated(_))) {
                self.shared.metrics.truncated.inc();
            }
        }
        Some(item)
    }

    /// Goes on until there is something to hand out. Call it when there is nothing left: that is what makes the client's pace ours.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Turn, End>> {
        self.asked += 1;
        self.ready.listen(cx);
        if self.stalled {
            return Poll::Ready(Err(End::Stalled));
        }
        loop {
            if !self.outbox.is_empty() {
                return Poll::Ready(Ok(Turn::Items));
            }
            if self.watched.is_empty() {
                return Poll::Ready(Ok(Turn::Empty));
            }
            if self.shared.calls.is_draining() {
                return Poll::Ready(Err(End::Draining));
            }
            self.start_reads();
            if !self.outbox.is_empty() {
                continue;
            }
            match self.poll_reads(cx) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(end) => return Poll::Ready(Err(end)),
            }
        }
    }

    fn start_reads(&mut self) {
        while self.reads.len() < MOST_READS && self.outbox.len() < MOST_READS {
            let Some(key) = self.ready.pop() else { break };
            // One that has left in the meantime is passed over.
            let Some(watched) = self.watched.get_mut(&key) else {
                continue;
            };
            if let Some(event) = watched.registration.mark().begin() {
                self.outbox.push_back(Item {
                    name: Arc::clone(&watched.name),
                    what: Ok(step_event(&event)),
                });
                watched.cursor = event.sequence;
                watched.registration.mark().settle(event.sequence, false);
                continue;
            }
            let request = ReadRequest {
                namespace: self.namespace.clone(),
                id: watched.id,
                with_body: false,
                after: Some(watched.cursor),
                most_entries: self.most_entries,
            };
            let answer = Box::pin(read_patiently(self.shared.store.clone(), request));
            self.reads.push(Read { key, answer });
        }
    }

    /// True if at least one read was answered.
    fn poll_reads(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut answered = false;
        let mut at = 0;
        while let Some(read) = self.reads.get_mut(at) {
            match read.answer.as_mut().poll(cx) {
                Poll::Pending => at += 1,
                Poll::Ready(answer) => {
                    let key = self.reads.swap_remove(at).key;
                    self.accept(key, answer)?;
                    answered = true;
                }
            }
        }
        if self.reads.is_empty() {
            self.reads = Vec::new();
        }
        Ok(answered)
    }

    /// Puts a page into the outbox. What is wrong with the store ends the stream, what is wrong with the task only its watching.
    fn accept(&mut self, key: u64, answer: Result<Option<Reading>, StoreError>) -> Result<(), End> {
        let Some(watched) = self.watched.get_mut(&key) else {
            return Ok(());
        };
        let id = watched.id;
        let page = match answer {
            Ok(None) => Err(error::not_found(&id)),
            Ok(Some(reading)) => read_page(&id, &reading, watched.cursor),
            Err(error @ StoreError::Internal(_)) => Err(error.to_api(false)),
            Err(error) => return Err(End::Store(error)),
        };
        match page {
            Err(error) => {
                let name = Arc::clone(&watched.name);
                self.refuse(name, error);
                self.remove(&id);
            }
            Ok(page) => {
                let items = page.events.into_iter();
                self.outbox.extend(items.map(|event| Item {
                    name: Arc::clone(&watched.name),
                    what: Ok(event),
                }));
                watched.cursor = page.cursor;
                match page.after {
                    After::End => self.remove(&id),
                    after => watched.registration.mark().settle(page.cursor, after == After::More),
                }
            }
        }
        Ok(())
    }

    /// Has the stream polled, so that it sees that it shall end.
    pub(crate) fn wake(&self) {
        self.ready.wake();
    }

    /// Drops everything but the stream itself if there was something to do for `limit` and nobody asked for it: the client takes nothing.
    pub(crate) fn close_if_stalled(&mut self, now: Instant, limit: Duration) {
        let idle = self.outbox.is_empty() && self.ready.is_empty() && self.reads.is_empty();
        if self.stalled || idle {
            self.stall.is_over();
            return;
        }
        // A read that goes on is no fault of the client's; one that is done looks the same from here.
        let limit = if self.reads.is_empty() {
            limit
        } else {
            limit.max(READ_LIMIT)
        };
        if self.stall.lasts(self.asked, now, limit) {
            self.close_stalled();
        }
    }

    fn close_stalled(&mut self) {
        tracing::debug!(tasks = self.watched.len(), "closed a stream whose client takes nothing");
        self.stalled = true;
        self.watched = HashMap::new();
        self.keys = HashMap::new();
        self.reads = Vec::new();
        self.outbox = VecDeque::new();
        self.ready.wake();
    }
}
