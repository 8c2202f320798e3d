//! The log of one task as one ordered sequence, whatever happens to the streams that carry it.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, StreamExt, stream};
use tidemill_proto::v1::{WatchResultRequest, WatchResultResponse, results_service_client::ResultsServiceClient};
use tokio::time::{Instant, sleep, timeout};
use tonic::Streaming;

use crate::{
    Client, Error, ErrorKind, Event, EventKind, Outcome, TaskResult,
    error::Again,
    event::Cursor,
    retry::{Limits, backoff},
};

pub(crate) const DEFAULT_GIVE_UP_AFTER: Duration = Duration::from_secs(300);
/// A stream that lived this long was a good one, even if the task had nothing to say.
pub(crate) const STEADY: Duration = Duration::from_secs(5);
/// Longest wait before a stream is opened again.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Follows one task: yields every event of its log after the cursor, in order and once each, and ends after the result. Where a stream
/// breaks it opens another from the last event it yielded. Use [`next`](Self::next), or as a [`Stream`].
pub struct Watch {
    state: State,
    last_sequence: i64,
}

enum State {
    /// Not polled yet: can still be set up. `None` only while it is being started.
    New(Option<Box<Follower>>),
    Running(Pin<Box<dyn Stream<Item = Result<Event, Error>> + Send>>),
}

impl Watch {
    pub(crate) fn new(client: Client, task_id: String) -> Self {
        Self {
            state: State::New(Some(Box::new(Follower::new(client, task_id)))),
            last_sequence: 0,
        }
    }

    /// Starts after this event instead of at the beginning. The result comes even if this is its own number.
    #[must_use]
    pub fn after(mut self, sequence: i64) -> Self {
        if let State::New(Some(follower)) = &mut self.state {
            follower.cursor = Cursor::after(sequence);
            self.last_sequence = sequence;
        }
        self
    }

    /// Ends with the last error when no stream could be had for this long. Without it: 5 min. Before the first stream, the client's
    /// timeout and tries count instead: the address may be wrong.
    #[must_use]
    pub fn give_up_after(mut self, time: Duration) -> Self {
        if let State::New(Some(follower)) = &mut self.state {
            follower.give_up_after = time;
        }
        self
    }

    /// Hears of every break that the watch is about to mend; not of vain tries before the first stream.
    #[must_use]
    pub fn on_break(mut self, heard: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        if let State::New(Some(follower)) = &mut self.state {
            follower.on_break = Some(Box::new(heard));
        }
        self
    }

    /// Number of the last event that was yielded: go on from here with [`after`](Self::after).
    #[must_use]
    pub fn last_sequence(&self) -> i64 {
        self.last_sequence
    }

    /// The next event; `None` after the result, or after an error. Safe in a `select!`: no event is lost with a cancelled call.
    ///
    /// # Errors
    /// What no other stream would mend: e.g. an unknown task; or that no stream could be had for too long.
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        StreamExt::next(self).await
    }

    /// Skips to the end.
    ///
    /// # Errors
    /// Those of [`next`](Self::next).
    pub async fn result(mut self) -> Result<TaskResult, Error> {
        while let Some(event) = self.next().await {
            if let EventKind::Result(result) = event?.kind {
                return Ok(result);
            }
        }
        Err(Error::contract("", "a log that ends without a result"))
    }
}

impl Stream for Watch {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let State::New(follower) = &mut self.state
            && let Some(follower) = follower.take()
        {
            self.state = State::Running(Box::pin(stream::unfold(*follower, Follower::step)));
        }
        let State::Running(events) = &mut self.state else {
            return Poll::Ready(None);
        };
        let next = events.as_mut().poll_next(context);
        if let Poll::Ready(Some(Ok(event))) = &next {
            self.last_sequence = self.last_sequence.max(event.sequence);
        }
        next
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("last_sequence", &self.last_sequence)
            .finish_non_exhaustive()
    }
}

struct Follower {
    client: Client,
    task_id: String,
    cursor: Cursor,
    stream: Option<Open>,
    patience: Patience,
    give_up_after: Duration,
    on_break: Option<OnBreak>,
}

pub(crate) type OnBreak = Box<dyn Fn(&Error) + Send + Sync>;

struct Open {
    messages: Streaming<WatchResultResponse>,
    since: Instant,
}

impl Follower {
    fn new(client: Client, task_id: String) -> Self {
        Self {
            client,
            task_id,
            cursor: Cursor::after(0),
            stream: None,
            patience: Patience::default(),
            give_up_after: DEFAULT_GIVE_UP_AFTER,
            on_break: None,
        }
    }

    async fn step(mut self) -> Option<(Result<Event, Error>, Self)> {
        if self.cursor.finished {
            return None;
        }
        let next = self.next().await;
        if next.is_err() {
            self.cursor.finished = true;
        }
        Some((next, self))
    }

    async fn next(&mut self) -> Result<Event, Error> {
        loop {
            let error = match self.read().await {
                Ok(event) => {
                    self.patience.restore();
                    match self.cursor.accept(&event) {
                        Ok(true) => return Ok(event),
                        Ok(false) => continue,
                        Err(hole) => return Err(Error::contract(&self.client.shared().results.address, hole)),
                    }
                }
                Err(error) => error,
            };
            let steady = self.stream.take().is_some_and(|open| open.since.elapsed() >= STEADY);
            let first = self.client.shared().limits;
            let pause = self.patience.bear(&error, steady, first, self.give_up_after)?;
            if let Some(heard) = self.on_break.as_ref().filter(|_| self.patience.established) {
                heard(&error);
            }
            sleep(pause).await;
        }
    }

    async fn read(&mut self) -> Result<Event, Error> {
        let client = &self.client;
        let address = &client.shared().results.address;
        let open = match &mut self.stream {
            Some(open) => open,
            none => {
                let request = WatchResultRequest {
                    task_id: self.task_id.clone(),
                    after_sequence: self.cursor.last_sequence,
                };
                let call = async |mut stub: ResultsServiceClient<_>| stub.watch_result(request).await;
                let messages = open_stream(client, call).await?;
                self.patience.established = true;
                none.insert(Open {
                    messages,
                    since: Instant::now(),
                })
            }
        };
        let message = open.messages.message().await;
        let message = message.map_err(|status| Error::from_status(&status, address))?;
        let ended = || {
            Error::new(
                ErrorKind::ConnectionLost,
                Outcome::NotApplied,
                address,
                "the stream ended before the result",
            )
        };
        let event = message.ok_or_else(ended)?.event;
        event
            .map(Event::from)
            .ok_or_else(|| Error::contract(address, "a message without an event"))
    }
}

/// Opens a stream of the results role, in line with everybody else who finds it away. The deadline is for opening it only.
pub(crate) async fn open_stream<M, C, F>(client: &Client, call: C) -> Result<Streaming<M>, Error>
where
    C: FnOnce(ResultsServiceClient<crate::link::Service>) -> F,
    F: Future<Output = Result<tonic::Response<Streaming<M>>, tonic::Status>>,
{
    let shared = client.shared();
    let link = &shared.results;
    let limit = shared.limits.deadline;
    let late = || Error::deadline(Outcome::NotApplied, &link.address, limit);
    let Ok(turn) = timeout(limit, link.line.enter()).await else {
        return Err(link.line.why().unwrap_or_else(late));
    };
    let opened = timeout(limit, call(ResultsServiceClient::new(link.service()))).await;
    let result = match opened {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(Error::from_status(&status, &link.address)),
        Err(_) => Err(late()),
    };
    match &result {
        Ok(_) => link.line.back(),
        Err(error) => match error.resume() {
            Again::WhenBack(delay) => link.line.away(error, delay),
            Again::After(_) | Again::Never => link.line.back(),
        },
    }
    drop(turn);
    result
}

/// For how long breaks are borne.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    /// A stream was opened at least once: the address is right.
    pub(crate) established: bool,
    broken_since: Option<Instant>,
    failures: u32,
}

impl Patience {
    /// Something came.
    pub(crate) fn restore(&mut self) {
        (self.broken_since, self.failures) = (None, 0);
    }

    /// How long to wait before the next stream; or hands the error back: at once where the server means it, else when the time for it is
    /// over. `first`: the limits before the first stream.
    pub(crate) fn bear(
        &mut self,
        error: &Error,
        steady: bool,
        first: Limits,
        give_up_after: Duration,
    ) -> Result<Duration, Error> {
        let delay = match error.resume() {
            Again::Never => return Err(error.clone()),
            Again::WhenBack(delay) | Again::After(delay) => delay,
        };
        if steady {
            self.restore();
        }
        let since = *self.broken_since.get_or_insert_with(Instant::now);
        self.failures = self.failures.saturating_add(1);
        let pause = delay + backoff(self.failures, MAX_BACKOFF);
        let (limit, tries) = if self.established {
            (give_up_after, None)
        } else {
            (first.deadline, first.tries)
        };
        let over = tries.is_some_and(|most| self.failures >= most) || since.elapsed() + pause > limit;
        if over { Err(error.clone()) } else { Ok(pause) }
    }
}

#[cfg(test)]
mod tests;
