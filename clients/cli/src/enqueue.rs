//! `tidemill enqueue`.

use std::{io::Write, path::PathBuf};

use clap::{Args, builder::NonEmptyStringValueParser};
use tidemill_client::{Task, proto::EnqueueRequest};

use crate::{
    ClientOptions, Error, batch,
    command::Outcome,
    json,
    payload::PayloadArgs,
    printer::{Printer, Shape},
    task_args::TaskArgs,
    watch::{self, Resume},
};

/// Arguments of `tidemill enqueue`.
#[derive(Debug, Args)]
pub struct EnqueueArgs {
    /// Selects the handler, e.g. email.send. With --batch: the kind of lines that name none
    #[arg(required_unless_present = "batch")]
    kind: Option<String>,
    #[command(flatten)]
    payload: PayloadArgs,
    #[command(flatten)]
    task: TaskArgs,
    /// Idempotency key: the same key with the same content never stores a second task [default: a fresh one]
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    key: Option<String>,
    /// Store many tasks: each line of this file is one, as JSON with the names of EnqueueRequest; - reads stdin
    ///
    /// Example of a line: {"kind": "email.send", "payload": {"json": {"to": "a@example.com"}}, "delay": "10s", "idempotencyKey": "k1"}
    ///
    /// The other flags give defaults for what a line does not say. A line that cannot be stored is reported with its number, and the
    /// others are stored all the same; if the server is away for longer than --give-up-after, the rest is not read.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "watch"])]
    batch: Option<PathBuf>,
    /// With --batch: line N gets the idempotency key PREFIX-N, so that the same command stores nothing twice when it is run again
    ///
    /// Use a new prefix for new content: the same key with other content is refused. Lines with a key of their own keep it.
    #[arg(long, value_name = "PREFIX", requires = "batch", value_parser = NonEmptyStringValueParser::new())]
    key_prefix: Option<String>,
    /// Follow the task: print its events as they arrive, then its output
    #[arg(long, short = 'w')]
    watch: bool,
    #[command(flatten)]
    resume: Resume,
    /// Print only the id; with --watch only the output
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) options: ClientOptions,
}

impl EnqueueArgs {
    pub(crate) fn shape(&self) -> Shape {
        if self.watch || self.batch.is_some() {
            Shape::Array
        } else {
            Shape::Object
        }
    }

    pub(crate) async fn run<W: Write>(self, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        let Some(path) = &self.batch else {
            return self.one(printer).await;
        };
        if path.as_os_str() == "-" && self.payload.reads_stdin() {
            return Err(Error::Usage("stdin cannot be both the batch and the input".to_owned()));
        }
        let batch = batch::Batch {
            path: path.clone(),
            defaults: self.request()?,
            key_prefix: self.key_prefix.clone(),
        };
        // As many tries as fit. Before the server has answered once, its address may be wrong; later the batch outlives a restart.
        let first = self.options.builder()?.build()?;
        let give_up_after = self.resume.give_up_after.max(self.options.timeout);
        let patient = self.options.builder()?.timeout(give_up_after).build()?;
        batch.run(&first, &patient, printer).await
    }

    async fn one<W: Write>(self, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        let client = self.options.client()?;
        let answer = client.enqueue(Task::from(self.request()?)).await?;
        if !(self.watch && printer.is_quiet()) {
            printer.item(|_| answer.task_id.clone(), || json::enqueued(&answer))?;
        }
        if answer.deduplicated {
            printer.note(&format!("the key named this task already, which is {}", answer.state));
        }
        if !self.watch {
            return Ok(Outcome::DONE);
        }
        watch::follow(&client, &answer.task_id, 0, self.resume, printer).await
    }

    /// The request as sent, but for the key, which the client adds if none was given.
    fn request(&self) -> Result<EnqueueRequest, Error> {
        Ok(EnqueueRequest {
            kind: self.kind.clone().unwrap_or_default(),
            payload: self.payload.read()?.map(tidemill_client::Payload::into_proto),
            idempotency_key: self.key.clone().unwrap_or_default(),
            ..self.task.request()?
        })
    }
}

#[cfg(test)]
mod tests;
