//! Watchers that follow tasks to their end, over lost connections and other replicas, and write down what they saw.

use std::{collections::HashMap, sync::Arc, time::Duration};

use fastrand::Rng;
use tidemill_e2e::{Client, Refusal, text_of};
use tidemill_model::state::TaskState;
use tidemill_proto::v1::{
    TaskEvent, WatchResultRequest, WatchResultsRequest, WatchTarget, task_event::Event, watch_results_response::Item,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status};

use crate::{
    clock::unix_ms,
    history::{History, Seen, SeenKind, Watched},
    load::Shared,
};

/// A watcher leaves a silent stream after this long, and resumes: nobody knows a dead connection from a slow task.
const SILENCE: Duration = Duration::from_secs(5);
/// A task that does not end within this time is left to the checker.
const PATIENCE: Duration = Duration::from_secs(60);
/// Tasks on one WatchResults stream.
const TOGETHER: usize = 64;

fn seen(event: &TaskEvent) -> Seen {
    let number = |sequence: i64| u32::try_from(sequence).unwrap_or(u32::MAX);
    let state = |state: i32| {
        let number = u8::try_from(state).unwrap_or(0);
        TaskState::from_number(number).unwrap_or(TaskState::Scheduled)
    };
    let (sequence, what) = match &event.event {
        Some(Event::StateChanged(changed)) => (number(event.sequence), SeenKind::State(state(changed.state))),
        Some(Event::Progress(_) | Event::OutputChunk(_)) | None => (number(event.sequence), SeenKind::Log),
        Some(Event::Truncated(gone)) => (
            number(gone.to_sequence),
            SeenKind::Truncated(number(gone.from_sequence)),
        ),
        Some(Event::Result(result)) => {
            let output = text_of(result.output.as_ref()).to_owned();
            (number(event.sequence), SeenKind::Result(state(result.state), output))
        }
    };
    Seen { sequence, what }
}

impl Watched {
    fn new(task_id: String) -> Self {
        Self {
            task_id,
            seen: Vec::new(),
            streams: 0,
            refused: None,
            ended: false,
            last_ms: 0,
            left_ms: 0,
        }
    }

    fn see(&mut self, event: &TaskEvent) {
        let seen = seen(event);
        // Who resumes after the result gets the result again, so that a stream that broke at its very end still ends.
        if !(self.has_result() && self.seen.last() == Some(&seen)) {
            self.seen.push(seen);
        }
        self.last_ms = unix_ms();
    }

    fn after(&self) -> i64 {
        self.seen.last().map_or(0, |seen| i64::from(seen.sequence))
    }

    fn has_result(&self) -> bool {
        matches!(
            self.seen.last(),
            Some(Seen {
                what: SeenKind::Result(..),
                ..
            })
        )
    }
}

/// Whether the same call may succeed later.
fn passes(status: &Status) -> bool {
    let refusal = Refusal::of(status);
    let known = ["TASK_NOT_FOUND", "SEQUENCE_AHEAD", "INVALID_REQUEST"];
    !known.contains(&refusal.reason.as_str())
}

/// Watches one task after the other, each with a stream of its own.
pub async fn watch_singly(shared: Arc<Shared>, seed: u64) -> History {
    let mut rng = Rng::with_seed(seed);
    let mut history = History::default();
    while !shared.meter.is_stopped() {
        let Some(task_id) = shared.take_offer() else {
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let mut watched = Watched::new(task_id);
        follow(&shared, &mut watched, &mut rng).await;
        history.watched.push(watched);
    }
    history
}

async fn follow(shared: &Shared, watched: &mut Watched, rng: &mut Rng) {
    let begun = Instant::now();
    while !watched.ended && begun.elapsed() < PATIENCE {
        watched.streams += 1;
        match follow_one_stream(shared, watched, rng).await {
            Ok(()) => {}
            Err(status) if passes(&status) => sleep(Duration::from_millis(rng.u64(5..100))).await,
            Err(status) => {
                watched.refused = Some(status.to_string());
                return;
            }
        }
    }
    if !watched.ended {
        watched.left_ms = unix_ms();
    }
}

async fn follow_one_stream(shared: &Shared, watched: &mut Watched, rng: &mut Rng) -> Result<(), Status> {
    let request = WatchResultRequest {
        task_id: watched.task_id.clone(),
        after_sequence: watched.after(),
    };
    let mut results = shared.client.results(rng.usize(0..64));
    let mut stream = timeout(SILENCE, results.watch_result(request))
        .await
        .map_err(|_| silent())??
        .into_inner();
    // Some go away in the middle for no reason and come back.
    let mut left = if rng.u32(0..4) == 0 { rng.u32(1..4) } else { u32::MAX };
    while left > 0 {
        left -= 1;
        match timeout(SILENCE, stream.message()).await.map_err(|_| silent())?? {
            Some(message) => watched.see(&message.event.unwrap_or_default()),
            None => {
                watched.ended = true;
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The whole log of a finished task, from its first event, at this replica.
pub async fn replay(client: &Client, task_id: &str, replica: usize) -> Result<Watched, Status> {
    let mut watched = Watched::new(task_id.to_owned());
    watched.streams = 1;
    let request = WatchResultRequest {
        task_id: task_id.to_owned(),
        after_sequence: 0,
    };
    let mut results = client.results(replica);
    let call = async {
        let mut stream = results.watch_result(request).await?.into_inner();
        while let Some(message) = stream.message().await? {
            watched.see(&message.event.unwrap_or_default());
        }
        Ok::<(), Status>(())
    };
    timeout(PATIENCE, call).await.map_err(|_| silent())??;
    watched.ended = true;
    Ok(watched)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client's own end of patience, which no server said"
)]
fn silent() -> Status {
    Status::new(Code::DeadlineExceeded, "nothing came")
}

/// Watches many tasks over one stream, and over the next one when it breaks.
pub async fn watch_together(shared: Arc<Shared>, seed: u64) -> History {
    let mut rng = Rng::with_seed(seed);
    let mut history = History::default();
    let mut open: HashMap<String, Watched> = HashMap::new();
    let mut stopped: Option<Instant> = None;
    while !shared.meter.is_stopped() || !open.is_empty() {
        if share_one_stream(&shared, &mut open, &mut history, &mut rng)
            .await
            .is_err()
        {
            sleep(Duration::from_millis(rng.u64(5..100))).await;
        }
        if shared.meter.is_stopped() && stopped.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            break;
        }
    }
    history.watched.extend(open.into_values().map(|mut watched| {
        watched.left_ms = unix_ms();
        watched
    }));
    history
}

async fn share_one_stream(
    shared: &Shared,
    open: &mut HashMap<String, Watched>,
    history: &mut History,
    rng: &mut Rng,
) -> Result<(), Status> {
    let (send, receive) = mpsc::unbounded_channel();
    let mut results = shared.client.results(rng.usize(0..64));
    for watched in open.values_mut() {
        add(&send, watched);
    }
    let call = results.watch_results(UnboundedReceiverStream::new(receive));
    let mut stream = timeout(SILENCE, call).await.map_err(|_| silent())??.into_inner();
    let mut quiet = Instant::now();
    loop {
        while open.len() < TOGETHER && !shared.meter.is_stopped() {
            let Some(task_id) = shared.take_offer() else { break };
            // A task that was enqueued twice is offered twice.
            if !open.contains_key(&task_id) {
                let watched = open.entry(task_id.clone()).or_insert(Watched::new(task_id));
                add(&send, watched);
            }
        }
        if open.is_empty() && shared.meter.is_stopped() {
            return Ok(());
        }
        let Ok(message) = timeout(Duration::from_millis(50), stream.message()).await else {
            if quiet.elapsed() > SILENCE {
                return Err(silent());
            }
            continue;
        };
        let Some(message) = message? else { return Ok(()) };
        quiet = Instant::now();
        let Some(watched) = open.get_mut(&message.task_id) else {
            continue;
        };
        match message.item {
            Some(Item::Event(event)) => watched.see(&event),
            Some(Item::Error(error)) => watched.refused = Some(format!("{}: {}", error.code, error.message)),
            None => {}
        }
        if watched.has_result() || watched.refused.is_some() {
            watched.ended = watched.refused.is_none();
            history.watched.extend(open.remove(&message.task_id));
        }
    }
}

fn add(send: &mpsc::UnboundedSender<WatchResultsRequest>, watched: &mut Watched) {
    watched.streams += 1;
    let target = WatchTarget {
        task_id: watched.task_id.clone(),
        after_sequence: watched.after(),
    };
    // The stream is gone only when its answers end, too, and that is where it is noticed.
    let _ = send.send(WatchResultsRequest {
        add: vec![target],
        remove: Vec::new(),
    });
}
