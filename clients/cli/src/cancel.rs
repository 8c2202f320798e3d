//! `tidemill cancel`.

use std::io::Write;

use clap::Args;

use crate::{ClientOptions, Error, command::Outcome, json, printer::Printer, text};

/// Arguments of `tidemill cancel`.
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The task
    #[arg(value_name = "ID")]
    task_id: String,
    /// Why, for people; kept with the task and shown to its handler
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    pub(crate) options: ClientOptions,
}

impl CancelArgs {
    pub(crate) async fn run<W: Write>(self, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        let client = self.options.client()?;
        let answer = client.cancel(&self.task_id, &self.reason.unwrap_or_default()).await?;
        printer.item(|paint| text::cancelled(answer, paint), || json::cancelled(answer))?;
        Ok(Outcome::DONE)
    }
}
