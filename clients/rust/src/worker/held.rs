//! The leases that are held, over all streams.

use tidemill_proto::v1::{Assignment, work_request::Message};
use tokio::{sync::watch, task::AbortHandle, time::Instant};

use super::{
    CancelRequest, TaskFacts,
    context::Refused,
    job::Ended,
    places::{Place, Places},
};

/// One lease.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) task: TaskFacts,
    job: AbortHandle,
    place: Place,
    stopped: bool,
    cancel: watch::Sender<Option<CancelRequest>>,
    pub(super) refused: Refused,
    /// How its handler ended, from the moment on, even if nobody could be told yet.
    pub(super) ended: Ended,
    /// Progress or chunks were sent: a refusal may be of one of them.
    pub(super) reported: bool,
    /// How the attempt ended, once it has; kept until the server has answered it, to be said again after a broken stream.
    pub(super) settle: Option<Message>,
    /// The registration did not adopt it: that it is lost is said once apart from the settle's own answer.
    pub(super) not_adopted: bool,
    /// How often the server could not take the settle.
    pub(super) refusals: u32,
    /// When the handler that was asked to stop is stopped, or the settle is said again.
    pub(super) due: Option<Instant>,
}

impl Held {
    pub(super) fn new(
        task: TaskFacts,
        job: AbortHandle,
        place: Place,
        cancel: watch::Sender<Option<CancelRequest>>,
        refused: Refused,
        ended: Ended,
    ) -> Self {
        Self {
            task,
            job,
            place,
            stopped: false,
            cancel,
            refused,
            ended,
            reported: false,
            settle: None,
            not_adopted: false,
            refusals: 0,
            due: None,
        }
    }

    /// Asks the handler to stop.
    pub(super) fn ask_to_stop(&self, request: CancelRequest) {
        self.cancel.send_replace(Some(request));
    }

    pub(super) fn cancel_request(&self) -> Option<CancelRequest> {
        self.cancel.borrow().clone()
    }

    /// Drops the handler's future at its next await; its place is kept until then.
    pub(super) fn stop(&mut self, places: &mut Places) {
        if !std::mem::replace(&mut self.stopped, true) {
            self.job.abort();
            places.leave(&self.place);
        }
    }
}

/// Whoever forgets a lease stops its handler: nothing it does would count.
impl Drop for Held {
    fn drop(&mut self) {
        self.job.abort();
    }
}

impl TaskFacts {
    pub(super) fn of(assignment: &Assignment) -> Self {
        Self {
            task_id: assignment.task_id.clone(),
            kind: assignment.kind.clone(),
            attempt: assignment.attempt,
        }
    }
}
