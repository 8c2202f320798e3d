//! Bad input to results and admin through the real socket: the stated code, every violated field, and no trace in Redis.

use std::collections::HashMap;

use tidemill_e2e::{Cluster, Expected, Refusal, duration, request};
use tidemill_proto::v1::{
    GetQueueRequest, GetResultRequest, GetTaskRequest, ListQueuesRequest, ListTasksRequest, WatchResultRequest,
    WatchResultsRequest, WatchTarget, watch_results_response,
};
use tonic::Code;

/// Well-formed, and nobody's.
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_and_admin_refuse_what_they_cannot_answer() {
    let mut cluster = Cluster::of(1, 1, 1).set("worker.builtin_kinds", "echo").start().await;
    let client = cluster.client();
    let task_id = client.enqueue(request("echo", "hello", "one")).await.task_id;
    client.result(&task_id).await;
    let before = cluster.server.ask("DBSIZE").unwrap();
    let (mut results, mut admin) = (client.results(0), client.admin(0));
    let invalid = |fields| Expected::invalid(fields).reading();
    let not_found = Expected {
        code: Code::NotFound,
        reason: "TASK_NOT_FOUND",
        fields: &[],
        mutating: false,
    };

    let get = |task_id: &str, wait| GetResultRequest {
        task_id: task_id.to_owned(),
        wait,
    };
    invalid(&["task_id"])
        .of("GetResult, bad id", results.get_result(get("x", None)))
        .await;
    invalid(&["wait"])
        .of(
            "GetResult, negative",
            results.get_result(get(&task_id, Some(duration(-1_000)))),
        )
        .await;
    invalid(&["task_id", "wait"])
        .of("GetResult, both", results.get_result(get("", Some(duration(61_000)))))
        .await;
    not_found
        .of("GetResult, unknown", results.get_result(get(UNKNOWN, None)))
        .await;

    let watch = |task_id: &str, after_sequence| WatchResultRequest {
        task_id: task_id.to_owned(),
        after_sequence,
    };
    for (what, request, expected) in [
        ("bad id", watch("x", 0), invalid(&["task_id"])),
        (
            "bad id and cursor",
            watch("x", -1),
            invalid(&["task_id", "after_sequence"]),
        ),
        ("unknown", watch(UNKNOWN, 0), not_found),
        (
            "a cursor beyond the end",
            watch(&task_id, 4),
            Expected {
                code: Code::FailedPrecondition,
                reason: "SEQUENCE_AHEAD",
                fields: &[],
                mutating: false,
            },
        ),
    ] {
        let mut results = results.clone();
        // A stream's error may come instead of the stream, or as its first message.
        let call = async move { results.watch_result(request).await?.into_inner().message().await };
        expected.of(&format!("WatchResult, {what}"), call).await;
    }
    // The result is sent even if the cursor is its own number.
    let mut stream = results.watch_result(watch(&task_id, 3)).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().event.unwrap().sequence, 3);
    assert!(stream.message().await.unwrap().is_none());

    let task = |task_id: &str| GetTaskRequest {
        task_id: task_id.to_owned(),
    };
    invalid(&["task_id"]).of("GetTask", admin.get_task(task("?"))).await;
    not_found.of("GetTask, unknown", admin.get_task(task(UNKNOWN))).await;
    let list = |state, page_size, page_token: &str| ListTasksRequest {
        state,
        page_size,
        page_token: page_token.to_owned(),
        queue: "default".to_owned(),
    };
    invalid(&["state"])
        .of("ListTasks, no state", admin.list_tasks(list(0, 0, "")))
        .await;
    invalid(&["state", "page_size"])
        .of("ListTasks, both", admin.list_tasks(list(8, -1, "")))
        .await;
    invalid(&["page_token"])
        .of("ListTasks, token", admin.list_tasks(list(5, 0, "nonsense")))
        .await;
    let bad = ListTasksRequest {
        queue: "*".to_owned(),
        ..list(5, 0, "")
    };
    invalid(&["queue"]).of("ListTasks, queue", admin.list_tasks(bad)).await;
    invalid(&["page_size"])
        .of(
            "ListQueues",
            admin.list_queues(ListQueuesRequest {
                page_size: -1,
                ..Default::default()
            }),
        )
        .await;
    invalid(&["queue"])
        .of("GetQueue", admin.get_queue(GetQueueRequest { queue: String::new() }))
        .await;
    let none = Expected {
        code: Code::NotFound,
        reason: "QUEUE_NOT_FOUND",
        fields: &[],
        mutating: false,
    };
    none.of(
        "GetQueue, unknown",
        admin.get_queue(GetQueueRequest {
            queue: "nobody".to_owned(),
        }),
    )
    .await;

    assert_eq!(
        cluster.server.ask("DBSIZE").unwrap(),
        before,
        "a refused request left a trace"
    );
    cluster.stop().await;
    cluster.check_logs(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_task_does_not_end_a_stream_of_many() {
    let mut cluster = Cluster::of(1, 1, 1).set("worker.builtin_kinds", "echo").start().await;
    let client = cluster.client();
    let task_id = client.enqueue(request("echo", "hello", "one")).await.task_id;
    let target = |id: &str| WatchTarget {
        task_id: id.to_owned(),
        after_sequence: 0,
    };
    let add = WatchResultsRequest {
        add: vec![target("x"), target(UNKNOWN), target(&task_id)],
        remove: Vec::new(),
    };
    let mut stream = client
        .results(0)
        .watch_results(tokio_stream::iter([add]))
        .await
        .unwrap()
        .into_inner();
    let mut errors = HashMap::new();
    let mut events = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        match message.item.unwrap() {
            watch_results_response::Item::Error(error) => drop(errors.insert(message.task_id, error)),
            watch_results_response::Item::Event(event) => {
                assert_eq!(message.task_id, task_id);
                events.push(event);
            }
        }
    }
    tidemill_e2e::check_log(&events);
    let refusal = |id: &str| Refusal::of_entry(&errors[id]);
    assert_eq!(
        (refusal("x").code, refusal("x").fields),
        (Code::InvalidArgument, vec!["task_id".to_owned()])
    );
    assert_eq!(
        (refusal(UNKNOWN).code, refusal(UNKNOWN).reason.as_str()),
        (Code::NotFound, "TASK_NOT_FOUND")
    );
    assert_eq!(errors.len(), 2);
    cluster.stop().await;
    cluster.check_logs(true);
}
