//! One Work stream, from its registration to its end.

mod lanes;
mod register;
mod rounds;

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use prost::Message;
use tidemill_kit::status::ApiError;
use tidemill_model::{id::Namespace, wire};
use tidemill_proto::v1::{self, WorkRequest, work_request, work_response};

use self::{lanes::Lanes, rounds::Rounds};
use crate::{
    dispatch::give_back,
    error,
    outbox::{Outbound, Outbox},
    random::unit,
    shared::Shared,
    stream::Stream,
};

/// A client that has said nothing for so many ping intervals is taken for dead.
const SILENT_PINGS: u32 = 3;

/// Messages that are handled before pings, timers and the rest get their turn.
const MESSAGES_AT_ONCE: usize = 64;

/// What comes from the client.
pub(crate) enum Received {
    Message(WorkRequest),
    /// It has said all, and still listens.
    HalfClosed,
    /// It is lost.
    Broken,
}

/// The client's messages. Ends with [`Received::HalfClosed`] or [`Received::Broken`].
pub(crate) type Inbound = BoxStream<'static, Received>;

/// How a session ended.
enum End {
    /// The client has said all: what is left goes back.
    Finished,
    /// The client is lost, or is told to go: nothing is touched.
    Gone,
    /// The client broke the rules, or must go elsewhere.
    Refused(ApiError),
}

/// Counts the open streams.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::AcqRel);
        self.0.metrics.streams.dec();
    }
}

/// Opens a stream, unless the process drains or has as many as it may.
pub(crate) fn open(shared: &Arc<Shared>, namespace: Namespace, inbound: Inbound) -> Result<Outbound, ApiError> {
    if shared.draining.is_requested() {
        return Err(error::draining());
    }
    let before = shared.streams.fetch_add(1, Ordering::AcqRel);
    shared.metrics.streams.inc();
    let open = Open(Arc::clone(shared));
    if before >= shared.config.max_streams {
        return Err(error::too_many_streams(shared.config.max_streams));
    }
    let (outbox, outbound) = Outbox::channel();
    let own = Arc::clone(shared);
    shared.supervisor.spawn_detached("work stream", async move {
        let _open = open;
        run(own, namespace, inbound, outbox).await;
    });
    Ok(outbound)
}

async fn run(shared: Arc<Shared>, namespace: Namespace, mut inbound: Inbound, outbox: Outbox) {
    let stream = match register::register(&shared, &namespace, &mut inbound, &outbox).await {
        Ok(stream) => stream,
        Err(refused) => {
            refused.into_iter().for_each(|error| outbox.fail(error));
            outbox.end();
            return;
        }
    };
    let mut session = Session {
        lanes: Lanes::new(Arc::clone(&shared), Arc::clone(&stream)),
        rounds: Rounds::new(Arc::clone(&shared), Arc::clone(&stream)),
        last_heard: Instant::now(),
        last_ping: 0,
        unanswered: 0,
        shared: Arc::clone(&shared),
        stream: Arc::clone(&stream),
    };
    let end = session.serve(&mut inbound).await;
    if matches!(end, End::Finished) {
        // The settles it sent before it closed count before what is left goes back.
        session.lanes.idle().await;
    }
    shared.registry.leave(&stream);
    let held = stream.close();
    tracing::info!(
        stream = stream.name,
        held = held.len(),
        clean = matches!(end, End::Finished),
        "work stream ended"
    );
    match end {
        End::Finished => give_back(&shared, held),
        End::Gone => {}
        End::Refused(error) => outbox.fail(error),
    }
    outbox.end();
    if outbox.is_gone() {
        give_back(&shared, unsent_tokens(&outbox));
    }
}

/// Leases that the client cannot know of, because they were never handed to the transport.
fn unsent_tokens(outbox: &Outbox) -> Vec<tidemill_model::id::LeaseToken> {
    let assignments = |message| match message {
        Some(work_response::Message::Assignments(assignments)) => assignments.assignments,
        _ => Vec::new(),
    };
    let unsent = outbox
        .unsent()
        .into_iter()
        .flat_map(|response| assignments(response.message));
    unsent
        .filter_map(|assignment| assignment.lease_token.parse().ok())
        .collect()
}

struct Session {
    shared: Arc<Shared>,
    stream: Arc<Stream>,
    lanes: Lanes,
    rounds: Rounds,
    last_heard: Instant,
    last_ping: i64,
    /// Pings since the client was heard last.
    unanswered: u32,
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

impl Session {
    async fn serve(&mut self, inbound: &mut Inbound) -> End {
        let interval = self.shared.ping_interval();
        // Streams that came together do not beat together.
        let first = tokio::time::Instant::now() + interval.mul_f64(unit());
        let mut pings = tokio::time::interval_at(first, interval);
        pings.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut waiting: Option<WorkRequest> = None;
        let mut close_at = None;
        loop {
            let timer = self.stream.leases(|leases| leases.next_timer());
            let may_read = waiting.is_none() && self.stream.outbox.has_room();
            let size = waiting.as_ref().map_or(0, Message::encoded_len);
            // A client that holds nothing has nothing to see through: it need not use up the grace.
            let may_go =
                close_at.is_some() && waiting.is_none() && self.stream.leases(|leases| leases.tokens().is_empty());
            tokio::select! {
                () = self.stream.outbox.taken() => {
                    if self.stream.outbox.is_gone() {
                        return End::Gone;
                    }
                    self.stream.relieved();
                }
                received = inbound.next(), if may_read => match self.take(received, inbound) {
                    Ok(left) => waiting = left,
                    Err(end) => return end,
                },
                permit = self.lanes.admit(size), if waiting.is_some() => {
                    let Some(message) = waiting.take() else { continue };
                    if let Err(error) = self.handle(message, permit) {
                        return End::Refused(error);
                    }
                }
                _ = pings.tick() => if let Err(error) = self.ping(interval) {
                    return End::Refused(error);
                },
                () = sleep_until(timer) => self.time_out(),
                () = self.stream.changed.notified() => {}
                () = self.rounds.step() => {}
                () = self.shared.draining.requested(), if close_at.is_none() => close_at = Some(self.drain()),
                () = sleep_until(close_at) => return End::Refused(error::draining()),
                () = self.lanes.idle(), if may_go => return End::Refused(error::draining()),
            }
        }
    }

    /// Handles a message and those that have come with it, up to a bound: looking at everything else between two of them would cost more
    /// than they do. Answers the one that has to wait for room.
    fn take(&mut self, first: Option<Received>, inbound: &mut Inbound) -> Result<Option<WorkRequest>, End> {
        let mut received = first;
        if matches!(received, Some(Received::Message(_))) {
            self.heard();
        }
        for _ in 0..MESSAGES_AT_ONCE {
            let message = match received {
                Some(Received::Message(message)) => message,
                Some(Received::HalfClosed) => return Err(End::Finished),
                Some(Received::Broken) | None => return Err(End::Gone),
            };
            let Some(permit) = self.lanes.try_admit(message.encoded_len()) else {
                return Ok(Some(message));
            };
            self.handle(message, permit).map_err(End::Refused)?;
            if !self.stream.outbox.has_room() {
                return Ok(None);
            }
            // What is not there yet is waited for with everything else.
            match inbound.next().now_or_never() {
                Some(next) => received = next,
                None => return Ok(None),
            }
        }
        match received {
            Some(Received::Message(message)) => Ok(Some(message)),
            Some(Received::HalfClosed) => Err(End::Finished),
            Some(Received::Broken) | None => Err(End::Gone),
        }
    }

    fn handle(&mut self, request: WorkRequest, permit: lanes::Permit) -> Result<(), ApiError> {
        match request.message {
            None => return Err(error::violation("a message must have one of the fields of WorkRequest")),
            Some(work_request::Message::Register(_)) => {
                return Err(error::violation(
                    "register is the first message of a stream, and only there",
                ));
            }
            Some(work_request::Message::Echo(_)) => self.rounds.echo(),
            Some(work_request::Message::Credits(credits)) => {
                let credits = wire::parse_credits(&credits).map_err(error::invalid)?;
                self.stream.leases(|leases| leases.set_credits(credits));
            }
            Some(work_request::Message::Progress(report)) => self.lanes.report(report, permit),
            Some(work_request::Message::Complete(complete)) => self.lanes.complete(complete, permit),
            Some(work_request::Message::Fail(fail)) => self.lanes.fail(&fail, permit),
            Some(work_request::Message::Release(release)) => self.lanes.release(&release, permit),
        }
        Ok(())
    }

    fn heard(&mut self) {
        self.last_heard = Instant::now();
        if std::mem::take(&mut self.unanswered) > 0 {
            self.stream.set_silent(false);
        }
    }

    fn ping(&mut self, interval: Duration) -> Result<(), ApiError> {
        let silence = self.last_heard.elapsed();
        // Counted as well: it is our silence if this process was paused.
        if self.unanswered >= SILENT_PINGS && silence > interval * SILENT_PINGS + interval / 2 {
            tracing::info!(stream = self.stream.name, ?silence, "closing a silent stream");
            return Err(error::silent(silence));
        }
        if self.unanswered > 0 {
            // What a frozen process is given it cannot run: it would be charged a crash for it.
            self.stream.set_silent(true);
        }
        self.unanswered += 1;
        self.last_ping += 1;
        self.stream
            .outbox
            .send(work_response::Message::Ping(v1::Ping { number: self.last_ping }));
        Ok(())
    }

    /// Some attempt has run for as long as it may, or its grace is over, too.
    fn time_out(&mut self) {
        let due = self.stream.leases(|leases| {
            let due = leases.due(Instant::now());
            // Until the failure is stored or refused nobody else speaks for the lease.
            due.fail.iter().for_each(|token| leases.settle_begins(token));
            due
        });
        for token in &due.stop {
            self.stream
                .send_cancel(token, v1::CancelCause::AttemptTimeout, String::new());
        }
        for token in due.fail {
            rounds::fail_timed_out(&self.shared, &self.stream, token);
        }
    }

    /// Tells the client to go; answers when it must be gone.
    fn drain(&self) -> Instant {
        let grace = self.shared.config.drain_grace.get();
        let millis = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        self.stream.drain(v1::Drain {
            grace: Some(wire::duration(millis)),
        });
        Instant::now() + grace
    }
}
