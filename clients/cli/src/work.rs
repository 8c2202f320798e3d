//! `tidemill work`: any local program as a handler process.

mod group;
mod program;
mod pump;

use std::{ffi::OsString, io::Write, sync::Arc, time::Duration};

use clap::{Args, value_parser};
use serde_json::{Value, json};
use tidemill_client::{Context, Failure, Payload, TaskFacts, Worker, WorkerBuilder, WorkerEvent, shutdown_signal};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{
        mpsc::{UnboundedSender, unbounded_channel},
        oneshot,
    },
    time::sleep,
};

use self::{group::Groups, program::Program};
use crate::{
    ClientOptions, Error,
    command::Outcome,
    duration::parse_duration,
    error::with_next_step,
    printer::{Printer, note},
};

/// What a program that was told to stop twice exits with, as a shell reports SIGINT.
const INTERRUPTED: u8 = 130;
/// A signal that comes again within this time is the same one.
const SAME_SIGNAL: Duration = Duration::from_millis(300);

pub(crate) const ABOUT_THE_PROGRAM: &str = "\
The program is started anew for each attempt, without a shell, in a process group of its own:
  stdin        the input: bytes and text as they are, JSON as its text
  stdout       the output: text if it is UTF-8, else bytes (--json: a JSON value; --stream: chunks)
  stderr       passed on to this command's stderr; its last 8 KiB are the error's message
  exit code    0: succeeded; one of --permanent: failed for good; any other: failed, tried again
  environment  TIDEMILL_TASK_ID, TIDEMILL_QUEUE, TIDEMILL_KIND, TIDEMILL_ATTEMPT, TIDEMILL_MAX_ATTEMPTS,
               TIDEMILL_FENCE (grows with every lease: send it along with writes to other systems),
               TIDEMILL_CONTENT_TYPE, TIDEMILL_LABELS (a JSON object), TIDEMILL_LAST_ERROR,
               TRACEPARENT and TRACESTATE
A cancel request sends SIGTERM to the group, and SIGKILL after --cancel-grace. A lost lease sends SIGKILL.
The first Ctrl-C or SIGTERM drains: nothing new is started, what runs may finish within --grace, the rest is
given back and charged no attempt. The second one ends at once, with exit code 130.
";

/// Arguments of `tidemill work`.
#[derive(Debug, Args)]
pub struct WorkArgs {
    /// A kind to serve; may be repeated
    #[arg(long = "kind", short = 'k', value_name = "KIND", required = true)]
    kinds: Vec<String>,
    /// A queue to serve; may be repeated [default: default]
    #[arg(long = "queue", short = 'q', value_name = "QUEUE")]
    queues: Vec<String>,
    /// Programs that run at a time [default: the number of processors]
    #[arg(long, short = 'c', value_name = "N", value_parser = value_parser!(u32).range(1..=10_000))]
    concurrency: Option<u32>,
    /// Send each line of stdout as a chunk as it comes; the output is then empty
    #[arg(long, conflicts_with = "json")]
    stream: bool,
    /// The program writes JSON: store the output as a JSON value; what is none fails for good
    #[arg(long)]
    json: bool,
    /// An exit code that another attempt would not mend; may be repeated
    #[arg(long, value_name = "CODE", default_value = "65", value_parser = value_parser!(i32).range(1..=255))]
    permanent: Vec<i32>,
    /// How long running programs may go on after the first Ctrl-C
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = parse_duration)]
    grace: Duration,
    /// How long a program that got SIGTERM because of a cancel request may go on
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    cancel_grace: Duration,
    /// Say nothing of each task; errors are still told
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) options: ClientOptions,
    /// The program and its arguments
    #[arg(required = true, last = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

impl WorkArgs {
    pub(crate) async fn run<W: Write>(self, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        let client = self.options.builder()?.build()?;
        let groups = Groups::default();
        let program = Arc::new(Program {
            words: self.program.clone(),
            stream: self.stream,
            json: self.json,
            permanent: self.permanent.clone(),
            groups: groups.clone(),
        });
        program.check()?;
        let mut worker = Worker::builder(&client);
        for kind in &self.kinds {
            let program = Arc::clone(&program);
            worker = worker.handle(kind, move |task: Context| {
                let program = Arc::clone(&program);
                async move { program.attempt(&task).await }
            });
        }
        let (tell, mut events) = unbounded_channel();
        let worker = self.set_up(worker, tell).build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let mut stop = Some(stop);
        let shutdown = async {
            tokio::select! {
                () = told_to_stop() => {}
                _ = stopped => {}
            }
        };
        let mut ended = std::pin::pin!(worker.run(shutdown));
        let mut twice = std::pin::pin!(async {
            // The worker hears of the first signal as well. Wrappers send one twice at once.
            told_to_stop().await;
            sleep(SAME_SIGNAL).await;
            told_to_stop().await;
        });
        let mut broken = None;
        loop {
            tokio::select! {
                biased;
                Some(event) = events.recv(), if broken.is_none() => {
                    // Nobody reads any more: what runs is still to be drained.
                    if let Err(error) = show(&event, printer) {
                        broken = Some(error);
                        stop.take();
                    }
                }
                ended = &mut ended => {
                    ended?;
                    return broken.map_or(Ok(Outcome::DONE), Err);
                }
                () = &mut twice => {
                    groups.kill_all();
                    note("error", "ended at once; what ran comes back when its lease expires");
                    return Ok(Outcome(INTERRUPTED));
                }
            }
        }
    }

    fn set_up(&self, mut worker: WorkerBuilder, tell: UnboundedSender<WorkerEvent>) -> WorkerBuilder {
        let processors = || {
            let found = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            u32::try_from(found).unwrap_or(1)
        };
        for queue in &self.queues {
            worker = worker.queue(queue);
        }
        worker
            .concurrency(self.concurrency.unwrap_or_else(processors))
            .grace(self.grace)
            .cancel_grace(self.cancel_grace)
            .connect_within(self.options.timeout)
            .on_event(move |event| drop(tell.send(event.clone())))
    }
}

/// SIGTERM, Ctrl-C, or the terminal is gone: its programs, in groups of their own, would not hear of that.
async fn told_to_stop() {
    let gone = async {
        match signal(SignalKind::hangup()) {
            Ok(mut hangup) => drop(hangup.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = shutdown_signal() => {}
        () = gone => {}
    }
}

/// Events are notes for people on stderr, or with --output data on stdout; what goes wrong is told in any case.
fn show<W: Write>(event: &WorkerEvent, printer: &mut Printer<W>) -> Result<(), Error> {
    let about = |task: &TaskFacts| format!("{} {} attempt {}", task.task_id, task.kind, task.attempt);
    match event {
        WorkerEvent::Disconnected { error } => note("warning", &format!("{}; trying on", with_next_step(error))),
        WorkerEvent::LeaseLost { task } => {
            note(
                "warning",
                &format!("{}: the lease was lost, its program was killed", about(task)),
            );
        }
        WorkerEvent::Stuck { handlers } => {
            note(
                "warning",
                &format!("{handlers} stopped programs do not end; that many fewer are started"),
            );
        }
        WorkerEvent::Refused { task, message } => note("warning", &format!("{}: refused: {message}", about(task))),
        _ if !printer.is_text() => {}
        WorkerEvent::Connected { address } => printer.note(&format!("connected to {address}; Ctrl-C drains")),
        WorkerEvent::Draining { running } => {
            printer.note(&format!("draining, {running} running; Ctrl-C again ends at once"));
        }
        WorkerEvent::Settled { task, state } => printer.note(&format!("{}: {state}", about(task))),
        _ => {}
    }
    if printer.is_text() {
        return Ok(());
    }
    printer.item(|_| String::new(), || object(event))
}

fn object(event: &WorkerEvent) -> Value {
    let of = |name: &str, task: &TaskFacts| json!({ "event": name, "taskId": task.task_id, "kind": task.kind, "attempt": task.attempt });
    match event {
        WorkerEvent::Connected { address } => json!({ "event": "connected", "address": address }),
        WorkerEvent::Disconnected { error } => json!({ "event": "disconnected", "error": error.to_string() }),
        WorkerEvent::Started { task } => of("started", task),
        WorkerEvent::Settled { task, state } => {
            let mut object = of("settled", task);
            object["state"] = Value::from(format!("TASK_STATE_{state}"));
            object
        }
        WorkerEvent::LeaseLost { task } => of("leaseLost", task),
        WorkerEvent::Refused { task, message } => {
            let mut object = of("refused", task);
            object["message"] = Value::from(message.as_str());
            object
        }
        WorkerEvent::Stuck { handlers } => json!({ "event": "stuck", "handlers": handlers }),
        WorkerEvent::Draining { running } => json!({ "event": "draining", "running": running }),
        _ => json!({ "event": "unknown" }),
    }
}

/// What an attempt ends with.
type Ended = Result<Payload, Failure>;
