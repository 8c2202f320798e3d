//! The conformance runner of the Rust client: does what the harness says on stdin and tells on stdout what the client made of it
//! (clients/conformance/README.md). With `--wrong NAME` it is wrong on purpose, in one way: see clients/conformance/mutations.json.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test program: it may spawn and read the clock, one handler must panic, and what it did not foresee must stop it loudly"
)]

#[path = "conformance-runner/calls.rs"]
mod calls;
#[path = "conformance-runner/handlers.rs"]
mod handlers;
#[path = "conformance-runner/raw.rs"]
mod raw;
#[path = "conformance-runner/shown.rs"]
mod shown;
#[path = "conformance-runner/task.rs"]
mod task;
#[path = "conformance-runner/watching.rs"]
mod watching;
#[path = "conformance-runner/working.rs"]
mod working;
#[path = "conformance-runner/wrong.rs"]
mod wrong;

use std::{
    collections::HashMap,
    io::Write,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tidemill_client::{Client, Error, Tls};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::Notify,
};

use working::Workers;
use wrong::wrong;

/// What the commands share.
pub(crate) struct Shared {
    client: Mutex<Option<Client>>,
    /// For workers without the client.
    pub(crate) worker_url: Mutex<String>,
    /// Who waits to be let go, by task.
    pub(crate) holds: Mutex<HashMap<String, Arc<Notify>>>,
    pub(crate) workers: Workers,
}

/// How a command that did not succeed is answered.
pub(crate) enum Trouble {
    /// The client's error.
    Error(Box<Error>),
    /// The command itself is not understood, or made no sense to the client's types.
    Invalid(String),
    /// There is nothing here that could do it.
    Unsupported(&'static str),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Error(Box::new(error))
    }
}

pub(crate) type Answer = Result<Value, Trouble>;

impl Shared {
    pub(crate) fn client(&self) -> Result<Client, Trouble> {
        let client = self.client.lock().expect("no panic while it is held").clone();
        client.ok_or_else(|| Trouble::Invalid("there is no client yet".to_owned()))
    }

    /// Whoever waits until this task is let go, or will.
    pub(crate) fn hold(&self, task_id: &str) -> Arc<Notify> {
        let mut holds = self.holds.lock().expect("no panic while it is held");
        Arc::clone(holds.entry(task_id.to_owned()).or_default())
    }
}

/// Writes one line.
pub(crate) fn say(line: &Value) {
    let mut stdout = std::io::stdout().lock();
    // If nobody listens any more, stdin has ended or is about to.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

#[tokio::main(worker_threads = 4)]
async fn main() {
    wrong::read_arguments();
    let shared = Arc::new(Shared {
        client: Mutex::new(None),
        worker_url: Mutex::default(),
        holds: Mutex::default(),
        workers: Workers::default(),
    });
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let shared = Arc::clone(&shared);
        let command: Value = serde_json::from_str(&line).expect("a command is JSON");
        tokio::spawn(async move {
            let id = command["id"].clone();
            let answer = match perform(&shared, &command).await {
                _ if wrong("mute") => json!({ "id": id, "ok": {} }),
                Ok(ok) => json!({ "id": id, "ok": ok }),
                Err(_) if wrong("swallow-error") => json!({ "id": id, "ok": {} }),
                Err(Trouble::Error(error)) => json!({ "id": id, "error": shown::error(&error) }),
                Err(Trouble::Unsupported(why)) => json!({ "id": id, "unsupported": why }),
                Err(Trouble::Invalid(message)) => {
                    json!({ "id": id, "error": { "kind": "invalid", "outcome": "not_applied", "message": message } })
                }
            };
            say(&answer);
        });
    }
    // Whatever runs ends with the process.
    std::process::exit(0);
}

async fn perform(shared: &Arc<Shared>, command: &Value) -> Answer {
    let text = |key: &str| command[key].as_str().unwrap_or_default();
    match text("op") {
        _ if wrong("mute") => Ok(json!({})),
        "client" => {
            let client = make_client(command)?;
            *shared.worker_url.lock().expect("no panic while it is held") = text("worker_url").to_owned();
            *shared.client.lock().expect("no panic while it is held") = Some(client);
            Ok(json!({}))
        }
        "enqueue" => calls::enqueue(&shared.client()?, &command["task"]).await,
        "enqueue_batch" => calls::enqueue_batch(&shared.client()?, &command["tasks"]).await,
        "result" => calls::result(&shared.client()?, command).await,
        "cancel" => calls::cancel(&shared.client()?, text("task_id"), text("reason")).await,
        "health" => calls::health(&shared.client()?).await,
        "watch" => watching::watch(&shared.client()?, command),
        "watch_many" => watching::watch_many(&shared.client()?, command),
        "worker_start" => working::start(shared, command),
        "worker_health" if wrong::is_raw() => Err(Trouble::Unsupported("a worker from stubs keeps no such account")),
        "worker_health" => working::health(shared, text("worker")),
        "worker_stop" => working::stop(shared, text("worker")).await,
        "let_go" => {
            shared.hold(text("task_id")).notify_one();
            Ok(json!({}))
        }
        other => Err(Trouble::Invalid(format!("no op is called `{other}`"))),
    }
}

fn make_client(command: &Value) -> Result<Client, Trouble> {
    let mut builder = Client::builder(command["url"].as_str().unwrap_or_default());
    if let Some(url) = command["results_url"].as_str() {
        builder = builder.results_url(url);
    }
    if let Some(url) = command["worker_url"].as_str() {
        builder = builder.worker_url(url);
    }
    if let Some(timeout) = task::millis(&command["timeout_ms"]) {
        builder = builder.timeout(timeout);
    }
    if let Some(tries) = command["max_tries"].as_u64() {
        builder = builder.max_tries(u32::try_from(tries).unwrap_or(u32::MAX));
    }
    if wrong("no-retry") || wrong("lose-key") {
        builder = builder.max_tries(1);
    }
    if let Some(path) = command["ca"].as_str() {
        let pem = std::fs::read(path).map_err(|error| Trouble::Invalid(format!("{path}: {error}")))?;
        builder = builder.tls(Tls::default().ca(pem));
    }
    Ok(builder.build()?)
}
