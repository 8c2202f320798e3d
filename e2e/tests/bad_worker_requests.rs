//! Bad input to the worker role through the real socket, stale and made-up lease tokens among it.

use tidemill_e2e::{Cluster, Expected, HandlerOptions, duration, payload, request};
use tidemill_proto::v1::{
    CompleteTaskRequest, FailTaskRequest, HeartbeatTasksRequest, LeaseTasksRequest, Progress, ReleaseTaskRequest,
    ReportProgressRequest, TaskState, report_progress_request::Report,
};
use tonic::Code;

fn lease(kind: &str) -> LeaseTasksRequest {
    LeaseTasksRequest {
        kinds: vec![kind.to_owned()],
        ..Default::default()
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("n{number}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn single_calls_name_every_bad_field() {
    let mut cluster = Cluster::of(0, 1, 0).start().await;
    let before = cluster.server.ask("DBSIZE").unwrap();
    let mut worker = cluster.client().worker(0);
    let cases: [(&str, LeaseTasksRequest, &[&str]); 8] = [
        ("no kinds", LeaseTasksRequest::default(), &["kinds"]),
        (
            "a bad kind",
            LeaseTasksRequest {
                kinds: vec!["a".into(), "*".into()],
                ..lease("")
            },
            &["kinds[1]"],
        ),
        (
            "many kinds",
            LeaseTasksRequest {
                kinds: names(257),
                ..lease("")
            },
            &["kinds"],
        ),
        (
            "many queues",
            LeaseTasksRequest {
                queues: names(65),
                ..lease("a")
            },
            &["queues"],
        ),
        ("many tasks", LeaseTasksRequest { max: 129, ..lease("a") }, &["max"]),
        (
            "a long wait",
            LeaseTasksRequest {
                wait: Some(duration(60_001)),
                ..lease("a")
            },
            &["wait"],
        ),
        (
            "a long request id",
            LeaseTasksRequest {
                request_id: "r".repeat(256),
                ..lease("a")
            },
            &["request_id"],
        ),
        (
            "all at once",
            LeaseTasksRequest {
                queues: vec!["?".into()],
                max: -1,
                wait: Some(duration(-1)),
                ..LeaseTasksRequest::default()
            },
            &["queues[0]", "kinds", "max", "wait"],
        ),
    ];
    for (what, bad, fields) in cases {
        Expected::invalid(fields).of(what, worker.lease_tasks(bad)).await;
    }
    let beat = |lease_tokens| HeartbeatTasksRequest { lease_tokens };
    Expected::invalid(&["lease_tokens"])
        .of("no tokens", worker.heartbeat_tasks(beat(vec![])))
        .await;
    Expected::invalid(&["lease_tokens"])
        .of("many tokens", worker.heartbeat_tasks(beat(names(257))))
        .await;
    Expected::invalid(&["lease_tokens[0]"])
        .of("a bad token", worker.heartbeat_tasks(beat(names(1))))
        .await;

    let (lease_token, bad) = ("nonsense".to_owned(), Expected::invalid(&["lease_token"]));
    let complete = CompleteTaskRequest {
        lease_token: lease_token.clone(),
        output: None,
    };
    bad.of("CompleteTask", worker.complete_task(complete)).await;
    let fail = FailTaskRequest {
        lease_token: lease_token.clone(),
        retry_after: Some(duration(-1)),
        ..Default::default()
    };
    Expected::invalid(&["lease_token", "retry_after"])
        .of("FailTask", worker.fail_task(fail))
        .await;
    let release = ReleaseTaskRequest {
        lease_token: lease_token.clone(),
        ..Default::default()
    };
    bad.of("ReleaseTask", worker.release_task(release)).await;
    let report = |report| ReportProgressRequest {
        lease_token: lease_token.clone(),
        report,
    };
    let progress = Report::Progress(Progress {
        fraction: 1.1,
        message: "m".repeat(1_025),
    });
    let fields = ["lease_token", "progress.fraction", "progress.message"];
    Expected::invalid(&fields)
        .of("progress", worker.report_progress(report(Some(progress))))
        .await;
    Expected::invalid(&["lease_token", "report"])
        .of("nothing", worker.report_progress(report(None)))
        .await;
    let chunk = Report::OutputChunk(payload(&"x".repeat(64 << 10)).unwrap());
    Expected::invalid(&["lease_token", "output_chunk"])
        .of("a large chunk", worker.report_progress(report(Some(chunk))))
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
async fn a_stale_token_settles_nothing() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let client = cluster.client();
    let mut worker = client.worker(0);
    let task_id = client.enqueue(request("quick", "hello", "stale")).await.task_id;
    let leased = worker
        .lease_tasks(lease("quick"))
        .await
        .unwrap()
        .into_inner()
        .assignments
        .remove(0);
    let lease_token = leased.lease_token;
    let release = ReleaseTaskRequest {
        lease_token: lease_token.clone(),
        ..Default::default()
    };
    assert_eq!(
        worker.release_task(release.clone()).await.unwrap().into_inner().state(),
        TaskState::Queued
    );
    // A repetition is OK as long as nobody else was granted the task.
    assert_eq!(
        worker.release_task(release.clone()).await.unwrap().into_inner().state(),
        TaskState::Queued
    );

    let owner = worker
        .lease_tasks(lease("quick"))
        .await
        .unwrap()
        .into_inner()
        .assignments
        .remove(0);
    assert!(owner.fence > leased.fence);
    let lost = Expected {
        code: Code::FailedPrecondition,
        reason: "LEASE_LOST",
        fields: &[],
        mutating: true,
    };
    let complete = |lease_token: &str| CompleteTaskRequest {
        lease_token: lease_token.to_owned(),
        output: payload("mine"),
    };
    lost.of("CompleteTask", worker.complete_task(complete(&lease_token)))
        .await;
    let fail = FailTaskRequest {
        lease_token: lease_token.clone(),
        permanent: true,
        ..Default::default()
    };
    lost.of("FailTask", worker.fail_task(fail)).await;
    lost.of("ReleaseTask", worker.release_task(release)).await;
    let report = Some(Report::Progress(Progress {
        fraction: 0.5,
        message: String::new(),
    }));
    let report = ReportProgressRequest {
        lease_token: lease_token.clone(),
        report,
    };
    lost.of("ReportProgress", worker.report_progress(report)).await;
    let beat = HeartbeatTasksRequest {
        lease_tokens: vec![lease_token, owner.lease_token.clone()],
    };
    let beats = worker.heartbeat_tasks(beat).await.unwrap().into_inner().outcomes;
    assert_eq!(
        beats.iter().map(|beat| beat.lease_lost).collect::<Vec<_>>(),
        [true, false]
    );

    let answer = worker
        .complete_task(complete(&owner.lease_token))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.state(), TaskState::Succeeded);
    let task = client.task(&task_id).await;
    assert_eq!(
        (task.state(), task.attempt, task.releases),
        (TaskState::Succeeded, 1, 1)
    );
    cluster.stop().await;
    cluster.check_logs(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_without_a_handler_waits_and_blocks_nobody() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let _handler = cluster.handler(&HandlerOptions::new(&["quick"]), &[0]);
    let client = cluster.client();
    let mut waiting = request("nobody", "", "waits");
    waiting.expires_in = Some(duration(2_000));
    let waiting = client.enqueue(waiting).await.task_id;
    let other = client.enqueue(request("quick", "", "runs")).await.task_id;
    assert_eq!(client.result(&other).await.state(), TaskState::Succeeded);
    let queue = client.queue("default").await;
    assert_eq!(
        (queue.queued, queue.kinds[0].kind.as_str(), queue.kinds[0].queued),
        (1, "nobody", 1)
    );
    assert_eq!(client.result(&waiting).await.state(), TaskState::Expired);
    cluster.stop().await;
    cluster.check_logs(true);
}
