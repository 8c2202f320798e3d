//! How full the queues are, for scrapers. The store is asked only after a scrape, so nobody who is not scraped costs anything; a scrape
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
use tidemill_kit::shutdown::Shutdown;
use tidemill_model::{id::Namespace, state::TaskState};
use tidemill_store::{QueueCounters, Store, StoreError};
use tokio::sync::Notify;

use crate::labels::QueueLabels;

/// The store is asked at most this often.
const REFRESH: Duration = Duration::from_secs(10);
/// Most queues that are looked at; more would make each scrape expensive.
const MOST_QUEUES: usize = 1_000;

type Readings = BTreeMap<(String, TaskState), u64>;

/// Cloning shares it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Depths {
    readings: Arc<Mutex<Readings>>,
    scraped: Arc<Notify>,
}

impl Depths {
    /// Refreshes after scrapes, until the shutdown.
    pub(crate) async fn run(self, store: Store, namespace: Namespace, labels: QueueLabels, shutdown: Shutdown) {
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
        labels: &QueueLabels,
    ) -> Result<(), StoreError> {
        let page = store.queues(namespace, None, MOST_QUEUES).await;
        let page = page.inspect_err(|_| self.set(Readings::new()))?;
        self.set(readings(&page.queues, labels));
        Ok(())
    }

    fn set(&self, readings: Readings) {
        *self.readings.lock().unwrap_or_else(PoisonError::into_inner) = readings;
    }
}

fn readings(queues: &[QueueCounters], labels: &QueueLabels) -> Readings {
    let mut readings = Readings::new();
    for queue in queues {
        let label = labels.of(queue.queue.as_str());
        for (state, tasks) in TaskState::ALL.iter().zip(queue.by_state) {
            *readings.entry((label.clone(), *state)).or_default() += tasks;
        }
    }
    readings
}

impl Collector for Depths {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.scraped.notify_one();
        let readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        if readings.is_empty() {
            return Ok(());
        }
        let help = "Tasks in each queue and state, as of the scrape before, at most 10 s old then; every gateway shows the same";
        let gauge = ConstGauge::new(0_i64);
        let mut family = encoder.encode_descriptor("queue_depth", help, None, gauge.metric_type())?;
        for ((queue, state), tasks) in readings.iter() {
            let gauge = ConstGauge::new(i64::try_from(*tasks).unwrap_or(i64::MAX));
            let labels = [("queue", queue.as_str()), ("state", state.name())];
            gauge.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
