//! Sending: when, and what becomes of each call.

use std::{sync::Arc, time::Duration};

use tidemill_client::{Client, Enqueued, Error as ClientError, Payload, Task};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::ledger::Ledger;

/// Cancels that are under way at a time.
const CANCELS: usize = 32;

/// The load of one run.
pub(super) struct Load {
    pub(super) client: Client,
    pub(super) ledger: Arc<Ledger>,
    pub(super) kind: String,
    pub(super) queue: String,
    pub(super) batch: u32,
    pub(super) payload_size: usize,
    /// Tasks a second of an open loop.
    pub(super) rate: Option<u32>,
    /// Calls whose tasks are under way at a time.
    pub(super) concurrency: usize,
    /// Tasks in all, or else the duration counts.
    pub(super) tasks: Option<u64>,
    pub(super) duration: Duration,
}

impl Load {
    /// Sends until the tasks or the time are used up, and waits for the acknowledgements.
    pub(super) async fn run(&self) {
        let places = Arc::new(Semaphore::new(self.concurrency.max(1)));
        let begun = Instant::now();
        let mut calls = JoinSet::new();
        let mut sent = 0_u64;
        while let Some(size) = self.next_size(sent, begun) {
            let due = self
                .rate
                .map(|rate| begun + Duration::from_secs_f64(sent as f64 / f64::from(rate)));
            if let Some(due) = due {
                sleep_until(due).await;
            }
            // Never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            if due.is_none() && self.next_size(sent, begun).is_none() {
                break;
            }
            sent += u64::from(size);
            calls.spawn(call(
                self.client.clone(),
                Arc::clone(&self.ledger),
                (0..size).map(|_| self.task()).collect(),
                due.unwrap_or_else(Instant::now),
                place,
            ));
            while calls.try_join_next().is_some() {}
        }
        while calls.join_next().await.is_some() {}
    }

    /// Tasks of the next call; `None`: it was the last.
    fn next_size(&self, sent: u64, begun: Instant) -> Option<u32> {
        match (self.tasks, self.rate) {
            (Some(tasks), _) => {
                let left = u32::try_from(tasks.saturating_sub(sent)).unwrap_or(u32::MAX);
                (left > 0).then(|| left.min(self.batch))
            }
            // By the due time, so that a slow system is asked for no fewer tasks.
            (None, Some(rate)) => (sent as f64 / f64::from(rate) < self.duration.as_secs_f64()).then_some(self.batch),
            (None, None) => (begun.elapsed() < self.duration).then_some(self.batch),
        }
    }

    fn task(&self) -> Task {
        Task::new(&self.kind)
            .queue(&self.queue)
            .payload(Payload::bytes(vec![b'x'; self.payload_size]))
    }
}

async fn call(client: Client, ledger: Arc<Ledger>, mut tasks: Vec<Task>, due: Instant, place: OwnedSemaphorePermit) {
    let place = Arc::new(place);
    let answers: Vec<Result<Enqueued, ClientError>> = match tasks.pop() {
        Some(only) if tasks.is_empty() => vec![client.enqueue(only).await],
        Some(last) => {
            tasks.push(last);
            client.enqueue_batch(tasks).await
        }
        None => return,
    };
    let (time, mut stored) = (due.elapsed(), 0);
    for answer in answers {
        match answer {
            Ok(enqueued) => {
                stored += 1;
                ledger.stored(enqueued.task_id, due, &place);
            }
            Err(error) => ledger.tally(|tally| tally.failed("enqueue", &error)),
        }
    }
    ledger.tally(|tally| tally.stored(stored, time));
}

/// Cancels what was left behind; answers how many tasks it was told of.
pub(super) async fn cancel(client: &Client, left: Vec<String>) -> u64 {
    let mut calls = JoinSet::new();
    let mut cancelled = 0;
    for task_id in left {
        if calls.len() >= CANCELS
            && let Some(Ok(true)) = calls.join_next().await
        {
            cancelled += 1;
        }
        let client = client.clone();
        calls.spawn(async move { client.cancel(&task_id, "left by tidemill bench").await.is_ok() });
    }
    while let Some(ended) = calls.join_next().await {
        cancelled += u64::from(matches!(ended, Ok(true)));
    }
    cancelled
}
