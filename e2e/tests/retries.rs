//! A task whose handler fails is retried with growing, jittered delays, and then is a dead letter.

use std::collections::HashSet;

use tidemill_e2e::{Cluster, HandlerOptions, check_log, duration, key, request, state_changes, watch_from};
use tidemill_proto::v1::{
    EnqueueRequest, ErrorReason, ListTasksRequest, RetryPolicy, StateCause, TaskEvent, TaskState,
};

const TASKS: usize = 40;
const INITIAL_MS: i64 = 200;

fn policy(max_attempts: i32) -> Option<RetryPolicy> {
    let (initial_backoff, max_backoff) = (Some(duration(INITIAL_MS)), Some(duration(60_000)));
    Some(RetryPolicy {
        max_attempts,
        initial_backoff,
        max_backoff,
        multiplier: 3.0,
    })
}

/// Time in ms between each failure and the moment the task was ready again.
fn delays(log: &[TaskEvent]) -> Vec<i64> {
    let changes = state_changes(log);
    let pairs = changes.windows(2).filter(|pair| pair[0].1 == StateCause::Retry);
    pairs
        .map(|pair| {
            assert_eq!(
                (pair[0].0, pair[1].0, pair[1].1),
                (TaskState::Scheduled, TaskState::Queued, StateCause::Due)
            );
            pair[1].2 - pair[0].2
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_retried_with_growing_jittered_delays_and_end_as_dead_letters() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let _handler = cluster.handler(
        &HandlerOptions {
            credits: 64,
            ..HandlerOptions::new(&["flaky"])
        },
        &[0],
    );
    let client = cluster.client();
    let mut tasks = Vec::new();
    for _ in 0..TASKS {
        let task = EnqueueRequest {
            retry_policy: policy(4),
            ..request("flaky", "99", &key("retries"))
        };
        tasks.push(client.enqueue(task).await.task_id);
    }
    let mut waits: [Vec<i64>; 3] = Default::default();
    for task_id in &tasks {
        let (log, _) = watch_from(&client, task_id, 0, |_| {}).await;
        let result = check_log(&log);
        let error = result.error.as_ref().unwrap();
        assert_eq!(
            (result.state(), error.reason(), error.r#type.as_str()),
            (TaskState::Failed, ErrorReason::HandlerFailed, "Flaky")
        );
        assert_eq!(error.message, "attempt 4 fails as it shall");
        let task = client.task(task_id).await;
        assert_eq!((task.attempt, task.failures, task.crashes), (4, 4, 0));
        let delays = delays(&log);
        assert_eq!(delays.len(), 3, "{log:?}");
        waits
            .iter_mut()
            .zip(delays)
            .for_each(|(waits, delay)| waits.push(delay));
    }
    // Full jitter: from 0 to 0.2, 0.6 and 1.8 s. One delay may be short; the mean of many tells.
    let means = waits
        .each_ref()
        .map(|waits| waits.iter().sum::<i64>() / waits.len() as i64);
    assert!(
        means[0] < means[1] && means[1] < means[2],
        "mean delays in ms: {means:?}"
    );
    for waits in &waits {
        let different: HashSet<&i64> = waits.iter().collect();
        assert!(different.len() > TASKS / 4, "no jitter: {waits:?}");
    }

    let mut letters = HashSet::new();
    let mut page_token = String::new();
    loop {
        let page = ListTasksRequest {
            state: TaskState::Failed.into(),
            page_size: 15,
            page_token,
            ..Default::default()
        };
        let page = client.admin(0).list_tasks(page).await.unwrap().into_inner();
        letters.extend(page.tasks.into_iter().map(|task| task.task_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(letters, tasks.into_iter().collect());
    cluster.stop().await;
    cluster.check_logs(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_that_succeeds_ends_the_story() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let _handler = cluster.handler(&HandlerOptions::new(&["flaky"]), &[0]);
    let client = cluster.client();
    let task = EnqueueRequest {
        retry_policy: policy(5),
        ..request("flaky", "2", &key("retries"))
    };
    let task_id = client.enqueue(task).await.task_id;
    let (log, _) = watch_from(&client, &task_id, 0, |_| {}).await;
    assert_eq!(check_log(&log).state(), TaskState::Succeeded);
    let task = client.task(&task_id).await;
    assert_eq!((task.attempt, task.failures, task.crashes), (3, 2, 0));
    let attempts: Vec<i32> = cluster.journal().executions().iter().map(|run| run.attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
}
