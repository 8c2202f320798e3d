//! The enqueuers: careful clients that never lose track of what they were told.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use fastrand::Rng;
use tidemill_e2e::{Client, Refusal};
use tidemill_model::state::TaskState;
use tidemill_proto::v1::{
    BatchEnqueueRequest, CancelTaskRequest, EnqueueRequest, EnqueueResponse, batch_enqueue_outcome::Outcome,
};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tonic::{Request, Status};

use crate::{
    clock::unix_ms,
    history::{Ask, CancelAsk, History, Told},
    meter::Meter,
    spec::Spec,
};

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// An enqueue of unknown outcome is said again for so long.
const PERSISTENCE: Duration = Duration::from_secs(45);
/// How many stored tasks wait to be watched; older ones are never watched.
const OFFERED: usize = 512;

/// How the enqueuers behave.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Enqueuers at work.
    pub enqueuers: u32,
    /// New tasks a second, all together.
    pub rate: f64,
    /// Some handlers crash.
    pub crashes: bool,
    /// Every tenth call is given up after a few ms, whatever becomes of it.
    pub impatient: bool,
    /// All tasks just succeed, and come in batches of this size; 0: the mixture.
    pub plain_batches: usize,
    /// Stop after this many tasks; 0: when told.
    pub total: u64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            enqueuers: 32,
            rate: 1_000.0,
            crashes: true,
            impatient: false,
            plain_batches: 0,
            total: 0,
        }
    }
}

/// What the enqueuers share.
#[derive(Debug)]
pub struct Shared {
    /// Of all replicas.
    pub client: Client,
    /// What is counted.
    pub meter: Arc<Meter>,
    /// Tells keys of different runs apart.
    pub run: String,
    /// Stored tasks that nobody watches yet.
    pub offered: Mutex<VecDeque<String>>,
    /// How it is done.
    pub options: LoadOptions,
}

impl Shared {
    /// A stored task to watch.
    #[must_use]
    pub fn take_offer(&self) -> Option<String> {
        self.offered.lock().expect("no panic while it is held").pop_front()
    }

    fn offer(&self, task_id: &str) {
        let mut offered = self.offered.lock().expect("no panic while it is held");
        if offered.len() >= OFFERED {
            offered.pop_front();
        }
        offered.push_back(task_id.to_owned());
    }
}

/// One enqueuer until the meter stops. Its seed decides everything it does.
pub async fn enqueue(shared: Arc<Shared>, number: u32, seed: u64) -> History {
    let mut enqueuer = Enqueuer {
        number,
        rng: Rng::with_seed(seed),
        history: History::default(),
        made: 0,
        shared,
    };
    enqueuer.run().await;
    enqueuer.history
}

struct Enqueuer {
    shared: Arc<Shared>,
    number: u32,
    rng: Rng,
    history: History,
    made: u64,
}

impl Enqueuer {
    async fn run(&mut self) {
        let options = self.shared.options.clone();
        let share = f64::from(options.enqueuers) / options.rate;
        let own_total = options.total.div_ceil(u64::from(options.enqueuers));
        let mut next = Instant::now();
        while !self.shared.meter.is_stopped() && (options.total == 0 || self.made < own_total) {
            let made = self.step().await;
            // Evenly paced; what was missed while the system was away is not made up for.
            next = (next + Duration::from_secs_f64(share * f64::from(made))).max(Instant::now() - PATIENCE);
            sleep_until(next).await;
        }
    }

    async fn step(&mut self) -> u32 {
        if self.shared.options.plain_batches > 0 {
            let count = self.shared.options.plain_batches;
            let specs = (0..count).map(|_| Spec::plain(self.key())).collect();
            self.batch(specs).await;
            return u32::try_from(count).unwrap_or(u32::MAX);
        }
        match self.rng.u32(0..100) {
            0..10 => {
                let count = self.rng.usize(2..24);
                let mut specs: Vec<Spec> = (0..count).map(|_| self.draw()).collect();
                // The same key twice in one call.
                specs.extend(specs.first().filter(|_| self.rng.bool()).cloned());
                self.batch(specs).await;
                u32::try_from(count).unwrap_or(u32::MAX)
            }
            10..15 => {
                self.repeat(0).await;
                1
            }
            15..17 => {
                let variant = self.rng.u32(1..3);
                self.repeat(variant).await;
                1
            }
            17..19 => {
                self.cancel().await;
                1
            }
            _ => {
                let (spec, sent) = (self.draw(), unix_ms());
                let told = self.single(&spec).await;
                self.write_down(spec, sent, told);
                1
            }
        }
    }

    fn key(&mut self) -> String {
        self.made += 1;
        format!("{}-{}-{}", self.shared.run, self.number, self.made)
    }

    fn draw(&mut self) -> Spec {
        let key = self.key();
        Spec::draw(key, self.shared.options.crashes, &mut self.rng)
    }

    fn write_down(&mut self, spec: Spec, sent_ms: u64, told: Vec<Told>) {
        let ask = Ask {
            spec,
            sent_ms,
            answered_ms: unix_ms(),
            told,
        };
        if let Some(task_id) = ask.stored() {
            self.shared.offer(task_id);
        }
        self.history.asks.push(ask);
    }

    /// The same key again, with the same content or with other.
    async fn repeat(&mut self, variant: u32) {
        let known = self.history.asks.len();
        if known == 0 {
            return;
        }
        let recent = self.rng.usize(known.saturating_sub(200)..known);
        let mut spec = self.history.asks[recent].spec.clone();
        spec.variant = variant;
        let sent = unix_ms();
        let told = self.single(&spec).await;
        self.write_down(spec, sent, told);
    }

    async fn cancel(&mut self) {
        let known = self.history.asks.len();
        let recent = self.history.asks.get(known.saturating_sub(1 + self.rng.usize(0..20)));
        let Some(task_id) = recent.and_then(Ask::stored).map(str::to_owned) else {
            return;
        };
        let request = CancelTaskRequest {
            task_id: task_id.clone(),
            reason: "torture".to_owned(),
        };
        let mut gateway = self.shared.client.gateway(self.rng.usize(0..64));
        let answer = timeout(PATIENCE, gateway.cancel_task(limited(request))).await;
        let told = answer
            .ok()
            .and_then(Result::ok)
            .and_then(|answer| TaskState::from_number(u8::try_from(answer.into_inner().state).ok()?));
        self.history.cancels.push(CancelAsk {
            task_id,
            told,
            answered_ms: unix_ms(),
        });
    }

    /// One enqueue until its outcome is known, or given up.
    async fn single(&mut self, spec: &Spec) -> Vec<Told> {
        let mut told = Vec::new();
        let begun = Instant::now();
        loop {
            let answer = self.call(spec.request()).await;
            told.push(match answer {
                Ok(response) => self.stored(response),
                Err(status) => self.refused(Told::from(&status)),
            });
            if !self.goes_on(told.last(), begun) {
                return told;
            }
            self.pause(told.len()).await;
        }
    }

    fn stored(&self, response: EnqueueResponse) -> Told {
        if !response.deduplicated {
            self.shared.meter.acknowledge(1);
        }
        Told::Stored {
            task_id: response.task_id,
            deduplicated: response.deduplicated,
        }
    }

    fn refused(&self, told: Told) -> Told {
        match told {
            Told::Unknown { .. } => self.shared.meter.unknown(),
            _ => self.shared.meter.not_applied(),
        }
        told
    }

    /// Some clients give up: what they leave behind must fit what they were told.
    fn goes_on(&mut self, told: Option<&Told>, begun: Instant) -> bool {
        let again = match told {
            Some(Told::Unknown { .. }) => self.rng.u32(0..100) < 97,
            Some(Told::NotApplied { .. }) => self.rng.u32(0..100) < 60,
            _ => false,
        };
        again && begun.elapsed() < PERSISTENCE
    }

    async fn pause(&mut self, tries: usize) {
        let most = 50_u64 << tries.min(4);
        sleep(Duration::from_millis(self.rng.u64(10..=most))).await;
    }

    async fn call(&mut self, request: EnqueueRequest) -> Result<EnqueueResponse, Status> {
        let mut gateway = self.shared.client.gateway(self.rng.usize(0..64));
        let patience = self.patience();
        let answer = timeout(patience, gateway.enqueue(limited(request))).await;
        Ok(answer.unwrap_or_else(|_| Err(given_up()))?.into_inner())
    }

    fn patience(&mut self) -> Duration {
        if self.shared.options.impatient && self.rng.u32(0..10) == 0 {
            Duration::from_millis(self.rng.u64(1..6))
        } else {
            PATIENCE
        }
    }

    /// A batch; entries whose outcome is not known go on one by one.
    async fn batch(&mut self, specs: Vec<Spec>) {
        let sent = unix_ms();
        let requests = specs.iter().map(Spec::request).collect();
        let mut gateway = self.shared.client.gateway(self.rng.usize(0..64));
        let patience = self.patience();
        let call = gateway.batch_enqueue(limited(BatchEnqueueRequest { requests }));
        let answer = timeout(patience, call).await.unwrap_or_else(|_| Err(given_up()));
        let outcomes: Vec<Told> = match answer {
            Ok(answer) => {
                let outcomes = answer.into_inner().outcomes.into_iter();
                outcomes.map(|entry| self.entry(entry.outcome)).collect()
            }
            Err(status) => specs.iter().map(|_| self.refused(Told::from(&status))).collect(),
        };
        for (spec, first) in specs.into_iter().zip(outcomes) {
            let mut told = vec![first];
            if self.goes_on(told.last(), Instant::now()) {
                told.extend(self.single(&spec).await);
            }
            self.write_down(spec, sent, told);
        }
    }

    fn entry(&self, outcome: Option<Outcome>) -> Told {
        match outcome {
            Some(Outcome::Response(response)) => self.stored(response),
            Some(Outcome::Error(error)) => self.refused(Told::of(&Refusal::of_entry(&error))),
            None => self.refused(Told::Unknown {
                reason: "an entry without an outcome".to_owned(),
            }),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client's own end of patience, which no server said"
)]
fn given_up() -> Status {
    Status::deadline_exceeded("the client gave up")
}

fn limited<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    request
}
