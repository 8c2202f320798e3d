//! `tidemill cancel`.

use std::io::Write;

use clap::Args;
use tidemill_proto::v1::CancelTaskRequest;

use crate::{ClientOptions, Error, client::Client, command::Outcome, json, printer::Printer, text};

/// Arguments of `tidemill cancel`.
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The task
    task_id: String,
    /// Why, for people; kept with the task and shown to its handler
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    pub(crate) options: ClientOptions,
}

impl CancelArgs {
    pub(crate) async fn run<W: Write>(self, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        let client = Client::new(&self.options)?;
        let request = CancelTaskRequest {
            task_id: self.task_id,
            reason: self.reason.unwrap_or_default(),
        };
        let response = client.cancel(request).await?;
        printer.either(|| text::cancelled(&response), || json::cancelled(&response))?;
        Ok(Outcome::Done)
    }
}
