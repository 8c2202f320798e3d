//! `tidemill enqueue`.

use std::{collections::HashMap, io::Write, time::Duration};

use clap::{Args, ValueEnum, builder::NonEmptyStringValueParser, value_parser};
use tidemill_proto::v1::{self, EnqueueRequest, RetryPolicy, enqueue_request::Start};
use uuid::Uuid;

use crate::{
    ClientOptions, Error, PayloadArgs,
    client::Client,
    command::Outcome,
    duration::{parse_duration, to_proto},
    json, names,
    printer::Printer,
    watch::{self, Resume, Watch},
};

/// Arguments of `tidemill enqueue`.
#[derive(Debug, Args)]
pub struct EnqueueArgs {
    /// Selects the handler, e.g. email.send
    kind: String,
    /// The queue, made on first use [default: default]
    #[arg(long, short = 'q')]
    queue: Option<String>,
    #[command(flatten)]
    payload: PayloadArgs,
    /// Idempotency key: the same key with the same content never stores a second task [default: a fresh one]
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    key: Option<String>,
    /// Order among ready tasks
    #[arg(long, value_name = "LEVEL")]
    priority: Option<PriorityArg>,
    /// Not before this long from now
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    delay: Option<Duration>,
    /// Attempts in all, the first included
    #[arg(long, value_name = "N", value_parser = value_parser!(i32).range(1..))]
    max_attempts: Option<i32>,
    /// Wait after the first failure; doubles with each further one
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    initial_backoff: Option<Duration>,
    /// Longest wait between attempts
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    max_backoff: Option<Duration>,
    /// Longest run of one attempt
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    attempt_timeout: Option<Duration>,
    /// Give up if the task is not finished by then
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    expires_in: Option<Duration>,
    /// A label; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = parse_label)]
    labels: Vec<(String, String)>,
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

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PriorityArg {
    Low,
    Normal,
    High,
    Urgent,
}

impl EnqueueArgs {
    pub(crate) async fn run<W: Write>(self, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        let client = Client::new(&self.options)?;
        let (follow, resume) = (self.watch, self.resume);
        let response = client.enqueue(self.request()?).await?;
        if !(follow && printer.is_quiet()) {
            printer.either(|| response.task_id.clone(), || json::enqueued(&response))?;
        }
        if response.deduplicated {
            printer.note(&format!(
                "the key named this task already, which is {}",
                names::state(response.state)
            ));
        }
        if !follow {
            return Ok(Outcome::Done);
        }
        watch::follow(&mut Watch::new(&client, &response.task_id, 0, resume), printer).await
    }

    /// The request as sent. What was not given stays absent, so that the server's defaults apply and the content under a key is stable.
    fn request(self) -> Result<EnqueueRequest, Error> {
        let has_policy = self.max_attempts.is_some() || self.initial_backoff.is_some() || self.max_backoff.is_some();
        let mut labels = HashMap::with_capacity(self.labels.len());
        for (name, value) in self.labels {
            if let Some(other) = labels.insert(name.clone(), value) {
                return Err(Error::Usage(format!(
                    "label `{name}` is given twice; the first value is `{other}`"
                )));
            }
        }
        Ok(EnqueueRequest {
            queue: self.queue.unwrap_or_default(),
            kind: self.kind,
            payload: self.payload.read()?,
            idempotency_key: self.key.unwrap_or_else(fresh_key),
            priority: self.priority.map_or(v1::Priority::Unspecified, PriorityArg::to_proto) as i32,
            start: self.delay.map(|delay| Start::Delay(to_proto(delay))),
            retry_policy: has_policy.then(|| RetryPolicy {
                max_attempts: self.max_attempts.unwrap_or_default(),
                initial_backoff: self.initial_backoff.map(to_proto),
                max_backoff: self.max_backoff.map(to_proto),
                multiplier: 0.0,
            }),
            attempt_timeout: self.attempt_timeout.map(to_proto),
            expires_in: self.expires_in.map(to_proto),
            labels,
            ..EnqueueRequest::default()
        })
    }
}

impl PriorityArg {
    fn to_proto(self) -> v1::Priority {
        match self {
            Self::Low => v1::Priority::Low,
            Self::Normal => v1::Priority::Normal,
            Self::High => v1::Priority::High,
            Self::Urgent => v1::Priority::Urgent,
        }
    }
}

/// A key that makes the retries of one command safe.
pub(crate) fn fresh_key() -> String {
    Uuid::new_v4().to_string()
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not a label; write KEY=VALUE")),
    }
}

#[cfg(test)]
mod tests;
