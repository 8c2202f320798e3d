//! `tidemill get`.

use std::{io::Write, path::PathBuf, time::Duration};

use clap::Args;

use crate::{ClientOptions, Error, command::Outcome, duration::parse_duration, printer::Printer};

/// Arguments of `tidemill get`.
#[derive(Debug, Args)]
pub struct GetArgs {
    /// The task
    #[arg(value_name = "ID")]
    task_id: String,
    /// Wait up to this long for the task to finish; exit with 5 if it has not
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    wait: Option<Duration>,
    /// Write the output to this file instead of stdout; it is replaced once everything is written
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Print only the output
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) options: ClientOptions,
}

impl GetArgs {
    pub(crate) async fn run<W: Write>(self, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        let client = self.options.client()?;
        printer.output_to(self.file.as_deref())?;
        let found = client.wait(&self.task_id, self.wait.unwrap_or_default()).await?;
        printer.result(&found)?;
        match self.wait {
            Some(_) if !found.state.is_terminal() => Ok(Outcome::UNAVAILABLE),
            _ => Ok(Outcome::of_state(found.state)),
        }
    }
}
