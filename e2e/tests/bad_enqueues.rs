//! Bad input to the gateway through the real socket: the stated code, every violated field, and no trace in Redis.

use prost_types::{Duration, Timestamp};
use tidemill_e2e::{Cluster, Expected, Refusal, duration, payload, request};
use tidemill_proto::v1::{
    BatchEnqueueRequest, CancelTaskRequest, EnqueueRequest, Payload, RetryPolicy, TraceContext,
    batch_enqueue_outcome::Outcome, enqueue_request::Start,
};
use tonic::Code;

/// Well-formed, and nobody's.
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000000";
/// In seconds.
const DAY: i64 = 86_400;

type Row = (&'static str, &'static [&'static str], fn(&mut EnqueueRequest));

/// What is wrong, the fields that must be named, and how it is made.
const NAMES: [Row; 14] = [
    ("no kind", &["kind"], |task| task.kind.clear()),
    ("malformed kind", &["kind"], |task| task.kind = "-x".into()),
    ("kind of two lines", &["kind"], |task| task.kind = "a\nb".into()),
    ("long kind", &["kind"], |task| task.kind = long(129)),
    ("malformed queue", &["queue"], |task| task.queue = "a/b".into()),
    ("queue with a brace", &["queue"], |task| task.queue = "a}b".into()),
    ("long queue", &["queue"], |task| task.queue = long(129)),
    ("large payload", &["payload"], |task| {
        task.payload = payload(&long(256 << 10))
    }),
    ("long type", &["payload.content_type"], |task| {
        task.payload = payload("").map(|payload| Payload {
            content_type: long(257),
            ..payload
        });
    }),
    ("long key", &["idempotency_key"], |task| {
        task.idempotency_key = long(256)
    }),
    ("many labels", &["labels"], |task| {
        task.labels = (0..33).map(|n| (format!("l{n}"), String::new())).collect()
    }),
    ("malformed label", &["labels"], |task| label(task, "a b", "")),
    ("long label", &["labels[team]"], |task| label(task, "team", &long(257))),
    (
        "long trace",
        &["trace_context.traceparent", "trace_context.tracestate"],
        |task| {
            task.trace_context = Some(TraceContext {
                traceparent: long(65),
                tracestate: long(513),
            });
        },
    ),
];

const NUMBERS: [Row; 20] = [
    ("unknown priority", &["priority"], |task| task.priority = 5),
    ("negative priority", &["priority"], |task| task.priority = -1),
    ("negative delay", &["delay"], |task| delay(task, -1, 0)),
    ("long delay", &["delay"], |task| delay(task, 366 * DAY, 0)),
    ("absurd delay", &["delay"], |task| delay(task, i64::MAX, 0)),
    ("malformed delay", &["delay"], |task| delay(task, 1, -1)),
    ("far run_at", &["run_at"], |task| run_at(task, 253_402_300_799)),
    ("malformed run_at", &["run_at"], |task| run_at(task, i64::MIN)),
    ("many attempts", &["retry_policy.max_attempts"], |task| {
        policy(task).max_attempts = 101
    }),
    ("negative attempts", &["retry_policy.max_attempts"], |task| {
        policy(task).max_attempts = -1
    }),
    ("negative backoff", &["retry_policy.initial_backoff"], |task| {
        policy(task).initial_backoff = secs(-1)
    }),
    ("bounds crossed", &["retry_policy.max_backoff"], |task| {
        (policy(task).initial_backoff, policy(task).max_backoff) = (secs(10), secs(1));
    }),
    ("NaN multiplier", &["retry_policy.multiplier"], |task| {
        policy(task).multiplier = f64::NAN
    }),
    ("small multiplier", &["retry_policy.multiplier"], |task| {
        policy(task).multiplier = 0.5
    }),
    ("short attempt", &["attempt_timeout"], |task| {
        task.attempt_timeout = Some(duration(999))
    }),
    ("long attempt", &["attempt_timeout"], |task| {
        task.attempt_timeout = secs(DAY + 1)
    }),
    ("no life", &["expires_in"], |task| task.expires_in = secs(0)),
    ("long life", &["expires_in"], |task| task.expires_in = secs(366 * DAY)),
    ("no retention", &["result_retention"], |task| {
        task.result_retention = secs(0)
    }),
    ("long retention", &["result_retention"], |task| {
        task.result_retention = secs(366 * DAY)
    }),
];

/// A row that breaks a rule of nearly every field.
fn everything() -> Row {
    let fields = &[
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
    ];
    ("everything at once", fields, |task| {
        (task.queue, task.kind, task.priority) = ("?".into(), "?".into(), 99);
        (task.attempt_timeout, task.expires_in, task.result_retention) = (secs(-1), secs(-1), secs(-1));
        (policy(task).max_attempts, policy(task).multiplier) = (1_000, -1.0);
        delay(task, -1, 0);
        label(task, "?", "");
        task.idempotency_key = long(1_000);
    })
}

fn good() -> EnqueueRequest {
    request("quick", "hello", "")
}

fn long(bytes: usize) -> String {
    "x".repeat(bytes)
}

fn secs(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

fn delay(task: &mut EnqueueRequest, seconds: i64, nanos: i32) {
    task.start = Some(Start::Delay(Duration { seconds, nanos }));
}

fn run_at(task: &mut EnqueueRequest, seconds: i64) {
    task.start = Some(Start::RunAt(Timestamp { seconds, nanos: 0 }));
}

fn policy(task: &mut EnqueueRequest) -> &mut RetryPolicy {
    task.retry_policy.get_or_insert_default()
}

fn label(task: &mut EnqueueRequest, key: &str, value: &str) {
    task.labels.insert(key.to_owned(), value.to_owned());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_names_every_bad_field_and_stores_nothing() {
    let mut cluster = Cluster::of(1, 0, 0).start().await;
    let before = cluster.server.ask("DBSIZE").unwrap();
    let client = cluster.client();
    let mut gateway = client.gateway(0);
    for (what, fields, spoil) in NAMES.into_iter().chain(NUMBERS).chain([everything()]) {
        let mut bad = good();
        spoil(&mut bad);
        Expected::invalid(fields).of(what, gateway.enqueue(bad.clone())).await;
        // The same words for one entry of a batch.
        let batch = BatchEnqueueRequest { requests: vec![bad] };
        let answer = gateway.batch_enqueue(batch).await.unwrap().into_inner();
        let Some(Outcome::Error(error)) = answer.outcomes[0].outcome.clone() else {
            panic!("{what}: stored in a batch")
        };
        Expected::invalid(fields).check(what, &Refusal::of_entry(&error));
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
