//! What is told: progress while it runs, a table or an object at the end.

use std::{
    fmt::Write as _,
    io::{IsTerminal, Write as _},
    sync::Arc,
    time::Duration,
};

use serde_json::{Map, Value, json};
use tokio::{task::AbortHandle, time::Instant};

use super::{
    BenchArgs,
    ledger::Ledger,
    tally::{Latencies, Tally},
};
use crate::command::Outcome;

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// The figures of a run, taken out of the tally.
pub(super) struct Report {
    load: Value,
    seconds: f64,
    stored: u64,
    finished: Map<String, Value>,
    finished_tasks: u64,
    errors: Vec<(String, String, u64)>,
    cancelled: u64,
    left: u64,
    watched: bool,
    worst: u8,
    latencies: Vec<(&'static str, Option<Row>)>,
}

/// Milliseconds.
struct Row {
    mean: f64,
    quantiles: [f64; QUANTILES.len()],
    max: f64,
}

impl Row {
    fn of(latencies: &Latencies) -> Option<Self> {
        (!latencies.is_empty()).then(|| Self {
            mean: latencies.mean(),
            quantiles: QUANTILES.map(|(_, share)| latencies.quantile(share)),
            max: latencies.max(),
        })
    }

    fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("mean".into(), json!(self.mean));
        for ((name, _), value) in QUANTILES.iter().zip(self.quantiles) {
            object.insert(name.replace('.', ""), json!(value));
        }
        object.insert("max".into(), json!(self.max));
        Value::Object(object)
    }
}

impl Report {
    pub(super) fn new(args: &BenchArgs, time: Duration, ledger: &Ledger, cancelled: u64) -> Self {
        ledger.tally(|tally| Self::of(args, time, tally, cancelled))
    }

    fn of(args: &BenchArgs, time: Duration, tally: &Tally, cancelled: u64) -> Self {
        let watch_errors = tally.errors.iter().filter(|((what, _), _)| *what == "watch");
        let watch_errors: u64 = watch_errors.map(|(_, count)| count).sum();
        let left = if args.no_watch {
            tally.stored
        } else {
            tally.stored.saturating_sub(tally.finished_tasks() + watch_errors)
        };
        let errors = tally.errors.iter();
        Self {
            load: json!({
                "loop": if args.rate.is_some() { "open" } else { "closed" },
                "rate": args.rate,
                "concurrency": args.rate.is_none().then(|| args.concurrency()),
                "batch": args.batch.unwrap_or(1),
                "payloadBytes": args.payload_size,
                "workers": args.workers,
                "queue": args.queue,
                "kind": args.kind,
            }),
            seconds: time.as_secs_f64(),
            stored: tally.stored,
            finished: tally
                .finished
                .iter()
                .map(|(state, count)| (state.clone(), json!(count)))
                .collect(),
            finished_tasks: tally.finished_tasks(),
            errors: errors
                .map(|((what, why), count)| ((*what).to_owned(), why.clone(), *count))
                .collect(),
            cancelled,
            left,
            watched: !args.no_watch,
            worst: tally.worst,
            latencies: vec![("enqueue", Row::of(&tally.enqueue)), ("result", Row::of(&tally.result))],
        }
    }

    fn rate(&self, tasks: u64) -> f64 {
        tasks as f64 / self.seconds.max(1e-9)
    }

    /// The table for people.
    pub(super) fn text(&self) -> String {
        // Writing to a String cannot fail.
        let mut text = String::new();
        let _ = writeln!(text, "{:<10} {:>10} {:>12}", "", "TASKS", "A SECOND");
        let _ = writeln!(
            text,
            "{:<10} {:>10} {:>12.0}",
            "stored",
            self.stored,
            self.rate(self.stored)
        );
        if self.watched {
            let tasks = self.finished_tasks;
            let _ = writeln!(text, "{:<10} {tasks:>10} {:>12.0}", "finished", self.rate(tasks));
        }
        let _ = write!(text, "\n{:<10} {:>10}", "MS", "MEAN");
        for (name, _) in QUANTILES {
            let _ = write!(text, " {:>10}", name.to_uppercase());
        }
        let _ = write!(text, " {:>10}", "MAX");
        for (name, row) in &self.latencies {
            let Some(row) = row else { continue };
            let _ = write!(text, "\n{name:<10} {:>10.2}", row.mean);
            for value in row.quantiles.iter().chain([&row.max]) {
                let _ = write!(text, " {value:>10.2}");
            }
        }
        for (what, why, count) in &self.errors {
            let _ = write!(text, "\nerror: {count} of {what}: {why}");
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let latencies = self.latencies.iter();
        let latencies = latencies.filter_map(|(name, row)| Some(((*name).to_owned(), row.as_ref()?.json())));
        let errors = self.errors.iter();
        let errors = errors.map(|(what, why, count)| json!({ "call": what, "reason": why, "tasks": count }));
        json!({
            "load": self.load,
            "seconds": self.seconds,
            "stored": self.stored,
            "storedPerSecond": self.rate(self.stored),
            "finished": self.finished,
            "finishedPerSecond": self.rate(self.finished_tasks),
            "latencyMs": latencies.collect::<Map<_, _>>(),
            "errors": errors.collect::<Vec<_>>(),
            "left": self.left,
            "cancelled": self.cancelled,
        })
    }

    /// What is left behind, in words.
    pub(super) fn notes(&self) -> Vec<String> {
        match (self.left, self.watched) {
            (0, _) => Vec::new(),
            (left, false) => vec![format!(
                "{left} tasks are left to whoever works on their kind; nobody watched them"
            )],
            (left, true) => vec![format!(
                "{left} tasks had not finished in time, {} of them were asked to stop; does somebody work on them? see --workers, --drain",
                self.cancelled
            )],
        }
    }

    /// The worst that came: errors, tasks that did not succeed, tasks that did not finish.
    pub(super) fn outcome(&self) -> Outcome {
        let unfinished = if self.watched && self.left > 0 {
            Outcome::UNAVAILABLE
        } else {
            Outcome::DONE
        };
        Outcome(self.worst).max(unfinished)
    }
}

/// A line on the terminal, written anew each second. Silent elsewhere: a log has no use for it.
pub(super) fn progress(quiet: bool, begun: Instant, ledger: Arc<Ledger>) -> AbortHandle {
    let shown = !quiet && std::io::stderr().is_terminal();
    tokio::spawn(async move {
        if !shown {
            return;
        }
        let mut every = tokio::time::interval(Duration::from_secs(1));
        let mut before = 0;
        every.tick().await;
        loop {
            every.tick().await;
            let (line, finished) = ledger.tally(|tally| {
                let (stored, finished) = (tally.stored, tally.finished_tasks());
                let line = format!(
                    "{:>4}s  {stored} stored  {finished} finished  {}/s  p99 {:.1} ms  {} errors",
                    begun.elapsed().as_secs(),
                    finished.max(before) - before,
                    tally.result.quantile(0.99),
                    tally.failed_tasks(),
                );
                (line, finished)
            });
            before = finished;
            // Whoever closed the terminal does not miss it.
            let _ = write!(std::io::stderr(), "\r{line:<78}\r");
        }
    })
    .abort_handle()
}
