use std::collections::BTreeSet;

use tidemill_proto::v1::{
    CancelTaskRequest, GetQueueRequest, GetTaskRequest, ListQueuesRequest, ListTasksRequest, TaskState,
};

use super::*;

fn of_queue(queue: &str, kind: &str) -> EnqueueRequest {
    EnqueueRequest {
        queue: queue.into(),
        ..task(kind)
    }
}

#[tokio::test]
async fn pages_through_queues_by_name() {
    let mut world = World::new().await;
    for queue in ["c", "a", "b"] {
        world.gateway.enqueue(of_queue(queue, "k")).await.unwrap();
    }
    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListQueuesRequest {
            page_size: 2,
            page_token,
        };
        let page = world.admin.list_queues(request).await.unwrap().into_inner();
        names.extend(page.queues.into_iter().map(|queue| (queue.name, queue.queued)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["a", "b", "c"].map(|name| (name.to_owned(), 1)));
}

#[tokio::test]
async fn shows_the_kinds_of_a_queue_with_depth_and_age() {
    let mut world = World::new().await;
    for kind in ["x", "y", "y"] {
        world.gateway.enqueue(of_queue("q", kind)).await.unwrap();
    }
    let request = GetQueueRequest { queue: "q".into() };
    let queue = world
        .admin
        .get_queue(request)
        .await
        .unwrap()
        .into_inner()
        .queue
        .unwrap();
    let kinds: Vec<_> = queue
        .kinds
        .iter()
        .map(|kind| (kind.kind.as_str(), kind.queued))
        .collect();
    assert_eq!(kinds, [("x", 1), ("y", 2)]);
    assert!(
        queue
            .kinds
            .iter()
            .all(|kind| kind.oldest_age.is_some_and(|age| age.seconds < 60))
    );
    assert!(queue.bytes > 0 && queue.queued == 3);

    let refusal = Refusal::of(world.admin.get_queue(GetQueueRequest { queue: "none".into() }).await);
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (Code::NotFound, "QUEUE_NOT_FOUND")
    );
    assert_eq!(refusal.outcome(), None);
}

#[tokio::test]
async fn pages_are_never_larger_than_asked_for_and_miss_nothing() {
    let mut world = World::new().await;
    let mut ids = BTreeSet::new();
    for _ in 0..120 {
        let id = world.gateway.enqueue(task("k")).await.unwrap().into_inner().task_id;
        let request = CancelTaskRequest {
            task_id: id.clone(),
            reason: String::new(),
        };
        world.gateway.cancel_task(request).await.unwrap();
        ids.insert(id);
    }
    let (mut listed, mut page_token) = (BTreeSet::new(), String::new());
    loop {
        let request = ListTasksRequest {
            state: TaskState::Cancelled.into(),
            page_size: 7,
            page_token,
            ..ListTasksRequest::default()
        };
        let page = world.admin.list_tasks(request).await.unwrap().into_inner();
        assert!(page.tasks.len() <= 7);
        assert!(
            page.tasks
                .iter()
                .all(|task| task.input.is_none() && task.state() == TaskState::Cancelled)
        );
        listed.extend(page.tasks.into_iter().map(|task| task.task_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, ids);
}

#[tokio::test]
async fn bad_requests_name_their_fields() {
    let mut world = World::new().await;
    let request = ListTasksRequest {
        page_size: -1,
        ..ListTasksRequest::default()
    };
    assert_eq!(
        Refusal::of(world.admin.list_tasks(request).await).fields(),
        ["state", "page_size"]
    );
    let request = ListTasksRequest {
        state: TaskState::Queued.into(),
        page_token: "made-up".into(),
        ..ListTasksRequest::default()
    };
    assert_eq!(
        Refusal::of(world.admin.list_tasks(request).await).fields(),
        ["page_token"]
    );
    let request = ListQueuesRequest {
        page_token: "made-up".into(),
        ..ListQueuesRequest::default()
    };
    assert_eq!(
        Refusal::of(world.admin.list_queues(request).await).fields(),
        ["page_token"]
    );
    let request = GetTaskRequest { task_id: "x".into() };
    assert_eq!(Refusal::of(world.admin.get_task(request).await).fields(), ["task_id"]);
    let request = GetTaskRequest {
        task_id: "0190163d-8694-739b-aea5-966c26f8ad91".into(),
    };
    assert_eq!(
        Refusal::of(world.admin.get_task(request).await).reason,
        "TASK_NOT_FOUND"
    );
}

#[tokio::test]
async fn depths_are_read_after_a_scrape() {
    let mut world = World::new().await;
    world.gateway.enqueue(task("k")).await.unwrap();
    let scrape = async {
        loop {
            let text = world.context.metrics.encode();
            if text.contains("tidemill_queue_depth{queue=\"default\",state=\"QUEUED\"} 1") {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let text = tokio::time::timeout(Duration::from_secs(20), scrape).await.unwrap();
    assert!(
        text.contains("tidemill_queue_depth{queue=\"default\",state=\"RUNNING\"} 0"),
        "{text}"
    );
    assert!(text.ends_with("# EOF\n"), "{text}");
}
