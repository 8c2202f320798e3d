//! `tidemill watch`, and the cursor that makes a watch out of as many streams as it takes.

use std::{io::Write, time::Duration};

use clap::{Args, value_parser};
use tidemill_proto::v1::{TaskEvent, WatchResultRequest, WatchResultResponse, task_event::Event};
use tokio::time::{Instant, sleep};
use tonic::Streaming;

use crate::{
    ClientOptions, Error, client::Client, command::Outcome, duration::parse_duration, printer::Printer, retry,
};

/// Longest wait before a stream is opened again.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// A stream that lived this long was a good one, even if the task had nothing to say.
const STEADY: Duration = Duration::from_secs(5);

/// Arguments of `tidemill watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The task
    task_id: String,
    /// Start after this event; 0 is the beginning
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = value_parser!(i64).range(0..))]
    after: i64,
    #[command(flatten)]
    resume: Resume,
    /// Print only the output
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) options: ClientOptions,
}

/// How long a broken watch is worth the trouble.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Resume {
    /// Stop trying to resume a broken watch after this long without a working stream
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = parse_duration)]
    pub(crate) give_up_after: Duration,
}

impl WatchArgs {
    pub(crate) async fn run<W: Write>(self, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        let client = Client::new(&self.options)?;
        follow(
            &mut Watch::new(&client, &self.task_id, self.after, self.resume),
            printer,
        )
        .await
    }
}

/// Prints every event up to the result.
pub(crate) async fn follow<W: Write>(watch: &mut Watch<'_>, printer: &mut Printer<W>) -> Result<Outcome, Error> {
    let mut outcome = Outcome::Done;
    while let Some(event) = watch.next(|note| printer.note(note)).await? {
        printer.event(&event)?;
        if let Some(Event::Result(result)) = &event.event {
            outcome = Outcome::of_state(result.state);
        }
    }
    Ok(outcome)
}

/// The log of one task as one ordered sequence, whatever happens to the streams that carry it.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    client: &'a Client,
    task_id: String,
    last_sequence: i64,
    finished: bool,
    stream: Option<(Streaming<WatchResultResponse>, Instant)>,
    resume: Resume,
    /// A stream was opened at least once: the task exists and the address is right.
    established: bool,
    broken_since: Option<Instant>,
    failures: u32,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(client: &'a Client, task_id: &str, after_sequence: i64, resume: Resume) -> Self {
        Self {
            client,
            task_id: task_id.to_owned(),
            last_sequence: after_sequence,
            finished: false,
            stream: None,
            resume,
            established: false,
            broken_since: None,
            failures: 0,
        }
    }

    /// The next event; `None` after the result. Tells `note` when a stream broke. Not for a `select!`: an event is lost with a
    /// cancelled call only in so far as the stream is opened again from the last event that was returned.
    pub(crate) async fn next(&mut self, note: impl Fn(&str)) -> Result<Option<TaskEvent>, Error> {
        while !self.finished {
            match self.read().await {
                Ok(event) => {
                    (self.broken_since, self.failures) = (None, 0);
                    if let Some(event) = self.accept(event)? {
                        return Ok(Some(event));
                    }
                }
                Err(error) => self.pause(error, &note).await?,
            }
        }
        Ok(None)
    }

    async fn read(&mut self) -> Result<TaskEvent, Error> {
        let (stream, _) = match &mut self.stream {
            Some(open) => open,
            none => {
                let request = WatchResultRequest {
                    task_id: self.task_id.clone(),
                    after_sequence: self.last_sequence,
                };
                let opened = self.client.watch(request).await?;
                self.established = true;
                none.insert((opened, Instant::now()))
            }
        };
        let message = stream
            .message()
            .await
            .map_err(|status| self.client.watch_error(&status))?;
        message
            .ok_or(Error::StreamEnded)?
            .event
            .ok_or_else(|| Error::Contract("a message without an event".to_owned()))
    }

    /// Moves the cursor. `None`: an event that was seen before. A hole in the numbers is an error: the log is complete or says what is
    /// not there.
    fn accept(&mut self, event: TaskEvent) -> Result<Option<TaskEvent>, Error> {
        let expected = self.last_sequence.saturating_add(1);
        let first = match &event.event {
            Some(Event::Truncated(gap)) => gap.from_sequence,
            _ => event.sequence,
        };
        if first > expected {
            return Err(Error::Contract(format!(
                "event {first} came where {expected} was due, and nothing says why"
            )));
        }
        // The result is sent even if the cursor is its own number.
        self.finished = matches!(event.event, Some(Event::Result(_)));
        if event.sequence < expected && !self.finished {
            return Ok(None);
        }
        self.last_sequence = self.last_sequence.max(event.sequence);
        Ok(Some(event))
    }

    /// Waits before the next stream, or gives up: at once where the server means it, else when the time for it is over.
    async fn pause(&mut self, error: Error, note: impl Fn(&str)) -> Result<(), Error> {
        let Some(delay) = error.resume_delay() else {
            return Err(error);
        };
        let now = Instant::now();
        if self.stream.take().is_some_and(|(_, opened)| now - opened >= STEADY) {
            (self.broken_since, self.failures) = (None, 0);
        }
        let since = *self.broken_since.get_or_insert(now);
        self.failures += 1;
        let pause = delay + retry::backoff(self.failures, MAX_BACKOFF);
        let limit = if self.established {
            self.resume.give_up_after
        } else {
            self.client.timeout
        };
        let over = now + pause > since + limit;
        match (over, self.established) {
            (true, false) => return Err(error),
            (true, true) => {
                return Err(Error::GaveUp {
                    task_id: self.task_id.clone(),
                    last_sequence: self.last_sequence,
                    after: limit,
                    source: Box::new(error),
                });
            }
            (false, true) if self.failures == 1 => {
                note(&format!(
                    "{error}; trying for up to {limit:?} to go on after event {}",
                    self.last_sequence
                ));
            }
            (false, false) if self.failures == 1 => note(&format!("{error}; trying for up to {limit:?}")),
            (false, _) => {}
        }
        sleep(pause).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
