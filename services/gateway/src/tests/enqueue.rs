use tidemill_model::id::TaskId;
use tidemill_proto::v1::{
    BatchEnqueueRequest, CancelTaskRequest, GetTaskRequest, ListQueuesRequest, TaskState, enqueue_request::Start,
};

use super::*;

#[tokio::test]
async fn stores_a_task_and_shows_it() {
    let mut world = World::new().await;
    let response = world.gateway.enqueue(task("k")).await.unwrap().into_inner();
    assert_eq!((response.state(), response.deduplicated), (TaskState::Queued, false));
    let id: TaskId = response.task_id.parse().unwrap();
    let request = GetTaskRequest {
        task_id: id.to_string(),
    };
    let shown = world.admin.get_task(request).await.unwrap().into_inner().task.unwrap();
    assert_eq!((shown.queue.as_str(), shown.kind.as_str()), ("default", "k"));
    assert_eq!(shown.input, Some(text("hello")));
    // The id carries the store's time.
    let seconds = i128::from_str_radix(&id.to_string().replace('-', "")[..12], 16).unwrap() / 1_000;
    assert!((i128::from(shown.create_time.unwrap().seconds) - seconds).abs() <= 2);
    let metrics = world.context.metrics.encode();
    let line = "tidemill_tasks_enqueued_total{queue=\"default\",outcome=\"stored\"} 1";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn a_delayed_task_is_scheduled() {
    let mut world = World::new().await;
    let delay = prost_types::Duration { seconds: 60, nanos: 0 };
    let request = EnqueueRequest {
        start: Some(Start::Delay(delay)),
        ..task("k")
    };
    let response = world.gateway.enqueue(request).await.unwrap().into_inner();
    assert_eq!(response.state(), TaskState::Scheduled);
}

#[tokio::test]
async fn a_key_makes_a_retry_safe() {
    let mut world = World::new().await;
    let request = EnqueueRequest {
        idempotency_key: "once".into(),
        ..task("k")
    };
    let first = world.gateway.enqueue(request.clone()).await.unwrap().into_inner();
    let keys = world.keys();
    let again = world.gateway.enqueue(request.clone()).await.unwrap().into_inner();
    assert_eq!(
        (again.task_id.as_str(), again.deduplicated),
        (first.task_id.as_str(), true)
    );

    let other = EnqueueRequest {
        payload: Some(text("bye")),
        ..request
    };
    let refusal = Refusal::of(world.gateway.enqueue(other).await);
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED")
    );
    assert_eq!(refusal.metadata.get("task_id"), Some(&first.task_id));
    assert_eq!(refusal.outcome(), Some("not_applied"));
    assert_eq!(refusal.details.resource_info().unwrap().resource_name, first.task_id);
    assert_eq!(world.keys(), keys);
}

#[tokio::test]
async fn cancels_what_waits_and_answers_again_the_same() {
    let mut world = World::new().await;
    let id = world.gateway.enqueue(task("k")).await.unwrap().into_inner().task_id;
    let request = CancelTaskRequest {
        task_id: id.clone(),
        reason: "why not".into(),
    };
    for _ in 0..2 {
        let response = world.gateway.cancel_task(request.clone()).await.unwrap().into_inner();
        assert_eq!(
            (response.state(), response.cancel_requested),
            (TaskState::Cancelled, false)
        );
    }
    let shown = world
        .admin
        .get_task(GetTaskRequest { task_id: id })
        .await
        .unwrap()
        .into_inner()
        .task
        .unwrap();
    assert_eq!(
        (shown.state(), shown.cancel_reason.as_str()),
        (TaskState::Cancelled, "why not")
    );
}

#[tokio::test]
async fn a_drain_answers_what_is_open_and_refuses_the_rest() {
    let mut world = World::new().await;
    world.service.drain().await;
    let keys = world.keys();
    let refusal = Refusal::of(world.gateway.enqueue(task("k")).await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::Unavailable, "DRAINING"));
    assert_eq!(refusal.outcome(), Some("not_applied"));
    assert!(refusal.retry_after().is_some());
    let refusal = Refusal::of(world.gateway.batch_enqueue(BatchEnqueueRequest::default()).await);
    assert_eq!(
        (refusal.reason.as_str(), refusal.outcome()),
        ("DRAINING", Some("not_applied"))
    );
    let request = ListQueuesRequest::default();
    assert_eq!(Refusal::of(world.admin.list_queues(request).await).reason, "DRAINING");
    assert_eq!(world.keys(), keys);
}
