//! The roles as separate processes, two of each, do the whole job.

use tidemill_e2e::{Cluster, HandlerOptions, check_log, key, request, state_changes, text_of, watch_from};
use tidemill_proto::v1::{StateCause, TaskState};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_each_role_do_the_whole_job() {
    let mut cluster = Cluster::of(2, 2, 2).start().await;
    let _handlers = [0, 1].map(|worker| cluster.handler(&HandlerOptions::new(&["quick"]), &[worker]));
    let client = cluster.client();
    for number in 0..20 {
        let text = format!("task {number}");
        let mut gateway = client.gateway(number);
        let stored = gateway
            .enqueue(request("quick", &text, &key("roles")))
            .await
            .unwrap()
            .into_inner();
        assert_eq!((stored.state(), stored.deduplicated), (TaskState::Queued, false));

        // One replica streams, the other answers.
        let (log, _) = watch_from(&client, &stored.task_id, number, |_| {}).await;
        let result = check_log(&log);
        assert_eq!(
            (result.state(), text_of(result.output.as_ref())),
            (TaskState::Succeeded, text.as_str())
        );
        let changes: Vec<_> = state_changes(&log)
            .into_iter()
            .map(|(state, cause, _)| (state, cause))
            .collect();
        let usual = [
            (TaskState::Queued, StateCause::Enqueued),
            (TaskState::Running, StateCause::Leased),
        ];
        assert_eq!(changes, usual);
        let answer = client.result(&stored.task_id).await;
        assert_eq!(
            (answer.state(), answer.attempt, text_of(answer.output.as_ref())),
            (TaskState::Succeeded, 1, text.as_str())
        );
        assert_eq!(answer.last_sequence, 3);
    }
    // Each handler process hung on a worker of its own; between them each task ran once.
    assert_eq!(cluster.journal().executions().len(), 20);
    cluster.stop().await;
    cluster.check_logs(true);
}
