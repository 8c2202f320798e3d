//! Workers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tidemill_client::{Error, TaskFacts, Worker, WorkerBuilder, WorkerEvent, WorkerHandle};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    Answer, Shared, Trouble, handlers,
    raw::Raw,
    say, shown,
    task::millis,
    wrong::{is_raw, wrong},
};

/// Those that run.
pub(crate) type Workers = Mutex<HashMap<String, Running>>;

type Ending = JoinHandle<Result<(), Error>>;

pub(crate) struct Running {
    /// None of a worker without the client. Kept after the stop: it may be asked while it drains.
    handle: Option<WorkerHandle>,
    /// Until it is told to stop.
    life: Option<(oneshot::Sender<()>, Ending)>,
}

pub(crate) fn start(shared: &Arc<Shared>, command: &Value) -> Answer {
    let name = command["worker"].as_str().unwrap_or_default().to_owned();
    if is_raw() {
        return Ok(start_raw(shared, command, name));
    }
    let worker = set_up(shared, command, &name)?.build()?;
    let handle = Some(worker.handle());
    let (stop, stopped) = oneshot::channel();
    let told = name.clone();
    let ended = tokio::spawn(async move {
        let ended = worker.run(async { drop(stopped.await) }).await;
        let mut event = json!({ "worker": told, "event": "ended" });
        if let Err(error) = &ended {
            event["error"] = shown::error(error);
        }
        say(&event);
        ended
    });
    let mut workers = shared.workers.lock().expect("no panic while it is held");
    let life = Some((stop, ended));
    workers.insert(name, Running { handle, life });
    Ok(json!({}))
}

fn start_raw(shared: &Arc<Shared>, command: &Value, name: String) -> Value {
    let url = shared.worker_url.lock().expect("no panic while it is held").clone();
    let (stop, stopped) = oneshot::channel();
    let worker = Raw::new(shared, command, url);
    let ended = tokio::spawn(async move {
        worker.run(stopped).await;
        Ok(())
    });
    let mut workers = shared.workers.lock().expect("no panic while it is held");
    let (handle, life) = (None, Some((stop, ended)));
    workers.insert(name, Running { handle, life });
    json!({})
}

fn set_up(shared: &Arc<Shared>, command: &Value, name: &str) -> Result<WorkerBuilder, Trouble> {
    let mut builder = Worker::builder(&shared.client()?);
    for queue in command["queues"].as_array().into_iter().flatten() {
        builder = builder.queue(queue.as_str().unwrap_or_default());
    }
    let kinds = command["kinds"].as_array().into_iter().flatten();
    let kinds: Vec<&str> = kinds.filter_map(Value::as_str).collect();
    let kinds = if wrong("all-kinds") {
        handlers::KINDS.to_vec()
    } else {
        kinds
    };
    for kind in kinds {
        builder = handlers::add(builder, kind, shared);
    }
    if let Some(concurrency) = command["concurrency"].as_u64() {
        let extra = u64::from(wrong("too-many"));
        builder = builder.concurrency(u32::try_from(concurrency + extra).unwrap_or(u32::MAX));
    }
    if let Some(grace) = millis(&command["grace_ms"]) {
        builder = builder.grace(if wrong("no-grace") { Duration::ZERO } else { grace });
    }
    if let Some(grace) = millis(&command["cancel_grace_ms"]) {
        builder = builder.cancel_grace(if wrong("endless-patience") {
            Duration::from_secs(3_600)
        } else {
            grace
        });
    }
    let told = name.to_owned();
    Ok(builder.on_event(move |event| tell(&told, event)))
}

fn tell(worker: &str, event: &WorkerEvent) {
    let of = |name: &str, task: &TaskFacts| json!({ "worker": worker, "event": name, "task_id": task.task_id, "attempt": task.attempt });
    say(&match event {
        WorkerEvent::Connected { .. } => json!({ "worker": worker, "event": "connected" }),
        WorkerEvent::Disconnected { error } => {
            json!({ "worker": worker, "event": "disconnected", "error": shown::error(error) })
        }
        WorkerEvent::Started { task } => {
            if wrong("run-twice") {
                say(&of("started", task));
            }
            of("started", task)
        }
        WorkerEvent::Settled { task, state } => {
            let mut settled = of("settled", task);
            settled["state"] = state.to_string().into();
            settled
        }
        WorkerEvent::LeaseLost { task } => of("lease_lost", task),
        WorkerEvent::Refused { task, message } => {
            let mut refused = of("refused", task);
            refused["message"] = message.as_str().into();
            refused
        }
        WorkerEvent::Draining { .. } => json!({ "worker": worker, "event": "draining" }),
        _ => return,
    });
}

/// How the worker looks to a readiness probe.
pub(crate) fn health(shared: &Arc<Shared>, name: &str) -> Answer {
    let workers = shared.workers.lock().expect("no panic while it is held");
    let running = workers.get(name);
    let handle = running.and_then(|running| running.handle.as_ref());
    let handle = handle.ok_or_else(|| Trouble::Invalid(format!("no worker is called `{name}`")))?;
    let healthy = (handle.is_healthy() || wrong("always-healthy")) && !wrong("never-healthy");
    Ok(json!({ "healthy": healthy, "status": handle.status().to_string() }))
}

pub(crate) async fn stop(shared: &Arc<Shared>, name: &str) -> Answer {
    let life = {
        let mut workers = shared.workers.lock().expect("no panic while it is held");
        workers.get_mut(name).and_then(|running| running.life.take())
    };
    let (stop, ended) = life.ok_or_else(|| Trouble::Invalid(format!("no worker is called `{name}`")))?;
    if wrong("deaf-to-stop") {
        // Dropping it would be a stop as well.
        std::mem::forget(stop);
        return Ok(json!({}));
    }
    // It may have ended by itself.
    let _ = stop.send(());
    ended.await.expect("no panic")?;
    Ok(json!({}))
}
