//! A client that plays KEDA against the gateway's external scaler, with no worker role and no handler process running at first: the way
//! from zero.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise, and spawns what it drives"
)]

use std::time::{Duration, Instant};

use tidemill_client::{Client, Context, Task, Worker};
use tidemill_e2e::{Cluster, LIMIT, Role, until};
use tidemill_proto::externalscaler::{
    GetMetricsRequest, IsActiveResponse, ScaledObjectRef, external_scaler_client::ExternalScalerClient,
};
use tokio::{sync::oneshot, time::timeout};
use tonic::{Code, Streaming, transport::Channel};

const SECOND: Duration = Duration::from_secs(1);

/// KEDA, with one trigger.
struct Keda {
    scaler: ExternalScalerClient<Channel>,
    trigger: ScaledObjectRef,
}

impl Keda {
    async fn of(port: u16, metadata: &[(&str, &str)]) -> Self {
        let scaler = ExternalScalerClient::connect(format!("http://127.0.0.1:{port}"))
            .await
            .expect("a scaler");
        let metadata = metadata
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let trigger = ScaledObjectRef {
            name: "handlers".into(),
            namespace: "default".into(),
            scaler_metadata: metadata.collect(),
        };
        Self { scaler, trigger }
    }

    async fn stream(&mut self) -> Streaming<IsActiveResponse> {
        let answer = self.scaler.stream_is_active(self.trigger.clone()).await;
        answer.expect("a stream").into_inner()
    }

    async fn is_active(&mut self) -> bool {
        self.scaler
            .is_active(self.trigger.clone())
            .await
            .expect("an answer")
            .into_inner()
            .result
    }

    async fn value(&mut self) -> f64 {
        let request = GetMetricsRequest {
            scaled_object_ref: Some(self.trigger.clone()),
            metric_name: "s0-tidemill-tasks".into(),
        };
        let values = self
            .scaler
            .get_metrics(request)
            .await
            .expect("an answer")
            .into_inner()
            .metric_values;
        assert_eq!((values.len(), values[0].metric_name.as_str()), (1, "s0-tidemill-tasks"));
        assert_eq!(values[0].metric_value as f64, values[0].metric_value_float);
        values[0].metric_value_float
    }
}

async fn next(stream: &mut Streaming<IsActiveResponse>, limit: Duration) -> bool {
    let message = timeout(limit, stream.message()).await.expect("in time");
    message.expect("the stream goes on").expect("an answer").result
}

#[tokio::test]
async fn from_zero_and_back() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let gateway = cluster.get(Role::Gateway, 0).port;
    let client = Client::builder(format!("http://127.0.0.1:{gateway}"))
        .worker_url(format!("http://127.0.0.1:{}", cluster.get(Role::Worker, 0).port))
        .results_url(format!("http://127.0.0.1:{}", cluster.get(Role::Results, 0).port))
        .build()
        .expect("a client");
    // Nothing but the gateway, with maintenance beside it, is there to wake anybody.
    cluster.get(Role::Worker, 0).kill();
    cluster.get(Role::Results, 0).kill();

    let trigger = [("queue", "mail"), ("kind", "email.send"), ("tasksPerReplica", "4")];
    let mut keda = Keda::of(gateway, &trigger).await;
    let spec = keda
        .scaler
        .get_metric_spec(keda.trigger.clone())
        .await
        .expect("a spec")
        .into_inner();
    assert_eq!(
        (spec.metric_specs.len(), spec.metric_specs[0].target_size_float),
        (1, 4.0)
    );
    let mut stream = keda.stream().await;
    assert!(!next(&mut stream, SECOND).await, "nothing waits");

    // The first task wakes it within a second; other kinds and queues do not.
    client.enqueue(Task::new("other").queue("mail")).await.expect("stored");
    client.enqueue(Task::new("email.send")).await.expect("stored");
    let quiet = timeout(SECOND, stream.message()).await;
    assert!(quiet.is_err(), "it is about email.send in mail only: {quiet:?}");
    let task = || Task::new("email.send").queue("mail");
    let first = client.enqueue(task()).await.expect("stored").task_id;
    assert!(next(&mut stream, SECOND).await, "one task waits");
    assert!(keda.is_active().await);
    assert_eq!(keda.value().await, 1.0);

    // Ended without a worker: back to zero.
    client.cancel(&first, "").await.expect("known");
    assert!(!next(&mut stream, LIMIT).await, "nothing waits any more");
    assert_eq!(keda.value().await, 0.0);

    // A delayed one counts when it is due, not before.
    let begun = Instant::now();
    client.enqueue(task().delay(2 * SECOND)).await.expect("stored");
    assert!(!keda.is_active().await, "not due yet");
    assert!(next(&mut stream, 4 * SECOND).await);
    let waited = begun.elapsed();
    assert!(waited >= 2 * SECOND, "{waited:?}");

    // A fleet comes up and works; the numbers are those of the queue, what runs included.
    for _ in 0..9 {
        client.enqueue(task()).await.expect("stored");
    }
    assert_eq!(keda.value().await, 10.0);
    cluster.get(Role::Worker, 0).start();
    cluster.wait_ready().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let (release, wait) = tokio::sync::watch::channel(false);
    let worker = Worker::builder(&client)
        .queue("mail")
        .concurrency(3)
        .handle("email.send", move |_: Context| {
            let mut wait = wait.clone();
            async move {
                wait.wait_for(|go| *go).await?;
                Ok(())
            }
        });
    let worker = worker.build().expect("a worker");
    let worker = tokio::spawn(worker.run(async { drop(stopped.await) }));
    until("three run", LIMIT, async || {
        (client.queue("mail").await.expect("known").running == 3).then_some(())
    })
    .await;
    let queue = client.queue("mail").await.expect("known");
    let of_kind = queue
        .kinds
        .iter()
        .find(|kind| kind.kind == "email.send")
        .expect("it waits");
    assert_eq!((of_kind.queued, keda.value().await), (7, 10.0));
    let mut whole = Keda::of(gateway, &[("queue", "mail")]).await;
    assert_eq!(whole.value().await, 11.0, "all kinds of the queue");
    release.send(true).expect("it listens");
    assert!(!next(&mut stream, LIMIT).await, "drained");
    assert_eq!((keda.value().await, keda.is_active().await), (0.0, false));
    stop.send(()).expect("it runs");
    worker.await.expect("no panic").expect("in order");

    // A gateway that goes away ends the stream in order, so that KEDA asks another one at once.
    cluster.get(Role::Gateway, 0).signal("TERM");
    let end = timeout(LIMIT, stream.message()).await.expect("in time");
    assert!(end.expect("no error").is_none(), "the end");
    cluster.get(Role::Gateway, 0).wait_clean_end().await;
}

#[tokio::test]
async fn wrong_metadata_is_refused_by_name() {
    let mut cluster = Cluster::of(1, 0, 0).start().await;
    let mut keda = Keda::of(cluster.get(Role::Gateway, 0).port, &[("tasksPerReplica", "-1")]).await;
    let status = keda
        .scaler
        .get_metric_spec(keda.trigger.clone())
        .await
        .expect_err("refused");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(
        status.message().contains("scalerMetadata.tasksPerReplica"),
        "{status:?}"
    );
}
