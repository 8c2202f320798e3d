//! 10,000 tasks through separate processes: each is run exactly once, and no log has an error.

use std::{collections::HashSet, time::Duration};

use tidemill_e2e::{Cluster, HandlerOptions, key, request, until};
use tidemill_proto::v1::{BatchEnqueueRequest, batch_enqueue_outcome::Outcome};

const TASKS: usize = 10_000;
const BATCH: usize = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_tasks_are_each_run_once() {
    let mut cluster = Cluster::of(2, 2, 2).start().await;
    let options = HandlerOptions {
        credits: 64,
        ..HandlerOptions::new(&["quick"])
    };
    let mut handlers = [0, 1, 0, 1].map(|worker| cluster.handler(&options, &[worker, 1 - worker]));
    let client = cluster.client();
    let mut stored = HashSet::new();
    for batch in 0..TASKS / BATCH {
        let requests = (0..BATCH)
            .map(|number| request("quick", &format!("{batch}/{number}"), &key("many")))
            .collect();
        let answer = client
            .gateway(batch)
            .batch_enqueue(BatchEnqueueRequest { requests })
            .await
            .unwrap()
            .into_inner();
        assert_eq!(answer.outcomes.len(), BATCH);
        for outcome in answer.outcomes {
            match outcome.outcome {
                Some(Outcome::Response(response)) => assert!(stored.insert(response.task_id)),
                other => panic!("refused: {other:?}"),
            }
        }
    }
    let done = async || (client.queue("default").await.succeeded == TASKS as i64).then_some(());
    until("all are done", Duration::from_secs(180), done).await;

    let runs = cluster.journal().executions();
    let ran: HashSet<String> = runs.iter().map(|run| run.task_id.clone()).collect();
    assert_eq!(runs.len(), TASKS, "each once");
    assert!(ran == stored, "what was run is what was stored");
    assert!(runs.iter().all(|run| run.attempt == 1 && run.fence == 1));
    let workers: HashSet<u32> = runs.iter().map(|run| run.pid).collect();
    assert_eq!(workers.len(), handlers.len(), "every handler process had its share");
    for handler in &mut handlers {
        handler.signal("TERM");
        let status = handler.wait(Duration::from_secs(20)).await;
        assert_eq!(status.code(), Some(0), "{}", handler.log());
    }
    cluster.stop().await;
    cluster.check_logs(true);
}
