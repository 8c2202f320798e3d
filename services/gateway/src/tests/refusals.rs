use tidemill_proto::v1::{CancelTaskRequest, TaskState};

use super::*;

#[tokio::test]
async fn every_violation_is_named_and_nothing_is_stored() {
    let mut world = World::new().await;
    let keys = world.keys();
    let request = EnqueueRequest {
        queue: "no queue".into(),
        kind: String::new(),
        priority: 17,
        payload: Some(text(&"x".repeat(300 << 10))),
        ..EnqueueRequest::default()
    };
    let refusal = Refusal::of(world.gateway.enqueue(request).await);
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (Code::InvalidArgument, "INVALID_REQUEST")
    );
    assert_eq!(refusal.outcome(), Some("not_applied"));
    assert_eq!(refusal.fields(), ["queue", "kind", "payload", "priority"]);
    let request = CancelTaskRequest {
        task_id: "nonsense".into(),
        reason: "y".repeat(2_000),
    };
    let refusal = Refusal::of(world.gateway.cancel_task(request).await);
    assert_eq!(refusal.fields(), ["task_id", "reason"]);
    assert_eq!(refusal.outcome(), Some("not_applied"));
    assert_eq!(world.keys(), keys);
    let metrics = world.context.metrics.encode();
    assert!(metrics.contains("{queue=\"other\",outcome=\"invalid\"} 1"), "{metrics}");
}

#[tokio::test]
async fn an_unknown_task_cannot_be_cancelled() {
    let mut world = World::new().await;
    let request = CancelTaskRequest {
        task_id: "0190163d-8694-739b-aea5-966c26f8ad91".into(),
        reason: String::new(),
    };
    let refusal = Refusal::of(world.gateway.cancel_task(request).await);
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (Code::NotFound, "TASK_NOT_FOUND")
    );
    assert_eq!(refusal.outcome(), Some("not_applied"));
}

#[tokio::test]
async fn a_full_queue_takes_no_more_but_others_do() {
    let config = Config {
        max_queue_tasks: 2,
        ..Config::default()
    };
    let mut world = World::with(config).await;
    for _ in 0..2 {
        world.gateway.enqueue(task("k")).await.unwrap();
    }
    let keys = world.keys();
    let refusal = Refusal::of(world.gateway.enqueue(task("k")).await);
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (Code::ResourceExhausted, "QUEUE_FULL")
    );
    assert_eq!(
        (refusal.outcome(), refusal.quota().as_deref()),
        (Some("not_applied"), Some("queues/default"))
    );
    assert!(refusal.retry_after().is_some());
    assert_eq!(world.keys(), keys);
    let elsewhere = EnqueueRequest {
        queue: "q2".into(),
        ..task("k")
    };
    world.gateway.enqueue(elsewhere).await.unwrap();
}

#[tokio::test]
async fn a_queue_is_bounded_by_bytes() {
    let config = Config {
        max_queue_bytes: ByteSize(1_000),
        ..Config::default()
    };
    let mut world = World::with(config).await;
    let large = EnqueueRequest {
        payload: Some(text(&"x".repeat(600))),
        ..task("k")
    };
    world.gateway.enqueue(large.clone()).await.unwrap();
    let keys = world.keys();
    let refusal = Refusal::of(world.gateway.enqueue(large).await);
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (Code::ResourceExhausted, "QUEUE_BYTES_EXCEEDED")
    );
    assert_eq!(
        (refusal.outcome(), refusal.quota().as_deref()),
        (Some("not_applied"), Some("queues/default"))
    );
    assert!(refusal.retry_after().is_some());
    assert_eq!(world.keys(), keys);
    world.gateway.enqueue(task("k")).await.unwrap();
}

#[tokio::test]
async fn above_the_watermark_enqueues_stop_and_cancels_go_on() {
    // Any server uses more than a thousandth of 512 MiB.
    let config = Config {
        memory_watermark: 0.001,
        ..Config::default()
    };
    let mut world = World::with(config).await;
    let keys = world.keys();
    let refusal = Refusal::of(world.gateway.enqueue(task("k")).await);
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (Code::ResourceExhausted, "MEMORY_EXHAUSTED")
    );
    assert_eq!(
        (refusal.outcome(), refusal.quota().as_deref()),
        (Some("not_applied"), Some("memory"))
    );
    assert!(refusal.retry_after().is_some());
    assert_eq!(world.keys(), keys);
    let request = CancelTaskRequest {
        task_id: "0190163d-8694-739b-aea5-966c26f8ad91".into(),
        reason: String::new(),
    };
    assert_eq!(
        Refusal::of(world.gateway.cancel_task(request).await).reason,
        "TASK_NOT_FOUND"
    );
}

#[tokio::test]
async fn a_store_that_is_away_is_unavailable_and_comes_back() {
    let mut world = World::new().await;
    let id = world.gateway.enqueue(task("k")).await.unwrap().into_inner().task_id;
    world.server.kill();
    // The first call may find the connection broken only after it was sent.
    for known in [None, Some("not_applied")] {
        let refusal = Refusal::of(world.gateway.enqueue(task("k")).await);
        assert_eq!(
            (refusal.code, refusal.reason.as_str()),
            (Code::Unavailable, "STORE_UNAVAILABLE")
        );
        assert!(refusal.retry_after().is_some() && refusal.outcome().is_some());
        if let Some(known) = known {
            assert_eq!(refusal.outcome(), Some(known));
        }
    }
    world.server.resume();
    let response = loop {
        let request = CancelTaskRequest {
            task_id: id.clone(),
            reason: String::new(),
        };
        match world.gateway.cancel_task(request).await {
            Ok(response) => break response.into_inner(),
            Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status}"),
        }
    };
    assert_eq!(response.state(), TaskState::Cancelled);
}

#[tokio::test]
async fn a_store_that_was_emptied_is_refused() {
    let mut world = World::new().await;
    world.gateway.enqueue(task("k")).await.unwrap();
    assert_eq!(world.server.ask("FLUSHALL").as_deref(), Some("+OK"));
    let refusal = Refusal::of(world.gateway.enqueue(task("k")).await);
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (Code::Unavailable, "STORE_CHANGED")
    );
    assert_eq!(refusal.outcome(), Some("not_applied"));
    assert_eq!(world.keys(), ":0");
}
