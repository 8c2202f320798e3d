//! Bad input to gateway, results and admin through the real socket: the stated code, every violated field, and no trace in Redis.

use std::collections::HashMap;

use prost_types::{Duration, Timestamp};
use tidemill_e2e::{Cluster, Expected, Refusal, duration, payload, request};
use tidemill_proto::v1::{
    BatchEnqueueRequest, CancelTaskRequest, EnqueueRequest, GetQueueRequest, GetResultRequest, GetTaskRequest,
    ListQueuesRequest, ListTasksRequest, Payload, RetryPolicy, TraceContext, WatchResultRequest, WatchResultsRequest,
    WatchTarget, batch_enqueue_outcome::Outcome, enqueue_request::Start, watch_results_response,
};
use tonic::{Code, Status};

/// Well-formed, and nobody's.
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000000";
const INVALID: Code = Code::InvalidArgument;

fn good() -> EnqueueRequest {
    request("quick", "hello", "")
}

fn secs(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

fn bad_enqueues() -> Vec<(&'static str, EnqueueRequest, &'static [&'static str])> {
    let policy = |policy| EnqueueRequest {
        retry_policy: Some(policy),
        ..good()
    };
    let labels = |labels: Vec<(String, String)>| EnqueueRequest {
        labels: labels.into_iter().collect(),
        ..good()
    };
    let start = |start| EnqueueRequest {
        start: Some(start),
        ..good()
    };
    let day = 86_400;
    vec![
        (
            "no kind",
            EnqueueRequest {
                kind: String::new(),
                ..good()
            },
            &["kind"],
        ),
        (
            "malformed kind",
            EnqueueRequest {
                kind: "-x".into(),
                ..good()
            },
            &["kind"],
        ),
        (
            "kind with a line break",
            EnqueueRequest {
                kind: "a\nb".into(),
                ..good()
            },
            &["kind"],
        ),
        (
            "long kind",
            EnqueueRequest {
                kind: "k".repeat(129),
                ..good()
            },
            &["kind"],
        ),
        (
            "malformed queue",
            EnqueueRequest {
                queue: "a/b".into(),
                ..good()
            },
            &["queue"],
        ),
        (
            "queue of another script's keys",
            EnqueueRequest {
                queue: "a}b".into(),
                ..good()
            },
            &["queue"],
        ),
        (
            "long queue",
            EnqueueRequest {
                queue: "q".repeat(129),
                ..good()
            },
            &["queue"],
        ),
        (
            "large payload",
            EnqueueRequest {
                payload: payload(&"x".repeat(256 << 10)),
                ..good()
            },
            &["payload"],
        ),
        (
            "long content type",
            EnqueueRequest {
                payload: Some(Payload {
                    content_type: "t".repeat(257),
                    content: None,
                }),
                ..good()
            },
            &["payload.content_type"],
        ),
        (
            "long key",
            EnqueueRequest {
                idempotency_key: "k".repeat(256),
                ..good()
            },
            &["idempotency_key"],
        ),
        (
            "unknown priority",
            EnqueueRequest { priority: 5, ..good() },
            &["priority"],
        ),
        (
            "negative priority",
            EnqueueRequest { priority: -1, ..good() },
            &["priority"],
        ),
        ("negative delay", start(Start::Delay(duration(-1_000))), &["delay"]),
        (
            "long delay",
            start(Start::Delay(Duration {
                seconds: 366 * day,
                nanos: 0,
            })),
            &["delay"],
        ),
        (
            "absurd delay",
            start(Start::Delay(Duration {
                seconds: i64::MAX,
                nanos: 0,
            })),
            &["delay"],
        ),
        (
            "malformed delay",
            start(Start::Delay(Duration { seconds: 1, nanos: -1 })),
            &["delay"],
        ),
        (
            "far run_at",
            start(Start::RunAt(Timestamp {
                seconds: 253_402_300_799,
                nanos: 0,
            })),
            &["run_at"],
        ),
        (
            "malformed run_at",
            start(Start::RunAt(Timestamp {
                seconds: i64::MIN,
                nanos: 0,
            })),
            &["run_at"],
        ),
        (
            "many attempts",
            policy(RetryPolicy {
                max_attempts: 101,
                ..Default::default()
            }),
            &["retry_policy.max_attempts"],
        ),
        (
            "negative attempts",
            policy(RetryPolicy {
                max_attempts: -1,
                ..Default::default()
            }),
            &["retry_policy.max_attempts"],
        ),
        (
            "negative backoff",
            policy(RetryPolicy {
                initial_backoff: secs(-1),
                ..Default::default()
            }),
            &["retry_policy.initial_backoff"],
        ),
        (
            "bounds crossed",
            policy(RetryPolicy {
                initial_backoff: secs(10),
                max_backoff: secs(1),
                ..Default::default()
            }),
            &["retry_policy.max_backoff"],
        ),
        (
            "NaN multiplier",
            policy(RetryPolicy {
                multiplier: f64::NAN,
                ..Default::default()
            }),
            &["retry_policy.multiplier"],
        ),
        (
            "small multiplier",
            policy(RetryPolicy {
                multiplier: 0.5,
                ..Default::default()
            }),
            &["retry_policy.multiplier"],
        ),
        (
            "short attempt",
            EnqueueRequest {
                attempt_timeout: Some(duration(999)),
                ..good()
            },
            &["attempt_timeout"],
        ),
        (
            "long attempt",
            EnqueueRequest {
                attempt_timeout: secs(day + 1),
                ..good()
            },
            &["attempt_timeout"],
        ),
        (
            "short life",
            EnqueueRequest {
                expires_in: secs(0),
                ..good()
            },
            &["expires_in"],
        ),
        (
            "long life",
            EnqueueRequest {
                expires_in: secs(366 * day),
                ..good()
            },
            &["expires_in"],
        ),
        (
            "short retention",
            EnqueueRequest {
                result_retention: secs(0),
                ..good()
            },
            &["result_retention"],
        ),
        (
            "long retention",
            EnqueueRequest {
                result_retention: secs(366 * day),
                ..good()
            },
            &["result_retention"],
        ),
        (
            "many labels",
            labels((0..33).map(|n| (format!("l{n}"), String::new())).collect()),
            &["labels"],
        ),
        (
            "malformed label",
            labels(vec![("a b".into(), String::new())]),
            &["labels"],
        ),
        (
            "long label",
            labels(vec![("team".into(), "x".repeat(257))]),
            &["labels[team]"],
        ),
        (
            "long trace",
            EnqueueRequest {
                trace_context: Some(TraceContext {
                    traceparent: "t".repeat(65),
                    tracestate: "s".repeat(513),
                }),
                ..good()
            },
            &["trace_context.traceparent", "trace_context.tracestate"],
        ),
        (
            "everything at once",
            EnqueueRequest {
                queue: "?".into(),
                kind: "?".into(),
                priority: 99,
                start: Some(Start::Delay(duration(-1))),
                attempt_timeout: secs(-1),
                expires_in: secs(-1),
                result_retention: secs(-1),
                retry_policy: Some(RetryPolicy {
                    max_attempts: 1_000,
                    multiplier: -1.0,
                    ..Default::default()
                }),
                labels: HashMap::from([("?".to_owned(), String::new())]),
                idempotency_key: "k".repeat(1_000),
                ..EnqueueRequest::default()
            },
            &[
                "queue",
                "kind",
                "priority",
                "delay",
                "attempt_timeout",
                "expires_in",
                "result_retention",
                "retry_policy.max_attempts",
                "retry_policy.multiplier",
                "labels",
                "idempotency_key",
            ],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_names_every_bad_field_and_stores_nothing() {
    let mut cluster = Cluster::of(1, 0, 0).start().await;
    let before = cluster.server.ask("DBSIZE").unwrap();
    let client = cluster.client();
    let mut gateway = client.gateway(0);
    for (what, bad, fields) in bad_enqueues() {
        Expected::invalid(fields).of(what, gateway.enqueue(bad.clone())).await;
        // The same words for one entry of a batch.
        let batch = BatchEnqueueRequest { requests: vec![bad] };
        let answer = gateway.batch_enqueue(batch).await.unwrap().into_inner();
        let Some(Outcome::Error(error)) = answer.outcomes[0].outcome.clone() else {
            panic!("{what}: stored in a batch")
        };
        Expected::invalid(fields).check(what, &entry_refusal(error));
    }
    let batch = |count: usize| BatchEnqueueRequest {
        requests: vec![good(); count],
    };
    Expected::invalid(&["requests"])
        .of("an empty batch", gateway.batch_enqueue(batch(0)))
        .await;
    Expected::invalid(&["requests"])
        .of("a long batch", gateway.batch_enqueue(batch(1_001)))
        .await;
    let heavy = EnqueueRequest {
        payload: payload(&"x".repeat(250 << 10)),
        ..good()
    };
    let heavy = BatchEnqueueRequest {
        requests: vec![heavy; 17],
    };
    Expected::invalid(&["requests"])
        .of("a batch over 4 MiB", gateway.batch_enqueue(heavy))
        .await;

    let cancel = |task_id: &str, reason: String| CancelTaskRequest {
        task_id: task_id.to_owned(),
        reason,
    };
    for id in [
        "",
        "x",
        "01890000000070008000000000000000",
        "01890000-0000-4000-8000-000000000000",
    ] {
        Expected::invalid(&["task_id"])
            .of(id, gateway.cancel_task(cancel(id, String::new())))
            .await;
    }
    let long = gateway.cancel_task(cancel("x", "r".repeat(1_025)));
    Expected::invalid(&["task_id", "reason"])
        .of("a long reason", long)
        .await;
    let unknown = Expected {
        code: Code::NotFound,
        reason: "TASK_NOT_FOUND",
        fields: &[],
        mutating: true,
    };
    unknown
        .of("an unknown task", gateway.cancel_task(cancel(UNKNOWN, String::new())))
        .await;

    assert_eq!(
        cluster.server.ask("DBSIZE").unwrap(),
        before,
        "a refused request left a trace"
    );
    cluster.stop().await;
    cluster.check_logs(true);
}

/// An entry's error carries the details that the call's error would have had.
fn entry_refusal(error: tidemill_proto::google::rpc::Status) -> Refusal {
    let bytes = prost::Message::encode_to_vec(&error);
    let code = Code::from(error.code);
    #[expect(clippy::disallowed_methods, reason = "the test takes an error apart, it makes none")]
    let status = Status::with_details(code, error.message, bytes.into());
    Refusal::of(&status)
}

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
        .of("GetResult, negative", results.get_result(get(&task_id, secs(-1))))
        .await;
    invalid(&["task_id", "wait"])
        .of("GetResult, both", results.get_result(get("", secs(61))))
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
    let refusal = |id: &str| entry_refusal(errors[id].clone());
    assert_eq!(
        (refusal("x").code, refusal("x").fields),
        (INVALID, vec!["task_id".to_owned()])
    );
    assert_eq!(
        (refusal(UNKNOWN).code, refusal(UNKNOWN).reason.as_str()),
        (Code::NotFound, "TASK_NOT_FOUND")
    );
    assert_eq!(errors.len(), 2);
    cluster.stop().await;
    cluster.check_logs(true);
}
