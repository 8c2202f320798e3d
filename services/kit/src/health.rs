//! Readiness as named conditions, and `grpc.health.v1` on top of it.
//!
//! A process is ready when every condition holds and it is not shutting down. The service `""` and every registered service name
//! follow readiness; [`LIVENESS`] is always SERVING, so that an orchestrator restarts a process that hangs, not one whose Redis is away.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::sync::watch;
use tokio_stream::{Stream, wrappers::WatchStream};
use tonic::{Request, Response, Status, server::NamedService};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_check_response::ServingStatus,
    health_server::{Health as HealthApi, HealthServer},
};

/// The service name whose status is SERVING as long as the process runs.
pub const LIVENESS: &str = "liveness";

/// The condition that every process starts with, because a port that does not listen yet is not ready. `grpc::serve` fulfils it; a
/// process without a gRPC port does so itself once it works.
pub const SERVING: &str = "serving";

/// Shared by everybody who knows something about readiness. Not ready at first. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Health(watch::Sender<State>);

#[derive(Debug, Clone, Default)]
struct State {
    /// Name → why it does not hold; None when it holds.
    conditions: BTreeMap<&'static str, Option<String>>,
    services: BTreeSet<String>,
    shutting_down: bool,
}

impl State {
    fn is_ready(&self) -> bool {
        !self.shutting_down && self.conditions.values().all(Option::is_none)
    }

    /// None if nobody registered the service.
    fn status(&self, service: &str) -> Option<ServingStatus> {
        if service == LIVENESS {
            return Some(ServingStatus::Serving);
        }
        let known = service.is_empty() || self.services.contains(service);
        known.then_some(if self.is_ready() {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        })
    }
}

impl Health {
    /// Not ready: [`SERVING`] does not hold yet.
    #[must_use]
    pub fn new() -> Self {
        let conditions = BTreeMap::from([(SERVING, Some("starting".to_owned()))]);
        Self(watch::Sender::new(State {
            conditions,
            ..State::default()
        }))
    }

    /// Declares a condition, which does not hold until [`Health::set_ready`]. Declare all of them before serving, so that the process
    /// is not taken for ready in between. Declaring it again leaves it as it is.
    pub fn declare(&self, condition: &'static str) {
        self.0.send_if_modified(|state| {
            let new = !state.conditions.contains_key(condition);
            if new {
                state.conditions.insert(condition, Some("not checked yet".to_owned()));
            }
            new
        });
    }

    /// The condition holds.
    pub fn set_ready(&self, condition: &'static str) {
        self.set(condition, None);
    }

    /// The condition does not hold, with a reason for the operator. It is shown on the admin port, so it must carry no secret.
    pub fn set_not_ready(&self, condition: &'static str, reason: impl Into<String>) {
        self.set(condition, Some(reason.into()));
    }

    fn set(&self, condition: &'static str, reason: Option<String>) {
        self.0.send_if_modified(|state| {
            let changed = state.conditions.get(condition) != Some(&reason);
            if changed {
                match &reason {
                    None => tracing::info!(condition, "condition holds"),
                    Some(reason) => tracing::warn!(condition, reason, "condition does not hold"),
                }
                state.conditions.insert(condition, reason);
            }
            changed
        });
    }

    /// From now on not ready, whatever the conditions say; open health watches end after they were told.
    pub fn begin_shutdown(&self) {
        self.0
            .send_if_modified(|state| !std::mem::replace(&mut state.shutting_down, true));
    }

    /// Makes a gRPC service known to health checks under its full name, e.g. `tidemill.v1.GatewayService`.
    pub fn register_service_name(&self, name: impl Into<String>) {
        let name = name.into();
        self.0.send_if_modified(|state| state.services.insert(name));
    }

    /// [`Health::register_service_name`] for a generated server type.
    pub fn register_service<S: NamedService>(&self) {
        self.register_service_name(S::NAME);
    }

    /// Ok if the process should get work; otherwise what does not hold, and why.
    pub fn readiness(&self) -> Result<(), Vec<(&'static str, String)>> {
        let state = self.0.borrow();
        if state.is_ready() {
            return Ok(());
        }
        let shutdown = state.shutting_down.then(|| ("shutdown", "shutting down".to_owned()));
        let unmet = state
            .conditions
            .iter()
            .filter_map(|(name, reason)| Some((*name, reason.clone()?)));
        Err(shutdown.into_iter().chain(unmet).collect())
    }

    /// Returns when the process is ready. Cancel safe.
    pub async fn wait_until_ready(&self) {
        // The sender is in self, so the channel cannot close while this waits.
        let _ = self.0.subscribe().wait_for(State::is_ready).await;
    }

    /// The `grpc.health.v1.Health` service, for any number of ports.
    #[must_use]
    pub fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService(self.clone()))
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

/// Answers health checks from [`Health`].
#[derive(Debug, Clone)]
pub struct HealthService(Health);

#[tonic::async_trait]
impl HealthApi for HealthService {
    type WatchStream = Statuses;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the health protocol defines this answer; it is no error of our contract"
        )]
        let unknown = || Status::not_found("no such service");
        match self.0.0.borrow().status(&request.get_ref().service) {
            Some(status) => Ok(Response::new(response(status))),
            None => Err(unknown()),
        }
    }

    /// Sends the current status and then every change. As the protocol demands, an unknown service is a status and not an error.
    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let states = WatchStream::new(self.0.0.subscribe());
        Ok(Response::new(Statuses {
            states,
            service,
            last: None,
            ended: false,
        }))
    }
}

/// The statuses of one service, repetitions left out. Ends with the shutdown: a watch must not keep its connection open.
#[derive(Debug)]
pub struct Statuses {
    states: WatchStream<State>,
    service: String,
    last: Option<ServingStatus>,
    ended: bool,
}

impl Stream for Statuses {
    type Item = Result<HealthCheckResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while !self.ended {
            let Some(state) = ready!(Pin::new(&mut self.states).poll_next(cx)) else {
                break;
            };
            self.ended = state.shutting_down;
            let status = state.status(&self.service).unwrap_or(ServingStatus::ServiceUnknown);
            if self.last.replace(status) != Some(status) {
                return Poll::Ready(Some(Ok(response(status))));
            }
        }
        Poll::Ready(None)
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[cfg(test)]
mod tests;
