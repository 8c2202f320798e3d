//! Follows a task's log over replicas.

use std::time::{Duration, Instant};

use tidemill_proto::v1::{
    StateCause, StateChanged, TaskEvent, TaskResult, TaskState, WatchResultRequest, task_event::Event,
};
use tonic::Status;

use crate::{client::Client, errors::is_retryable, wait::LIMIT};

/// Watches from the beginning to the result, first at the replica with this number; after a broken stream at the next one, from the
/// last number seen. Answers with the log and how often it was resumed. `seen` hears of every event as it comes.
pub async fn watch_from(
    client: &Client,
    task_id: &str,
    mut replica: usize,
    mut seen: impl FnMut(&TaskEvent),
) -> (Vec<TaskEvent>, usize) {
    let begun = Instant::now();
    let mut log: Vec<TaskEvent> = Vec::new();
    let mut resumed = 0;
    loop {
        match follow(client, task_id, replica, &mut log, &mut seen).await {
            Ok(()) => break,
            Err(status) => assert!(is_retryable(&status), "watch of {task_id}: {status:?}"),
        }
        assert!(begun.elapsed() < LIMIT, "task {task_id} does not finish: {log:?}");
        resumed += 1;
        replica += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    check_log(&log);
    (log, resumed)
}

async fn follow(
    client: &Client,
    task_id: &str,
    replica: usize,
    log: &mut Vec<TaskEvent>,
    seen: &mut impl FnMut(&TaskEvent),
) -> Result<(), Status> {
    let after_sequence = log.last().map_or(0, |event| event.sequence);
    let request = WatchResultRequest {
        task_id: task_id.to_owned(),
        after_sequence,
    };
    let mut stream = client.results(replica).watch_result(request).await?.into_inner();
    while let Some(message) = stream.message().await? {
        let event = message.event.expect("a watch sends events");
        seen(&event);
        log.push(event);
    }
    let last = log.last().and_then(|event| event.event.as_ref());
    assert!(
        matches!(last, Some(Event::Result(_))),
        "the stream of {task_id} ended OK without a result: {last:?}"
    );
    Ok(())
}

/// Every number exactly once, in order, one result and that at the end.
pub fn check_log(log: &[TaskEvent]) -> &TaskResult {
    let numbers: Vec<i64> = log.iter().map(|event| event.sequence).collect();
    let whole: Vec<i64> = (1..).take(log.len()).collect();
    assert_eq!(numbers, whole, "numbers are missing, doubled or out of order: {log:?}");
    let results = log
        .iter()
        .filter(|event| matches!(event.event, Some(Event::Result(_))))
        .count();
    assert_eq!(results, 1, "a task has one result: {log:?}");
    match log.last().and_then(|event| event.event.as_ref()) {
        Some(Event::Result(result)) => result,
        other => panic!("the result must be the last event, not {other:?}"),
    }
}

/// State, cause and time in ms of every change of state.
#[must_use]
pub fn state_changes(log: &[TaskEvent]) -> Vec<(TaskState, StateCause, i64)> {
    let changes = log.iter().filter_map(|event| match &event.event {
        Some(Event::StateChanged(StateChanged { state, cause })) => {
            let time = event.time.expect("an event has a time");
            let ms = time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000;
            Some((
                TaskState::try_from(*state).unwrap(),
                StateCause::try_from(*cause).unwrap(),
                ms,
            ))
        }
        _ => None,
    });
    changes.collect()
}
