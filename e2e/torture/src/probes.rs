//! Owners that do on purpose what others do by accident: they let a lease go and then speak in its name, ask twice, and look what becomes of a
//! task that is cancelled or expires while it runs. Each answer is judged on the spot; an error that says nothing proves nothing.

use std::{sync::Arc, time::Duration};

use tidemill_e2e::{duration, payload};
use tidemill_model::{id::LeaseToken, invariant::Invariant};
use tidemill_proto::v1::{
    Assignment, CancelCause, CancelTaskRequest, CompleteTaskRequest, EnqueueRequest, ErrorReason, FailTaskRequest,
    HeartbeatOutcome, HeartbeatTasksRequest, LeaseTasksRequest, Progress, ReleaseTaskRequest, ReportProgressRequest,
    TaskState, report_progress_request::Report,
};
use tokio::time::{sleep, timeout};
use tonic::{Request, Response, Status};

use crate::{
    history::{History, Probed},
    load::Shared,
    world::LEASE_TTL,
};

/// Their kind; no handler process takes it.
pub const PROBE_KIND: &str = "probe";
const PATIENCE: Duration = Duration::from_secs(3);
/// A probe's task that a fault took from it ends by itself after this long.
const EXPIRES_MS: i64 = 20_000;

/// One prober with a queue of its own, until the meter stops.
pub async fn probe(shared: Arc<Shared>, number: usize, seed: u64) -> History {
    let mut prober = Prober {
        rng: fastrand::Rng::with_seed(seed),
        queue: format!("probes-{number}"),
        history: History::default(),
        shared,
    };
    while !prober.shared.meter.is_stopped() {
        // `None`: a call was not answered, or a fault came between. The next one begins anew.
        let _: Option<()> = match number % 3 {
            0 => prober.stale_owner().await,
            1 => prober.cancelled_while_it_runs().await,
            _ => prober.expired_while_it_runs().await,
        };
        sleep(Duration::from_millis(50)).await;
    }
    // A prober that never comes to its point would be one that cannot find anything.
    let came_to_a_point = !prober.history.probed.is_empty();
    prober.found(
        Invariant::Recovery,
        false,
        came_to_a_point,
        format!("prober {number} proved nothing"),
    );
    prober.history
}

struct Prober {
    shared: Arc<Shared>,
    queue: String,
    rng: fastrand::Rng,
    history: History,
}

impl Prober {
    fn found(&mut self, invariant: Invariant, always: bool, held: bool, what: impl Into<String>) {
        self.history.probed.push(Probed {
            invariant,
            always,
            held,
            what: what.into(),
        });
    }

    /// I4, I5: nothing that is said under a lease that another has followed counts, nor under the fence of one and the nonce of the other.
    async fn stale_owner(&mut self) -> Option<()> {
        self.enqueue(EXPIRES_MS).await?;
        let request = self.lease_request();
        let first = self.lease(request.clone()).await?;
        if let Some(again) = self.leased(request).await {
            let same = again.is_some_and(|again| again.lease_token == first.lease_token);
            self.found(
                Invariant::BoundedDuplicates,
                false,
                same,
                "the same request id was answered with another lease, or none",
            );
        }
        sleep(LEASE_TTL).await;
        let request = self.lease_request();
        let second = self.lease(request).await?;
        if second.task_id != first.task_id {
            return None;
        }
        let (old, new) = (token(&first), token(&second));
        let rises = second.fence > first.fence && new.nonce != old.nonce;
        self.found(
            Invariant::FenceMonotone,
            true,
            rises,
            format!("{old:?} was followed by {new:?}"),
        );
        let mixed = LeaseToken {
            nonce: old.nonce,
            ..new
        };
        for wrong in [first.lease_token.clone(), mixed.to_string()] {
            self.speaks_in_vain(&wrong).await;
        }
        if let Some(outcome) = self.heartbeat(&second.lease_token).await {
            self.found(
                Invariant::Fencing,
                false,
                !outcome.lease_lost,
                "the true owner was not known",
            );
        }
        self.end(&second.lease_token).await
    }

    /// Heartbeat, report and both settles under a token that is not the owner's.
    async fn speaks_in_vain(&mut self, token: &str) {
        if let Some(outcome) = self.heartbeat(token).await {
            self.found(
                Invariant::Fencing,
                true,
                outcome.lease_lost,
                "a stale heartbeat counted",
            );
        }
        let mut worker = self.worker();
        let report = worker.report_progress(limited(ReportProgressRequest {
            lease_token: token.to_owned(),
            report: Some(Report::Progress(Progress {
                fraction: 0.5,
                message: "stale".to_owned(),
            })),
        }));
        let report = accepted(timeout(PATIENCE, report).await);
        let mut worker = self.worker();
        let complete = worker.complete_task(limited(CompleteTaskRequest {
            lease_token: token.to_owned(),
            output: payload("stale"),
        }));
        let complete = accepted(timeout(PATIENCE, complete).await);
        let mut worker = self.worker();
        let fail = worker.fail_task(limited(failure(token)));
        let fail = accepted(timeout(PATIENCE, fail).await);
        for (what, accepted) in [("report", report), ("complete", complete), ("fail", fail)] {
            if let Some(accepted) = accepted {
                self.found(
                    Invariant::Fencing,
                    true,
                    !accepted,
                    format!("a stale {what} was accepted"),
                );
            }
        }
    }

    /// I10: a cancel asks the owner, and does not end what runs.
    async fn cancelled_while_it_runs(&mut self) -> Option<()> {
        let task_id = self.enqueue(EXPIRES_MS).await?;
        let request = self.lease_request();
        let held = self.lease(request).await?;
        let mut gateway = self.shared.client.gateway(self.rng.usize(0..64));
        let cancel = gateway.cancel_task(limited(CancelTaskRequest {
            task_id,
            reason: "probe".to_owned(),
        }));
        let state = timeout(PATIENCE, cancel).await.ok()?.ok()?.into_inner().state();
        let runs = state == TaskState::Running;
        self.found(
            Invariant::LegalEdges,
            false,
            runs,
            format!("a running task was {state:?} after a cancel"),
        );
        let outcome = self.heartbeat(&held.lease_token).await?;
        let asked = !outcome.lease_lost && outcome.cancel_cause() == CancelCause::Client;
        self.found(
            Invariant::LegalEdges,
            false,
            asked,
            format!("an owner was told of a cancel: {outcome:?}"),
        );
        let mut worker = self.worker();
        let release = worker.release_task(limited(ReleaseTaskRequest {
            lease_token: held.lease_token,
            cancelled: true,
            draining: false,
        }));
        let state = timeout(PATIENCE, release).await.ok()?.ok()?.into_inner().state();
        let ended = state == TaskState::Cancelled;
        self.found(
            Invariant::LegalEdges,
            false,
            ended,
            format!("an agreed cancel ended {state:?}"),
        );
        Some(())
    }

    /// I10: so does an expiry.
    async fn expired_while_it_runs(&mut self) -> Option<()> {
        self.enqueue(1_000).await?;
        let request = self.lease_request();
        let held = self.lease(request).await?;
        let mut last = None;
        for _ in 0..5 {
            sleep(Duration::from_millis(500)).await;
            last = Some(self.heartbeat(&held.lease_token).await?);
        }
        let outcome = last?;
        let asked = !outcome.lease_lost && outcome.cancel_cause() == CancelCause::Expiry;
        self.found(
            Invariant::LegalEdges,
            false,
            asked,
            format!("an owner was told of the expiry: {outcome:?}"),
        );
        self.end(&held.lease_token).await
    }

    async fn enqueue(&mut self, expires_ms: i64) -> Option<String> {
        let mut gateway = self.shared.client.gateway(self.rng.usize(0..64));
        let request = EnqueueRequest {
            kind: PROBE_KIND.to_owned(),
            queue: self.queue.clone(),
            expires_in: Some(duration(expires_ms)),
            ..EnqueueRequest::default()
        };
        let answer = timeout(PATIENCE, gateway.enqueue(limited(request))).await;
        Some(answer.ok()?.ok()?.into_inner().task_id)
    }

    fn lease_request(&mut self) -> LeaseTasksRequest {
        LeaseTasksRequest {
            queues: vec![self.queue.clone()],
            kinds: vec![PROBE_KIND.to_owned()],
            max: 1,
            wait: Some(duration(2_000)),
            request_id: format!("{:032x}", self.rng.u128(..)),
        }
    }

    async fn lease(&mut self, request: LeaseTasksRequest) -> Option<Assignment> {
        self.leased(request).await?
    }

    /// `None`: not answered; `Some(None)`: there was no task.
    async fn leased(&mut self, request: LeaseTasksRequest) -> Option<Option<Assignment>> {
        let mut worker = self.worker();
        let answer = timeout(PATIENCE, worker.lease_tasks(limited(request))).await;
        Some(answer.ok()?.ok()?.into_inner().assignments.pop())
    }

    async fn heartbeat(&mut self, token: &str) -> Option<HeartbeatOutcome> {
        let mut worker = self.worker();
        let request = HeartbeatTasksRequest {
            lease_tokens: vec![token.to_owned()],
        };
        let answer = timeout(PATIENCE, worker.heartbeat_tasks(limited(request))).await;
        answer.ok()?.ok()?.into_inner().outcomes.pop()
    }

    async fn end(&mut self, token: &str) -> Option<()> {
        let mut worker = self.worker();
        let fail = worker.fail_task(limited(failure(token)));
        timeout(PATIENCE, fail).await.ok()?.ok()?;
        Some(())
    }

    fn worker(&mut self) -> tidemill_proto::v1::worker_service_client::WorkerServiceClient<tonic::transport::Channel> {
        self.shared.client.worker(self.rng.usize(0..64))
    }
}

/// Whether a call counted; `None`: its answer does not say.
fn accepted<T>(answer: Result<Result<Response<T>, Status>, tokio::time::error::Elapsed>) -> Option<bool> {
    match answer.ok()? {
        Ok(_) => Some(true),
        Err(status) => {
            let reason = tidemill_e2e::Refusal::of(&status).reason;
            (reason == ErrorReason::LeaseLost.as_str_name().trim_start_matches("ERROR_REASON_")).then_some(false)
        }
    }
}

fn token(assignment: &Assignment) -> LeaseToken {
    assignment.lease_token.parse().expect("a lease token of this version")
}

fn failure(token: &str) -> FailTaskRequest {
    FailTaskRequest {
        lease_token: token.to_owned(),
        message: "a probe".to_owned(),
        permanent: true,
        ..FailTaskRequest::default()
    }
}

fn limited<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    request
}
