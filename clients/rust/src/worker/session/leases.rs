//! What a session does with the leases it holds.

use std::sync::{Arc, PoisonError};

use tidemill_proto::v1::{Assignment, MessageKind, Refused, ReleaseTaskRequest, WorkRequest, work_request::Message};
use tokio::{sync::watch, time::Instant};

use super::{
    super::{
        Context, Failure, TaskFacts, WorkerEvent, context,
        held::Held,
        job::{self, Report},
    },
    Drain, LAST_WORD, MAX_BACKOFF, Session,
};
use crate::retry::backoff;

impl Session {
    pub(super) fn start(&mut self, assignment: Assignment) {
        let Some(handler) = self.setup.handlers.get(&assignment.kind).map(Arc::clone) else {
            // The server assigns registered kinds only; should it not, another process may serve this one.
            self.say(Failure::release().into_settle(assignment.lease_token, None));
            return;
        };
        if self.is_full() {
            // The server had not heard yet that a place is kept. It is no wish of the handler's, so it is not counted.
            self.say(given_back(assignment.lease_token));
            return;
        }
        let (task, token) = (TaskFacts::of(&assignment), assignment.lease_token.clone());
        let (cancel, cancelled) = watch::channel(None);
        let refused = context::Refused::default();
        let context = Context::new(assignment, self.report_to.clone(), cancelled, Arc::clone(&refused));
        self.setup.tell(&WorkerEvent::Started { task: task.clone() });
        let ended = job::Ended::default();
        let (place, occupied) = self.places.take();
        let job = job::run(handler, context, self.report_to.clone(), ended.clone(), occupied);
        let job = self.handlers_run_on.spawn(job).abort_handle();
        self.held
            .insert(token, Held::new(task, job, place, cancel, refused, ended));
    }

    /// Whether handlers that were stopped keep the places that all others leave.
    fn is_full(&self) -> bool {
        let running = || self.held.values().filter(|held| held.settle.is_none()).count();
        let kept = self.places.kept();
        kept > 0 && self.drain.is_none() && running() + kept >= self.setup.concurrency as usize
    }

    /// Lets go of a lease, and of its handler.
    pub(super) fn forget(&mut self, token: &str) -> Option<TaskFacts> {
        let mut held = self.held.remove(token)?;
        held.stop(&mut self.places);
        Some(held.task.clone())
    }

    /// Something that a handler said. What it says after its lease was lost, or after it was stopped, goes nowhere.
    pub(super) fn forward(&mut self, report: Report) {
        let Some(held) = self.held.get_mut(&report.token).filter(|held| held.settle.is_none()) else {
            return;
        };
        if report.settles {
            held.settle = Some(report.message.clone());
            held.due = None;
        } else {
            held.reported = true;
        }
        if let Some(stream) = &self.stream {
            stream.sender.report(WorkRequest {
                message: Some(report.message),
            });
        }
    }

    /// Ends an attempt from this side: its handler is stopped.
    pub(super) fn settle(&mut self, token: &str, message: Message) {
        if let Some(held) = self.held.get_mut(token) {
            held.stop(&mut self.places);
            held.due = None;
            held.settle = Some(message.clone());
        }
        // Before the settle, or its credit would be free although its place is not.
        self.adjust_credits();
        self.say(message);
    }

    pub(super) fn lease_lost(&mut self, token: &str) {
        let Some(held) = self.held.get_mut(token) else { return };
        let said_at_registration = std::mem::take(&mut held.not_adopted);
        // Otherwise the settle that was said again has an answer of its own to come.
        if held.settle.is_none() || !said_at_registration {
            let task = held.task.clone();
            self.forget(token);
            self.setup.tell(&WorkerEvent::LeaseLost { task });
        }
    }

    pub(super) fn refused(&mut self, refused: Refused) {
        let Some(held) = self.held.get_mut(&refused.lease_token) else {
            return;
        };
        let (task, kind) = (held.task.clone(), refused.kind());
        let message = format!("{}: {}", refused.reason, refused.message);
        let wrong = refused.reason == "INVALID_REQUEST";
        let Some(settle) = held.settle.clone() else {
            // A report; its handler hears of it with the next chunk.
            *held.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(message.clone());
            self.setup.tell(&WorkerEvent::Refused { task, message });
            return;
        };
        let unnamed = kind == MessageKind::Unspecified;
        if !unnamed && kind != kind_of(&settle) {
            // Of a report before it, or of the settle in whose stead it was said: its own answer is still to come.
            return;
        }
        if !wrong || unnamed && std::mem::take(&mut held.reported) {
            // It may pass; or it was a report before the settle that was refused, which an older server does not say: then the settle's own
            // answer is still to come, and to say it again is harmless.
            held.refusals = held.refusals.saturating_add(1);
            held.due = Some(Instant::now() + backoff(held.refusals, MAX_BACKOFF));
            return;
        }
        if matches!(settle, Message::Complete(_)) {
            // An output that the server cannot take must not be tried for ever: the next attempt would make the same one.
            let failure = Failure::permanent(format!("the output was refused: {message}"));
            let settle = failure.into_settle(refused.lease_token.clone(), None);
            self.settle(&refused.lease_token, settle);
        } else {
            // Nothing that could be said would be taken: the lease expires.
            self.forget(&refused.lease_token);
        }
        self.setup.tell(&WorkerEvent::Refused { task, message });
    }

    /// A settle is said again, or a handler that was asked to stop is stopped.
    pub(super) fn due(&mut self, token: &str) {
        let Some(held) = self.held.get_mut(token) else { return };
        held.due = None;
        if let Some(settle) = held.settle.clone() {
            self.say(settle);
        } else if let Some(message) = held.ended.take() {
            // It ended in time; its report waits for a stream.
            self.settle(token, message);
        } else if let Some(request) = held.cancel_request() {
            let settle = Failure::cancelled().into_settle(token.to_owned(), Some(request.cause));
            self.settle(token, settle);
        }
    }

    /// The grace is over: what still runs is given back; what has ended waits for its answer.
    pub(super) fn release_all(&mut self) {
        let running: Vec<String> = self
            .held
            .iter()
            .filter(|(_, held)| held.settle.is_none())
            .map(|(token, _)| token.clone())
            .collect();
        for token in running {
            let ended = self.held.get(&token).and_then(|held| held.ended.take());
            if let Some(message) = ended {
                self.settle(&token, message);
                continue;
            }
            let release = given_back(token.clone());
            self.settle(&token, release);
        }
        self.drain = Some(Drain {
            release_at: Instant::now() + LAST_WORD,
            released: true,
        });
    }
}

/// What could not be run here, uncounted.
fn given_back(lease_token: String) -> Message {
    Message::Release(ReleaseTaskRequest {
        lease_token,
        cancelled: false,
        draining: true,
    })
}

fn kind_of(message: &Message) -> MessageKind {
    match message {
        Message::Progress(_) => MessageKind::Progress,
        Message::Complete(_) => MessageKind::Complete,
        Message::Fail(_) => MessageKind::Fail,
        Message::Release(_) => MessageKind::Release,
        Message::Register(_) | Message::Echo(_) | Message::Credits(_) => MessageKind::Unspecified,
    }
}
