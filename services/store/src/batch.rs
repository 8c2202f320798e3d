//! Group commit: concurrent calls become one script call.
//!
//! A batch is whatever waits when a slot is free; it never waits for a timer, so an idle line adds nothing. At most
//! [`MAX_IN_FLIGHT`] calls of a kind are under way, which is what lets the next batch gather. A batch runs in a future of its own
//! that nobody cancels; a caller that goes away before its entry was sent takes it along, so a passed deadline is "not applied".

use std::sync::Arc;

use tidemill_kit::supervisor::{OnError, OnStop, Supervisor, TaskPolicy};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::error::StoreError;

/// Entries of one call.
const MAX_ENTRIES: usize = 128;
/// Bytes of one call; a larger entry goes alone.
const MAX_BYTES: usize = 1 << 20;
/// Calls of one kind under way.
const MAX_IN_FLIGHT: usize = 2;
/// Callers that may wait before the next has to wait to be let in.
const QUEUE: usize = 8_192;

struct Job<T, R> {
    input: T,
    bytes: usize,
    reply: oneshot::Sender<Result<R, StoreError>>,
}

/// Collects entries of type `T` and hands each its answer.
pub(crate) struct Batcher<T, R> {
    queue: mpsc::Sender<Job<T, R>>,
}

impl<T, R> Clone for Batcher<T, R> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
        }
    }
}

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// `run` executes one batch and answers one result for each entry, in order; its error is everybody's.
    pub(crate) fn start<F, Fut>(supervisor: &Supervisor, name: &'static str, run: F) -> Self
    where
        F: Fn(Vec<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<Result<R, StoreError>>, StoreError>> + Send + 'static,
    {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let policy = TaskPolicy {
            on_error: OnError::Shutdown,
            on_stop: OnStop::Abort,
        };
        supervisor.spawn(policy, name, gather(supervisor.clone(), name, jobs, Arc::new(run)));
        Self { queue }
    }

    /// Adds an entry of about so many bytes and waits for its answer.
    pub(crate) async fn call(&self, input: T, bytes: usize) -> Result<R, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Job { input, bytes, reply };
        self.queue
            .send(job)
            .await
            .map_err(|_| StoreError::Unavailable("shutting down".into()))?;
        answer
            .await
            .unwrap_or_else(|_| Err(StoreError::Unknown("the batch was lost in a shutdown".into())))
    }
}

async fn gather<T, R, F, Fut>(
    supervisor: Supervisor,
    name: &'static str,
    mut jobs: mpsc::Receiver<Job<T, R>>,
    run: Arc<F>,
) where
    T: Send + 'static,
    R: Send + 'static,
    F: Fn(Vec<T>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Vec<Result<R, StoreError>>, StoreError>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
    let mut held: Option<Job<T, R>> = None;
    loop {
        let Some(first) = (match held.take() {
            Some(job) => Some(job),
            None => jobs.recv().await,
        }) else {
            return;
        };
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let (inputs, replies);
        (inputs, replies, held) = fill(first, &mut jobs);
        if inputs.is_empty() {
            continue;
        }
        let batch = run(inputs);
        supervisor.spawn_detached(name, async move {
            answer(replies, batch.await);
            drop(slot);
        });
    }
}

type Filled<T, R> = (Vec<T>, Vec<oneshot::Sender<Result<R, StoreError>>>, Option<Job<T, R>>);

/// Takes what waits, up to the bounds. Entries whose caller has gone are dropped here: they were never sent.
fn fill<T, R>(first: Job<T, R>, jobs: &mut mpsc::Receiver<Job<T, R>>) -> Filled<T, R> {
    let (mut inputs, mut replies, mut bytes) = (Vec::new(), Vec::new(), 0);
    let mut next = Some(first);
    while let Some(job) = next {
        if job.reply.is_closed() {
            next = jobs.try_recv().ok();
            continue;
        }
        if !inputs.is_empty() && bytes + job.bytes > MAX_BYTES {
            return (inputs, replies, Some(job));
        }
        bytes += job.bytes;
        inputs.push(job.input);
        replies.push(job.reply);
        next = if inputs.len() < MAX_ENTRIES {
            jobs.try_recv().ok()
        } else {
            None
        };
    }
    (inputs, replies, None)
}

fn answer<R>(
    replies: Vec<oneshot::Sender<Result<R, StoreError>>>,
    result: Result<Vec<Result<R, StoreError>>, StoreError>,
) {
    match result {
        Ok(answers) if answers.len() == replies.len() => {
            for (reply, one) in replies.into_iter().zip(answers) {
                // A caller that went away after its entry was sent: the outcome stands without it.
                let _ = reply.send(one);
            }
        }
        other => {
            let error = other
                .err()
                .unwrap_or_else(|| StoreError::Internal("number of replies".into()));
            for reply in replies {
                let _ = reply.send(Err(error.clone()));
            }
        }
    }
}
