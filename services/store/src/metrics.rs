//! What the store measures of its server.

use std::{
    fmt,
    time::{Duration, Instant},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::ConstGauge,
        histogram::Histogram,
    },
};
use tidemill_kit::metrics::Metrics;

use crate::{error::StoreError, store::Store};

/// From a tenth of a millisecond, which is what a script takes, to the default limit of a command.
const SECONDS: [f64; 12] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0,
];
const ENTRIES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

type OfScript = [(&'static str, &'static str); 1];
type OfFailure = [(&'static str, &'static str); 2];

#[derive(Clone, Copy)]
struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// One set for each process. Cloning shares it.
#[derive(Clone)]
pub(crate) struct StoreMetrics {
    seconds: Family<OfScript, Histogram, Buckets>,
    entries: Family<OfScript, Histogram, Buckets>,
    failures: Family<OfFailure, Counter>,
}

impl StoreMetrics {
    fn new(metrics: &Metrics) -> Self {
        let this = Self {
            seconds: Family::new_with_constructor(Buckets(&SECONDS)),
            entries: Family::new_with_constructor(Buckets(&ENTRIES)),
            failures: Family::default(),
        };
        metrics.register(|r| {
            r.register(
                "redis_call_seconds",
                "Time of each script call, from sending it to its reply, by script",
                this.seconds.clone(),
            );
            r.register(
                "store_batch_entries",
                "Entries that one script call carried (group commit), by script",
                this.entries.clone(),
            );
            r.register(
                "redis_call_failures",
                "Script calls that failed, by script and outcome: not_applied, unknown",
                this.failures.clone(),
            );
        });
        this
    }

    /// A script call ended.
    pub(crate) fn called<T>(&self, script: &'static str, begun: Instant, result: &Result<T, StoreError>) {
        let took = begun.elapsed();
        self.seconds
            .get_or_create(&[("script", script)])
            .observe(took.as_secs_f64());
        if let Err(error) = result {
            let outcome = if error.not_applied() { "not_applied" } else { "unknown" };
            self.failures
                .get_or_create(&[("script", script), ("outcome", outcome)])
                .inc();
        }
    }

    /// A batch of so many entries is about to be sent.
    pub(crate) fn batch(&self, script: &'static str, entries: usize) {
        self.entries
            .get_or_create(&[("script", script)])
            .observe(entries as f64);
    }
}

/// What the store knows by itself at a scrape.
struct Facts(Store);

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Facts")
    }
}

impl Facts {
    /// The last reading of the server's memory. It is asked for by whoever admits tasks and, at the latest, a while after a scrape.
    fn memory(&self) -> Option<(u64, u64)> {
        let (at, used) = (*self.0.inner.gauge.last.lock().ok()?)?;
        (at.elapsed() < STALE).then_some((used, self.0.inner.memory_limit))
    }
}

/// An older reading is not shown.
const STALE: Duration = Duration::from_secs(60);

impl Collector for Facts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut gauge = |name: &str, help: &str, value: u64| {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        gauge(
            "redis_connections",
            "Connections that this process has made to the server so far, those for waiting not counted",
            self.0.connections(),
        )?;
        if let Some((used, limit)) = self.memory() {
            gauge(
                "redis_memory_used_bytes",
                "Memory that the server uses, at most a minute old",
                used,
            )?;
            gauge(
                "redis_memory_limit_bytes",
                "Memory that the server may use; 0: no limit is known",
                limit,
            )?;
        }
        Ok(())
    }
}

impl Store {
    /// Measures from now on. Once for each process.
    pub fn measure(&self, metrics: &Metrics) {
        if self.inner.metrics.set(StoreMetrics::new(metrics)).is_ok() {
            metrics.register(|r| r.register_collector(Box::new(Facts(self.clone()))));
        }
    }
}
