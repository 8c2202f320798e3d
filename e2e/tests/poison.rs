//! A task that kills its handler process each time ends FAILED after the crash limit.

use std::os::unix::process::ExitStatusExt;

use tidemill_e2e::{Cluster, HandlerOptions, LIMIT, check_log, key, request, state_changes, until, watch_from};
use tidemill_proto::v1::{ErrorReason, StateCause, TaskState};

const ABORTED: i32 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_kills_its_handlers_is_given_up() {
    let mut cluster = Cluster::of(1, 1, 1).set("rules.lease_ttl", "1s").start().await;
    let client = cluster.client();
    let task_id = client.enqueue(request("crash", "", &key("poison"))).await.task_id;
    let options = HandlerOptions::new(&["crash", "quick"]);
    for run in 1..=3 {
        // As an orchestrator does.
        let mut handler = cluster.handler(&options, &[0]);
        let status = handler.wait(LIMIT).await;
        assert_eq!(status.signal(), Some(ABORTED), "run {run}: {status}");
    }
    let mut handler = cluster.handler(&options, &[0]);
    let (log, _) = watch_from(&client, &task_id, 0, |_| {}).await;
    let result = check_log(&log);
    assert_eq!(result.state(), TaskState::Failed);
    assert_eq!(
        result.error.as_ref().unwrap().reason(),
        ErrorReason::CrashLimit,
        "{result:?}"
    );
    let crashed = state_changes(&log)
        .iter()
        .filter(|(_, cause, _)| *cause == StateCause::Crashed)
        .count();
    assert_eq!(crashed, 2, "the third crash is the end: {log:?}");
    let task = client.task(&task_id).await;
    assert_eq!((task.attempt, task.crashes, task.failures), (3, 3, 0));

    // It is over: the next handler process lives and works.
    let healthy = client.enqueue(request("quick", "", &key("poison"))).await.task_id;
    assert_eq!(client.result(&healthy).await.state(), TaskState::Succeeded);
    assert_eq!(handler.ended(), None);
    assert_eq!(cluster.journal().executions().len(), 4);
    until("it is among the dead letters", LIMIT, async || {
        (client.queue("default").await.failed == 1).then_some(())
    })
    .await;
    cluster.stop().await;
    cluster.check_logs(true);
}
