//! How full the queues are and how long their tasks wait, for scrapers. The store is asked only after a scrape, so nobody who is not scraped costs anything; a scrape
//! shows what was read after the one before.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
};
use tidemill_kit::{
    labels::{BoundedLabels, OTHER},
    shutdown::Shutdown,
};
use tidemill_model::{
    id::{Name, Namespace},
    state::TaskState,
};
use tidemill_store::{QueueCounters, Store, StoreError};
use tokio::sync::Notify;

/// The store is asked at most this often.
const REFRESH: Duration = Duration::from_secs(10);
/// Most queues that are looked at; more would make each scrape expensive.
const MOST_QUEUES: usize = 1_000;

/// Most pairs of queue and kind with gauges of their own; the fullest ones.
const MOST_KINDS: usize = 200;

/// What was read.
#[derive(Debug, Default)]
struct Readings {
    by_state: BTreeMap<(String, TaskState), u64>,
    kinds: Vec<KindReading>,
}

/// Ready tasks of one kind in one queue.
#[derive(Debug)]
struct KindReading {
    queue: String,
    kind: String,
    queued: u64,
    oldest_age: Duration,
}

/// Cloning shares it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Depths {
    readings: Arc<Mutex<Readings>>,
    scraped: Arc<Notify>,
}

impl Depths {
    /// Refreshes after scrapes, until the shutdown.
    pub(crate) async fn run(self, store: Store, namespace: Namespace, labels: BoundedLabels, shutdown: Shutdown) {
        loop {
            tokio::select! {
                () = self.scraped.notified() => {}
                () = shutdown.requested() => return,
            }
            if let Err(error) = self.refresh(&store, &namespace, &labels).await {
                tracing::debug!(%error, "the depths of the queues are not known");
            }
            tokio::select! {
                () = tokio::time::sleep(REFRESH) => {}
                () = shutdown.requested() => return,
            }
        }
    }

    pub(crate) async fn refresh(
        &self,
        store: &Store,
        namespace: &Namespace,
        labels: &BoundedLabels,
    ) -> Result<(), StoreError> {
        let page = store.queues(namespace, None, MOST_QUEUES).await;
        let page = page.inspect_err(|_| self.set(Readings::default()))?;
        let kinds = kinds(store, namespace, &page.queues, labels).await?;
        let by_state = by_state(&page.queues, labels);
        self.set(Readings { by_state, kinds });
        // Whoever scrapes wants the memory, too, also while nothing is enqueued.
        store.memory().await.map(drop)
    }

    fn set(&self, readings: Readings) {
        *self.readings.lock().unwrap_or_else(PoisonError::into_inner) = readings;
    }
}

fn by_state(queues: &[QueueCounters], labels: &BoundedLabels) -> BTreeMap<(String, TaskState), u64> {
    let mut readings = BTreeMap::new();
    for queue in queues {
        let label = labels.of(queue.queue.as_str());
        for (state, tasks) in TaskState::ALL.iter().zip(queue.by_state) {
            *readings.entry((label.clone(), *state)).or_default() += tasks;
        }
    }
    readings
}

/// The kinds that wait, of queues with a label of their own: an age of all others together would say nothing.
async fn kinds(
    store: &Store,
    namespace: &Namespace,
    queues: &[QueueCounters],
    labels: &BoundedLabels,
) -> Result<Vec<KindReading>, StoreError> {
    let mut waiting: Vec<(&Name, &Name, u64)> = Vec::new();
    for queue in queues.iter().filter(|queue| labels.of(queue.queue.as_str()) != OTHER) {
        waiting.extend(queue.kinds.iter().map(|(kind, queued)| (&queue.queue, kind, *queued)));
    }
    waiting.sort_by_key(|(_, _, queued)| std::cmp::Reverse(*queued));
    waiting.truncate(MOST_KINDS);
    let now_ms = if waiting.is_empty() { 0 } else { store.time_ms().await? };
    let mut readings = Vec::with_capacity(waiting.len());
    for (queue, kind, queued) in waiting {
        let oldest = store.oldest(namespace, queue, kind).await?;
        let age_ms = oldest.map_or(0, |id| now_ms.saturating_sub(id.created_ms()));
        readings.push(KindReading {
            queue: queue.to_string(),
            kind: kind.to_string(),
            queued,
            oldest_age: Duration::from_millis(age_ms),
        });
    }
    Ok(readings)
}

impl Collector for Depths {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.scraped.notify_one();
        let readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        if readings.by_state.is_empty() {
            return Ok(());
        }
        readings.encode_depth(&mut encoder)?;
        if readings.kinds.is_empty() {
            return Ok(());
        }
        readings.encode_kinds(&mut encoder)
    }
}

impl Readings {
    fn encode_depth(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Tasks in each queue and state, as of the scrape before, at most 10 s old then; every gateway shows the same";
        let gauge = ConstGauge::new(0_i64);
        let mut family = encoder.encode_descriptor("queue_depth", help, None, gauge.metric_type())?;
        for ((queue, state), tasks) in &self.by_state {
            let gauge = ConstGauge::new(i64::try_from(*tasks).unwrap_or(i64::MAX));
            let labels = [("queue", queue.as_str()), ("state", state.name())];
            gauge.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn encode_kinds(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Ready tasks of each kind in each queue (the 200 fullest), read with queue_depth";
        let gauge = ConstGauge::new(0_i64);
        let mut family = encoder.encode_descriptor("queue_ready_tasks", help, None, gauge.metric_type())?;
        for reading in &self.kinds {
            let gauge = ConstGauge::new(i64::try_from(reading.queued).unwrap_or(i64::MAX));
            gauge.encode(family.encode_family(&reading.labels())?)?;
        }
        let help = "How long the oldest ready task of each kind in each queue has waited since it was enqueued, read with queue_depth";
        let gauge = ConstGauge::new(0_f64);
        let mut family = encoder.encode_descriptor("queue_oldest_task_age_seconds", help, None, gauge.metric_type())?;
        for reading in &self.kinds {
            let gauge = ConstGauge::new(reading.oldest_age.as_secs_f64());
            gauge.encode(family.encode_family(&reading.labels())?)?;
        }
        Ok(())
    }
}

impl KindReading {
    fn labels(&self) -> [(&'static str, &str); 2] {
        [("queue", self.queue.as_str()), ("kind", self.kind.as_str())]
    }
}
