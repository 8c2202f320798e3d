//! The unary calls.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tidemill_client::{Client, Enqueued, ErrorKind};

use crate::{
    Answer, Trouble, shown,
    task::{self, millis},
    wrong::wrong,
};

fn stored(enqueued: &Enqueued) -> Value {
    json!({ "task_id": enqueued.task_id, "state": enqueued.state.to_string(), "deduplicated": enqueued.deduplicated })
}

pub(crate) async fn enqueue(client: &Client, task: &Value) -> Answer {
    if wrong("lose-key") {
        return enqueue_anew(client, task).await;
    }
    let enqueued = client.enqueue(task::read(task)?).await?;
    Ok(stored(&enqueued))
}

/// Wrong: each try is a task of its own.
async fn enqueue_anew(client: &Client, task: &Value) -> Answer {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        match client.enqueue(task::read(task)?).await {
            Ok(enqueued) => return Ok(stored(&enqueued)),
            Err(error) if error.kind() == ErrorKind::Refused || Instant::now() > until => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

pub(crate) async fn enqueue_batch(client: &Client, tasks: &Value) -> Answer {
    let tasks = tasks.as_array().into_iter().flatten().map(task::read);
    let mut tasks = tasks.collect::<Result<Vec<_>, _>>()?;
    if wrong("batch-of-thousand") {
        tasks.truncate(1_000);
    }
    let outcomes = client.enqueue_batch(tasks).await;
    let mut outcomes: Vec<Value> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(enqueued) => json!({ "ok": stored(enqueued) }),
            Err(error) => json!({ "error": shown::error(error) }),
        })
        .collect();
    if wrong("batch-all-or-nothing")
        && let Some(error) = outcomes.iter().find(|outcome| outcome.get("error").is_some()).cloned()
    {
        outcomes.fill(error);
    }
    Ok(json!({ "outcomes": outcomes }))
}

pub(crate) async fn result(client: &Client, command: &Value) -> Answer {
    let id = command["task_id"].as_str().unwrap_or_default();
    let found = match millis(&command["wait_ms"]).filter(|_| !wrong("impatient")) {
        Some(wait) => client.wait(id, wait).await?,
        None => client.result(id).await?,
    };
    let mut shown = json!({
        "state": found.state.to_string(),
        "attempt": found.attempt,
        "last_sequence": found.last_sequence,
        "cancel_requested": found.cancel_requested,
    });
    if let Some(output) = &found.output {
        shown["output"] = shown::payload(output);
    }
    if let Some(error) = &found.error {
        shown["error"] = shown::task_error(error);
    }
    Ok(shown)
}

pub(crate) async fn cancel(client: &Client, task_id: &str, reason: &str) -> Answer {
    if wrong("never-cancel") {
        return Ok(json!({ "state": "CANCELLED", "cancel_requested": true }));
    }
    let reason = if wrong("lose-reason") { "" } else { reason };
    let cancelled = client.cancel(task_id, reason).await?;
    Ok(json!({ "state": cancelled.state.to_string(), "cancel_requested": cancelled.cancel_requested }))
}

pub(crate) async fn health(client: &Client) -> Answer {
    if wrong("always-well") {
        return Ok(json!({ "status": "SERVING" }));
    }
    Ok(json!({ "status": client.health("").await.map_err(Trouble::from)?.to_string() }))
}
