//! Watches.

use std::sync::Arc;

use serde_json::{Value, json};
use tidemill_client::{Client, Error, Event, EventKind};
use tokio::sync::Notify;

use crate::{Answer, say, shown, wrong::wrong};

/// Tells of one event, and wrongly if it is told to.
fn tell(name: &str, task_id: &str, event: &Event) {
    if wrong("skip-sequence") && event.sequence == 2 {
        return;
    }
    if wrong("skip-chunks") && matches!(event.kind, EventKind::OutputChunk(_)) {
        return;
    }
    let line = shown::event(name, task_id, event);
    say(&line);
    if wrong("double-event") && event.sequence == 2 {
        say(&line);
    }
}

fn tell_error(name: &str, task_id: &str, error: &Error) {
    say(&json!({ "watch": name, "task_id": task_id, "error": shown::error(error) }));
}

pub(crate) fn watch(client: &Client, command: &Value) -> Answer {
    let (name, id) = (text(command, "watch"), text(command, "task_id"));
    let broken = Arc::new(Notify::new());
    let heard = Arc::clone(&broken);
    let mut watch = client.watch(&id).on_break(move |_| heard.notify_one());
    if !wrong("forget-cursor") {
        watch = watch.after(command["after"].as_i64().unwrap_or_default());
    }
    tokio::spawn(async move {
        loop {
            let next = tokio::select! {
                () = broken.notified(), if wrong("no-resume") => None,
                next = watch.next() => next,
            };
            match next {
                Some(Ok(event)) => tell(&name, &id, &event),
                Some(Err(error)) => return tell_error(&name, &id, &error),
                None => break,
            }
        }
        say(&json!({ "watch": name, "end": true }));
    });
    Ok(json!({}))
}

pub(crate) fn watch_many(client: &Client, command: &Value) -> Answer {
    let name = text(command, "watch");
    let (watches, mut watch) = client.watch_many();
    for target in command["targets"].as_array().into_iter().flatten() {
        let after = target["after"].as_i64().unwrap_or_default();
        watches.add(text(target, "task_id"), if wrong("forget-cursor") { 0 } else { after });
    }
    tokio::spawn(async move {
        drop(watches);
        while let Some(watched) = watch.next().await {
            match &watched.event {
                Ok(event) => tell(&name, &watched.task_id, event),
                Err(error) => {
                    tell_error(&name, &watched.task_id, error);
                    if wrong("many-dies") {
                        break;
                    }
                }
            }
        }
        say(&json!({ "watch": name, "end": true }));
    });
    Ok(json!({}))
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}
