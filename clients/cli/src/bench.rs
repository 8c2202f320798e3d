//! `tidemill bench`: load on any deployment, and how long its tasks take.
//!
//! ```text
//!  pace (closed: a free place; open: a due time) ──▶ enqueue ──▶ ledger ◀── watch streams
//!                                                                  │
//!                                                                  └──▶ tally: histograms, errors by reason ──▶ report
//! ```

mod ledger;
mod load;
mod report;
mod tally;

use std::{io::Write, sync::Arc, time::Duration};

use clap::{Args, value_parser};
use tidemill_client::{Client, Context, Error as ClientError, Failure, Payload, Worker, shutdown_signal};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use self::{ledger::Ledger, load::Load, report::Report};
use crate::{
    ClientOptions, Error,
    command::Outcome,
    duration::parse_duration,
    error::with_next_step,
    printer::{Printer, note},
};

/// What a program that was told to stop twice exits with, as a shell reports SIGINT.
const INTERRUPTED: u8 = 130;
/// Tasks that one worker of `--workers` runs at a time.
const WORKER_CONCURRENCY: u32 = 256;
/// Tasks of an open loop that may be under way: the watch streams take no more. Those that are due later wait, and their latency counts it.
const MOST_IN_FLIGHT: usize = 20_000;
/// The contract's limit of a payload, less what encloses it.
const MAX_PAYLOAD: i64 = 1_000_000;

pub(crate) const ABOUT_THE_LOAD: &str = "\
A closed loop (--concurrency) sends the next call when the tasks of one before have finished: it finds the most that the system does,
and its latencies are those of a system that is never asked for more. An open loop (--rate) sends when a task is due, whatever the
answers take; latencies count from the due time, so that a stall shows in every task it delays (no coordinated omission).
Tasks go to the queue `bench` unless told otherwise; somebody must work on them: --workers, or handlers of --kind elsewhere.
Ctrl-C ends the load and reports what was measured; a second one ends at once, with exit code 130. What has not finished
within --drain is cancelled, and reported as left.
";

/// Arguments of `tidemill bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// The kind of the tasks
    #[arg(long, short = 'k', value_name = "KIND", default_value = "bench")]
    kind: String,
    /// Their queue
    #[arg(long, short = 'q', value_name = "QUEUE", default_value = "bench")]
    queue: String,
    /// One call for each task (the default)
    #[arg(long, conflicts_with = "batch")]
    unary: bool,
    /// So many tasks with each call
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1_000))]
    batch: Option<u32>,
    /// Closed loop: calls whose tasks are under way at a time [default: 16]
    #[arg(long, short = 'c', value_name = "N", value_parser = value_parser!(u32).range(1..=10_000))]
    concurrency: Option<u32>,
    /// Open loop: so many tasks a second, evenly
    #[arg(long, value_name = "TASKS", conflicts_with = "concurrency", value_parser = value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// Bytes of the input of each task
    #[arg(long, value_name = "BYTES", default_value_t = 100, value_parser = value_parser!(i64).range(0..=MAX_PAYLOAD))]
    payload_size: i64,
    /// How long to enqueue
    #[arg(long, short = 'd', value_name = "DURATION", default_value = "10s", value_parser = parse_duration, conflicts_with = "tasks")]
    duration: Duration,
    /// Enqueue so many tasks instead
    #[arg(long, short = 'n', value_name = "N", value_parser = value_parser!(u64).range(1..))]
    tasks: Option<u64>,
    /// Workers in this process that do nothing with their tasks, each 256 at a time
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = value_parser!(u32).range(0..=64))]
    workers: u32,
    /// Measure the enqueues alone; the tasks are left to whoever works on them
    #[arg(long)]
    no_watch: bool,
    /// How long to wait for results at the end
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    drain: Duration,
    /// Show no progress
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) options: ClientOptions,
}

impl BenchArgs {
    pub(crate) async fn run<W: Write>(self, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        let client = self.options.client()?;
        tokio::select! {
            outcome = self.measure(&client, printer) => outcome,
            () = told_twice() => {
                note("error", "ended at once; its unfinished tasks stay in the queue");
                Ok(Outcome(INTERRUPTED))
            }
        }
    }

    async fn measure<W: Write>(&self, client: &Client, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        // A server that is away is told at once, and not counted a hundred thousand times.
        client.queues(1, None).await?;
        let (stop_workers, stopped) = watch::channel(false);
        let mut workers = self.start_workers(client, &stopped)?;
        let (ledger, mut watchers) = Ledger::start(client, !self.no_watch);
        let load = self.load(client, &ledger);
        let begun = Instant::now();
        let progress = report::progress(self.quiet, begun, Arc::clone(&ledger));
        tokio::select! {
            () = load.run() => {}
            () = shutdown_signal() => note("note", "stopping; the results of what was sent are waited for"),
            error = failed_worker(&mut workers) => return Err(error.into()),
        }
        let seconds = begun.elapsed();
        // Results that come now belong to what was sent; a rate of them would not be one.
        let drained = timeout(self.drain, ledger.is_empty()).await.is_ok();
        progress.abort();
        let cancelled = if drained {
            0
        } else {
            load::cancel(client, ledger.take_left()).await
        };
        let _ = stop_workers.send(true);
        watchers.abort_all();
        while workers.join_next().await.is_some() {}
        let report = Report::new(self, seconds, &ledger, cancelled);
        printer.item(|_| report.text(), || report.json())?;
        report.notes().iter().for_each(|text| note("note", text));
        Ok(report.outcome())
    }

    fn load(&self, client: &Client, ledger: &Arc<Ledger>) -> Load {
        Load {
            client: client.clone(),
            ledger: Arc::clone(ledger),
            kind: self.kind.clone(),
            queue: self.queue.clone(),
            batch: self.batch.unwrap_or(1),
            payload_size: usize::try_from(self.payload_size).unwrap_or_default(),
            rate: self.rate,
            concurrency: match self.rate {
                Some(_) => MOST_IN_FLIGHT / self.batch.unwrap_or(1) as usize,
                None => self.concurrency() as usize,
            },
            tasks: self.tasks,
            duration: self.duration,
        }
    }

    fn concurrency(&self) -> u32 {
        self.concurrency.unwrap_or(16)
    }

    fn start_workers(
        &self,
        client: &Client,
        stopped: &watch::Receiver<bool>,
    ) -> Result<JoinSet<Result<(), ClientError>>, Error> {
        let mut workers = JoinSet::new();
        for _ in 0..self.workers {
            let worker = Worker::builder(client)
                .queue(&self.queue)
                .handle(&self.kind, |_: Context| async { Ok::<_, Failure>(Payload::empty()) })
                .concurrency(WORKER_CONCURRENCY)
                .connect_within(self.options.timeout)
                .build()?;
            let mut stopped = stopped.clone();
            workers.spawn(worker.run(async move {
                // An error: the sender is gone, which means the same.
                let _ = stopped.wait_for(|stopped| *stopped).await;
            }));
        }
        Ok(workers)
    }
}

/// Never returns while all workers run.
async fn failed_worker(workers: &mut JoinSet<Result<(), ClientError>>) -> ClientError {
    while let Some(ended) = workers.join_next().await {
        if let Ok(Err(error)) = ended {
            note("error", &format!("a worker ended: {}", with_next_step(&error)));
            return error;
        }
    }
    std::future::pending().await
}

async fn told_twice() {
    /// A signal that comes again within this time is the same one.
    const SAME_SIGNAL: Duration = Duration::from_millis(300);
    shutdown_signal().await;
    sleep(SAME_SIGNAL).await;
    shutdown_signal().await;
}
