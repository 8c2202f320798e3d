use tidemill_kit::status::code;
use tidemill_proto::v1::{
    BatchEnqueueRequest, BatchEnqueueResponse, ErrorReason, ListTasksRequest, TaskState, batch_enqueue_outcome::Outcome,
};

use super::*;

fn batch(requests: Vec<EnqueueRequest>) -> BatchEnqueueRequest {
    BatchEnqueueRequest { requests }
}

/// Ids, or codes of the refusals.
fn outcomes(response: BatchEnqueueResponse) -> Vec<Result<String, i32>> {
    let outcomes = response.outcomes.into_iter();
    outcomes
        .map(|outcome| match outcome.outcome.unwrap() {
            Outcome::Response(response) => Ok(response.task_id),
            Outcome::Error(status) => {
                assert!(!status.details.is_empty());
                Err(status.code)
            }
        })
        .collect()
}

#[tokio::test]
async fn each_entry_stands_alone_and_keeps_its_place() {
    let config = Config {
        max_queue_tasks: 3,
        ..Config::default()
    };
    let mut world = World::with(config).await;
    let keyed = |content: &str| EnqueueRequest {
        queue: "keyed".into(),
        idempotency_key: "k".into(),
        payload: Some(text(content)),
        ..task("k")
    };
    let requests = vec![
        task("k"),
        task("not a kind"),
        task("k"),
        keyed("a"),
        keyed("a"),
        keyed("b"),
        task("k"),
        task("k"),
    ];
    let found = outcomes(world.gateway.batch_enqueue(batch(requests)).await.unwrap().into_inner());
    let stored: Vec<bool> = found.iter().map(Result::is_ok).collect();
    assert_eq!(stored, [true, false, true, true, true, false, true, false]);
    let of = |reason| Err(code(reason) as i32);
    assert_eq!(found[1], of(ErrorReason::InvalidRequest));
    assert_eq!(found[5], of(ErrorReason::IdempotencyKeyReused));
    assert_eq!(found[7], of(ErrorReason::QueueFull));
    assert_eq!(found[3], found[4]);
}

#[tokio::test]
async fn a_thousand_tasks_are_leased_in_their_order() {
    let mut world = World::new().await;
    let requests = vec![task("k"); 1_000];
    let response = world.gateway.batch_enqueue(batch(requests)).await.unwrap().into_inner();
    let ids: Vec<String> = outcomes(response).into_iter().map(Result::unwrap).collect();
    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListTasksRequest {
            state: TaskState::Queued.into(),
            page_size: 300,
            page_token,
            ..ListTasksRequest::default()
        };
        let page = world.admin.list_tasks(request).await.unwrap().into_inner();
        listed.extend(page.tasks.into_iter().map(|task| task.task_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let first_difference = listed.iter().zip(&ids).position(|(listed, id)| listed != id);
    assert_eq!((listed.len(), first_difference), (ids.len(), None));
}

#[tokio::test]
async fn too_many_too_large_or_none_at_all_is_refused_as_a_whole() {
    let mut world = World::new().await;
    let keys = world.keys();
    let large = EnqueueRequest {
        payload: Some(text(&"x".repeat(250 << 10))),
        ..task("k")
    };
    for requests in [vec![], vec![task("k"); 1_001], vec![large; 20]] {
        let refusal = Refusal::of(world.gateway.batch_enqueue(batch(requests)).await);
        assert_eq!(
            (refusal.code, refusal.outcome()),
            (Code::InvalidArgument, Some("not_applied"))
        );
        assert_eq!(refusal.fields(), ["requests"]);
    }
    assert_eq!(world.keys(), keys);
}

#[tokio::test]
async fn the_watermark_refuses_entry_by_entry() {
    let config = Config {
        memory_watermark: 0.001,
        ..Config::default()
    };
    let mut world = World::with(config).await;
    let requests = vec![task("k"), task("no kind")];
    let found = outcomes(world.gateway.batch_enqueue(batch(requests)).await.unwrap().into_inner());
    let codes = [ErrorReason::MemoryExhausted, ErrorReason::InvalidRequest].map(|reason| Err(code(reason) as i32));
    assert_eq!(found, codes);
}
