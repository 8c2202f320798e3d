//! KEDA's external scaler: how many handler processes the tasks of a queue and kind are worth, and a push when the first one waits.
//!
//! `scalerMetadata` of a trigger: `queue` (default `default`), `kind` (default: all of the queue), `tasksPerReplica` (default 10, above 0).
//! The value is the tasks that are queued or running; a delayed task counts from the moment it is due, which maintenance beside the
//! gateway sees to, so a fleet at zero wakes up for it. A paused queue leases nothing: its waiting tasks are worth nobody.

use std::{collections::HashMap, pin::Pin, time::Duration};

use futures_util::{Stream, stream};
use tidemill_kit::{shutdown::Shutdown, status::ApiError, supervisor::Supervisor};
use tidemill_model::id::Name;
use tidemill_proto::externalscaler::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec, MetricValue,
    ScaledObjectRef, external_scaler_server::ExternalScaler,
};
use tidemill_store::{HintReader, QueueLoad};
use tokio::time::{Instant, sleep_until};
use tonic::{Request, Response, Status};

use crate::{error, service::Service};

const METRIC: &str = "tidemill-tasks";
const DEFAULT_TASKS_PER_REPLICA: f64 = 10.0;
/// Tasks change all the time; to look this often is often enough to wake somebody within a second.
const PAUSE: Duration = Duration::from_millis(250);
/// A stream ends by itself, in order, well before its connection is told to go away (`grpc.max_connection_age`): KEDA 2.21 waits longer and
/// longer after each stream that broke, up to a minute, and begins anew only after one that ended well.
const STREAM_LIFE: Duration = Duration::from_secs(300);

/// What a trigger asks about.
#[derive(Debug, Clone, PartialEq)]
struct Target {
    queue: Name,
    kind: Option<Name>,
    tasks_per_replica: f64,
}

impl Target {
    /// Reads the metadata of a trigger. What it does not know belongs to KEDA.
    fn parse(metadata: &HashMap<String, String>) -> Result<Self, ApiError> {
        let given = |key: &str| metadata.get(key).map(String::as_str).filter(|value| !value.is_empty());
        let name = |key: &str, value: &str| {
            Name::new(value).map_err(|rule| error::invalid_field(&format!("scalerMetadata.{key}"), rule.to_string()))
        };
        let tasks_per_replica = match given("tasksPerReplica") {
            None => DEFAULT_TASKS_PER_REPLICA,
            Some(text) => text
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite() && *number > 0.0)
                .ok_or_else(|| error::invalid_field("scalerMetadata.tasksPerReplica", "must be a number above 0"))?,
        };
        Ok(Self {
            queue: name("queue", given("queue").unwrap_or("default"))?,
            kind: given("kind").map(|value| name("kind", value)).transpose()?,
            tasks_per_replica,
        })
    }
}

fn tasks(load: QueueLoad) -> u64 {
    let waiting = if load.paused { 0 } else { load.queued };
    waiting + load.running
}

/// The service, with what its streams need.
#[derive(Clone)]
pub(crate) struct Scaler {
    service: Service,
    shutdown: Shutdown,
    supervisor: Supervisor,
}

/// One stream of [`ExternalScaler::stream_is_active`].
struct Follower {
    scaler: Scaler,
    target: Target,
    /// A line that is not empty any more.
    signals: HintReader,
    /// Steps of tasks, the last of a queue among them.
    events: HintReader,
    said: Option<bool>,
    ends_at: Instant,
    ended: bool,
}

type Activity = Pin<Box<dyn Stream<Item = Result<IsActiveResponse, Status>> + Send>>;

impl Scaler {
    pub(crate) fn new(service: Service, shutdown: Shutdown, supervisor: Supervisor) -> Self {
        Self {
            service,
            shutdown,
            supervisor,
        }
    }

    async fn tasks(&self, target: &Target) -> Result<u64, ApiError> {
        let (namespace, store) = (self.service.namespace(), self.service.store());
        let load = store.load(namespace, &target.queue, target.kind.as_ref()).await;
        load.map(tasks).map_err(|e| error::reading(&e))
    }
}

impl Follower {
    /// Answers at once, and then whenever the answer is another one. Ends well when its time is over, and with the process's shutdown,
    /// so that KEDA asks a replica that stays.
    async fn step(mut self) -> Option<(Result<IsActiveResponse, Status>, Self)> {
        while !self.ended {
            match self.scaler.tasks(&self.target).await {
                Ok(tasks) if self.said != Some(tasks > 0) => {
                    let result = tasks > 0;
                    self.said = Some(result);
                    return Some((Ok(IsActiveResponse { result }), self));
                }
                Ok(_) => {}
                Err(error) => return Some((Err(error.into()), self.end())),
            }
            tokio::select! {
                _ = self.signals.next() => tokio::time::sleep(PAUSE).await,
                _ = self.events.next() => tokio::time::sleep(PAUSE).await,
                () = sleep_until(self.ends_at) => return None,
                () = self.scaler.shutdown.requested() => return None,
            }
        }
        None
    }

    fn end(mut self) -> Self {
        self.ended = true;
        self
    }
}

#[tonic::async_trait]
impl ExternalScaler for Scaler {
    type StreamIsActiveStream = Activity;

    async fn is_active(&self, request: Request<ScaledObjectRef>) -> Result<Response<IsActiveResponse>, Status> {
        let target = Target::parse(&request.into_inner().scaler_metadata)?;
        let result = self.tasks(&target).await? > 0;
        Ok(Response::new(IsActiveResponse { result }))
    }

    async fn stream_is_active(&self, request: Request<ScaledObjectRef>) -> Result<Response<Activity>, Status> {
        let follower = Follower {
            target: Target::parse(&request.into_inner().scaler_metadata)?,
            // Before the first look, so that no change can fall between the two.
            signals: self.service.store().signals(&self.supervisor),
            events: self.service.store().events(&self.supervisor),
            scaler: self.clone(),
            said: None,
            ends_at: Instant::now() + STREAM_LIFE,
            ended: false,
        };
        Ok(Response::new(Box::pin(stream::unfold(follower, Follower::step))))
    }

    async fn get_metric_spec(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<GetMetricSpecResponse>, Status> {
        let target = Target::parse(&request.into_inner().scaler_metadata)?;
        let spec = MetricSpec {
            metric_name: METRIC.to_owned(),
            target_size: target.tasks_per_replica.ceil() as i64,
            target_size_float: target.tasks_per_replica,
        };
        Ok(Response::new(GetMetricSpecResponse {
            metric_specs: vec![spec],
        }))
    }

    async fn get_metrics(&self, request: Request<GetMetricsRequest>) -> Result<Response<GetMetricsResponse>, Status> {
        let request = request.into_inner();
        let metadata = request.scaled_object_ref.unwrap_or_default().scaler_metadata;
        let tasks = self.tasks(&Target::parse(&metadata)?).await?;
        let value = MetricValue {
            // The name as KEDA calls it.
            metric_name: request.metric_name,
            metric_value: i64::try_from(tasks).unwrap_or(i64::MAX),
            metric_value_float: tasks as f64,
        };
        Ok(Response::new(GetMetricsResponse {
            metric_values: vec![value],
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(entries: &[(&str, &str)]) -> Result<Target, ApiError> {
        let entries = entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Target::parse(&entries.collect())
    }

    #[test]
    fn metadata_has_defaults_and_ignores_what_is_kedas() {
        let target = parse(&[("scalerAddress", "tidemill-gateway:7440"), ("kind", "")]).unwrap();
        assert_eq!(
            (target.queue.as_str(), target.kind, target.tasks_per_replica),
            ("default", None, 10.0)
        );
        let target = parse(&[("queue", "mail"), ("kind", "email.send"), ("tasksPerReplica", "2.5")]).unwrap();
        assert_eq!(target.kind.as_ref().map(Name::as_str), Some("email.send"));
        assert_eq!((target.queue.as_str(), target.tasks_per_replica), ("mail", 2.5));
    }

    #[test]
    fn wrong_metadata_is_named() {
        for (key, value) in [
            ("queue", "no name"),
            ("kind", "-"),
            ("tasksPerReplica", "0"),
            ("tasksPerReplica", "many"),
            ("tasksPerReplica", "inf"),
        ] {
            let error = parse(&[(key, value)]).unwrap_err();
            let status = Status::from(error);
            assert!(
                status.message().contains(&format!("scalerMetadata.{key}")),
                "{status:?}"
            );
        }
    }

    #[test]
    fn a_paused_queue_is_worth_only_what_runs() {
        let load = |paused| QueueLoad {
            paused,
            queued: 5,
            running: 2,
        };
        assert_eq!((tasks(load(false)), tasks(load(true))), (7, 2));
    }
}
