//! What waits to be sent on one stream. Writers never wait; they look at the backlog before they add more.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use prost::Message;
use tidemill_kit::status::ApiError;
use tidemill_proto::v1::{WorkResponse, work_response};
use tokio::sync::Notify;
use tonic::Status;

/// Messages that may wait before nothing more is read from the client.
const MAX_MESSAGES: usize = 1_024;
/// Bytes of assignments that may wait before the stream gets no more tasks.
const MAX_ASSIGNED_BYTES: usize = 4 << 20;

#[derive(Default)]
struct Queue {
    messages: VecDeque<Result<WorkResponse, Status>>,
    assigned_bytes: usize,
    /// The writer has said all.
    ended: bool,
    /// The reader is gone: the call is over.
    gone: bool,
    waker: Option<Waker>,
}

#[derive(Default)]
struct Inner {
    queue: Mutex<Queue>,
    /// The reader took something, or went away.
    taken: Notify,
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writers' end.
#[derive(Clone, Default)]
pub(crate) struct Outbox(Arc<Inner>);

/// The response stream of a call.
pub struct Outbound(Arc<Inner>);

fn assigned_bytes(message: &Result<WorkResponse, Status>) -> usize {
    match message {
        Ok(WorkResponse {
            message: Some(work_response::Message::Assignments(assignments)),
        }) => assignments.encoded_len(),
        _ => 0,
    }
}

impl Outbox {
    pub(crate) fn channel() -> (Self, Outbound) {
        let outbox = Self::default();
        let outbound = Outbound(Arc::clone(&outbox.0));
        (outbox, outbound)
    }

    pub(crate) fn send(&self, message: work_response::Message) {
        self.push(Ok(WorkResponse { message: Some(message) }), false);
    }

    /// Ends the stream with an error.
    pub(crate) fn fail(&self, error: ApiError) {
        self.push(Err(error.into()), true);
    }

    /// Ends the stream once all that waits was sent.
    pub(crate) fn end(&self) {
        let waker = {
            let mut queue = self.0.lock();
            queue.ended = true;
            queue.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn push(&self, message: Result<WorkResponse, Status>, last: bool) {
        let waker = {
            let mut queue = self.0.lock();
            if queue.ended {
                return;
            }
            queue.assigned_bytes += assigned_bytes(&message);
            queue.messages.push_back(message);
            queue.ended = last;
            queue.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether the client keeps up with its answers.
    pub(crate) fn has_room(&self) -> bool {
        self.0.lock().messages.len() < MAX_MESSAGES
    }

    /// Whether the client keeps up with its tasks.
    pub(crate) fn takes_tasks(&self) -> bool {
        let queue = self.0.lock();
        queue.assigned_bytes < MAX_ASSIGNED_BYTES && !queue.ended && !queue.gone
    }

    /// Returns when the backlog may have shrunk. Cancel-safe.
    pub(crate) async fn taken(&self) {
        self.0.taken.notified().await;
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.0.lock().gone
    }

    /// Takes out what was never handed to the transport: the client cannot know of it.
    pub(crate) fn unsent(&self) -> Vec<WorkResponse> {
        let mut queue = self.0.lock();
        queue.messages.drain(..).filter_map(Result::ok).collect()
    }
}

impl futures_util::Stream for Outbound {
    type Item = Result<WorkResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut queue = self.0.lock();
        match queue.messages.pop_front() {
            Some(message) => {
                queue.assigned_bytes -= assigned_bytes(&message).min(queue.assigned_bytes);
                drop(queue);
                self.0.taken.notify_one();
                Poll::Ready(Some(message))
            }
            None if queue.ended => Poll::Ready(None),
            None => {
                queue.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        self.0.lock().gone = true;
        self.0.taken.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tidemill_proto::v1::{Assignment, Assignments, Ping};

    use super::*;

    fn ping(number: i64) -> work_response::Message {
        work_response::Message::Ping(Ping { number })
    }

    #[tokio::test]
    async fn what_was_sent_before_the_end_arrives_and_nothing_after_it() {
        let (outbox, mut outbound) = Outbox::channel();
        outbox.send(ping(1));
        outbox.end();
        outbox.send(ping(2));
        assert!(outbound.next().await.unwrap().is_ok());
        assert!(outbound.next().await.is_none());
    }

    #[tokio::test]
    async fn a_backlog_is_seen_and_what_was_not_sent_can_be_taken_back() {
        let (outbox, mut outbound) = Outbox::channel();
        let large = Assignment {
            task_id: "x".repeat(MAX_ASSIGNED_BYTES),
            ..Assignment::default()
        };
        outbox.send(work_response::Message::Assignments(Assignments {
            assignments: vec![large],
        }));
        assert!(!outbox.takes_tasks());
        assert!(outbound.next().await.unwrap().is_ok());
        assert!(outbox.takes_tasks());
        (0..MAX_MESSAGES as i64).for_each(|number| outbox.send(ping(number)));
        assert!(!outbox.has_room());
        drop(outbound);
        assert!(outbox.is_gone());
        assert_eq!(outbox.unsent().len(), MAX_MESSAGES);
    }
}
