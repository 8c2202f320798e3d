//! Redis goes away and comes back: callers are told in time, readiness says so, and everything recovers by itself.

#![expect(
    clippy::expect_used,
    reason = "a helper of a test may stop at the first surprise, as a test may"
)]

use std::time::{Duration, Instant};

use tidemill_e2e::{Cluster, HandlerOptions, LIMIT, Refusal, get, key, request, until};
use tidemill_proto::v1::{GetResultRequest, GetTaskRequest, LeaseTasksRequest, TaskState};
use tonic::{Code, Request, Status};

const DEADLINE: Duration = Duration::from_secs(5);

fn within<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    request
}

fn assert_unavailable<T: std::fmt::Debug>(call: &str, begun: Instant, answer: Result<T, Status>, mutating: bool) {
    let took = begun.elapsed();
    let refusal = Refusal::of(&answer.expect_err(call));
    assert!(took < DEADLINE + Duration::from_secs(1), "{call} took {took:?}");
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (Code::Unavailable, "STORE_UNAVAILABLE"),
        "{call}: {refusal:?}"
    );
    assert!(refusal.retry_after.is_some(), "{call}: {refusal:?}");
    assert_eq!(refusal.domain, "tidemill.dev");
    if mutating {
        assert!(
            matches!(refusal.outcome(), "not_applied" | "unknown"),
            "{call}: {refusal:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_told_and_survived() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let _handler = cluster.handler(&HandlerOptions::new(&["quick"]), &[0]);
    let client = cluster.client();
    let before = client.enqueue(request("quick", "before", &key("down"))).await.task_id;
    assert_eq!(client.result(&before).await.state(), TaskState::Succeeded);

    cluster.server.kill();
    // Twice: the first call after the loss, and one when the loss is known.
    for _ in 0..2 {
        let begun = Instant::now();
        let answer = client
            .gateway(0)
            .enqueue(within(request("quick", "during", &key("down"))))
            .await;
        assert_unavailable("Enqueue", begun, answer, true);
        let begun = Instant::now();
        let answer = client
            .results(0)
            .get_result(within(GetResultRequest {
                task_id: before.clone(),
                wait: None,
            }))
            .await;
        assert_unavailable("GetResult", begun, answer, false);
        let begun = Instant::now();
        let answer = client
            .admin(0)
            .get_task(within(GetTaskRequest {
                task_id: before.clone(),
            }))
            .await;
        assert_unavailable("GetTask", begun, answer, false);
        let begun = Instant::now();
        let lease = LeaseTasksRequest {
            kinds: vec!["other".to_owned()],
            ..Default::default()
        };
        let answer = client.worker(0).lease_tasks(within(lease)).await;
        assert_unavailable("LeaseTasks", begun, answer, true);
    }
    for instance in cluster.instances() {
        let (role, admin) = (instance.role, instance.admin);
        let told =
            async || matches!(get(admin, "/readyz").await, Ok((503, body)) if body.contains("redis")).then_some(());
        until(&format!("{role} is not ready"), LIMIT, told).await;
        assert_eq!(get(admin, "/livez").await.unwrap().0, 200, "{role} is alive");
        assert_eq!(
            get(admin, "/metrics").await.unwrap().0,
            200,
            "{role} answers the scraper"
        );
    }

    cluster.server.resume();
    cluster.wait_ready().await;
    let after = client.enqueue(request("quick", "after", &key("down"))).await.task_id;
    assert_eq!(client.result(&after).await.state(), TaskState::Succeeded);
    assert_eq!(client.result(&before).await.state(), TaskState::Succeeded);
    cluster.stop().await;
    cluster.check_logs(false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_that_start_before_redis_wait_for_it() {
    let mut cluster = Cluster::of(1, 1, 1).launch();
    cluster.server.kill();
    for instance in cluster.instances() {
        let (role, admin) = (instance.role, instance.admin);
        let alive = async || matches!(get(admin, "/livez").await, Ok((200, _))).then_some(());
        until(&format!("{role} is alive"), LIMIT, alive).await;
    }
    cluster.server.resume();
    cluster.wait_ready().await;
    let _handler = cluster.handler(&HandlerOptions::new(&["quick"]), &[0]);
    let client = cluster.client();
    let task_id = client.enqueue(request("quick", "", &key("down"))).await.task_id;
    assert_eq!(client.result(&task_id).await.state(), TaskState::Succeeded);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_waits_for_redis_ends_when_told() {
    let mut cluster = Cluster::of(1, 1, 1).launch();
    cluster.server.kill();
    for instance in cluster.instances() {
        let (role, admin) = (instance.role, instance.admin);
        let alive = async || matches!(get(admin, "/livez").await, Ok((200, _))).then_some(());
        until(&format!("{role} is alive"), LIMIT, alive).await;
    }
    cluster.stop().await;
    cluster.check_logs(false);
}
