//! `tidemill watch`.

use std::{
    io::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use clap::{Args, value_parser};
use tidemill_client::{Client, EventKind};

use crate::{
    ClientOptions, Error,
    command::Outcome,
    duration::parse_duration,
    error::is_away,
    printer::{self, Printer},
    watch_many,
};

/// Arguments of `tidemill watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The tasks. Several are followed over one stream, each line with its id; - reads more ids from stdin, one on each line
    #[arg(value_name = "ID", required = true)]
    task_ids: Vec<String>,
    /// Start after this event; 0 is the beginning. Only for a single task
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = value_parser!(i64).range(0..))]
    after: i64,
    /// Write the output to this file instead of stdout; it is replaced once everything is written. Only for a single task
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    #[command(flatten)]
    resume: Resume,
    /// Print only the output
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) options: ClientOptions,
}

/// How long a server that is away is worth the trouble.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Resume {
    /// Give up when the server, which has answered before, is away for this long
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = parse_duration)]
    pub(crate) give_up_after: Duration,
}

impl WatchArgs {
    pub(crate) async fn run<W: Write>(self, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        let single = match self.task_ids.as_slice() {
            [id] if id != "-" => Some(id),
            _ => None,
        };
        let client = self.options.client()?;
        printer.output_to(self.file.as_deref().filter(|_| single.is_some()))?;
        match single {
            Some(id) => follow(&client, id, self.after, self.resume, printer).await,
            None if self.after > 0 => Err(only_single("--after")),
            None if self.file.is_some() => Err(only_single("--file")),
            None => watch_many::follow(&client, self.task_ids, self.resume, printer).await,
        }
    }
}

fn only_single(flag: &str) -> Error {
    Error::Usage(format!(
        "{flag} is for a single task; watch each with a command of its own"
    ))
}

/// Prints every event of one task up to the result.
pub(crate) async fn follow<W: Write>(
    client: &Client,
    task_id: &str,
    after: i64,
    resume: Resume,
    printer: &mut Printer<W>,
) -> Result<Outcome, Error> {
    let breaks = Breaks::new(resume, printer.is_quiet());
    let watch = client.watch(task_id).after(after).give_up_after(resume.give_up_after);
    let mut watch = watch.on_break(breaks.hear());
    let mut outcome = Outcome::DONE;
    while let Some(next) = watch.next().await {
        let event = match next {
            Ok(event) => event,
            Err(source) if is_away(&source) && (breaks.were() || watch.last_sequence() > after) => {
                return Err(Error::GaveUp {
                    task_id: task_id.to_owned(),
                    last_sequence: watch.last_sequence(),
                    after: resume.give_up_after,
                    source,
                });
            }
            Err(error) => return Err(error.into()),
        };
        breaks.mended();
        printer.event(&event)?;
        if let EventKind::Result(result) = &event.kind {
            outcome = Outcome::of_state(result.state);
        }
    }
    Ok(outcome)
}

/// Tells of a break once, until it is mended.
#[derive(Debug, Clone)]
pub(crate) struct Breaks {
    told: Arc<AtomicBool>,
    ever: Arc<AtomicBool>,
    resume: Resume,
    quiet: bool,
}

impl Breaks {
    pub(crate) fn new(resume: Resume, quiet: bool) -> Self {
        Self {
            told: Arc::default(),
            ever: Arc::default(),
            resume,
            quiet,
        }
    }

    pub(crate) fn hear(&self) -> impl Fn(&tidemill_client::Error) + Send + Sync + 'static {
        let this = self.clone();
        move |error| {
            this.ever.store(true, Relaxed);
            if !this.told.swap(true, Relaxed) && !this.quiet {
                let limit = this.resume.give_up_after;
                printer::note("note", &format!("{error}; trying for up to {limit:?} to go on"));
            }
        }
    }

    pub(crate) fn mended(&self) {
        self.told.store(false, Relaxed);
    }

    /// Whether there was any.
    pub(crate) fn were(&self) -> bool {
        self.ever.load(Relaxed)
    }
}
