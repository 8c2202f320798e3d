//! The worker of docs/tutorial.md.

use serde::Deserialize;
use tidemill_client::{Client, Context, DEFAULT_URL, Failure, Worker, shutdown_signal};

#[derive(Deserialize)]
struct Greeting {
    name: String,
    #[serde(default = "once")]
    times: u32,
}

fn once() -> u32 {
    1
}

/// Runs one attempt of one task.
async fn hello(task: Context) -> Result<String, Failure> {
    // Another attempt would get the same input, so this failure is permanent: the task is a dead letter at once.
    let greeting: Greeting = task
        .payload()
        .to_json()
        .map_err(|error| Failure::from(error).into_permanent())?;
    let mut greetings = Vec::new();
    for done in 0..greeting.times {
        task.progress(f64::from(done) / f64::from(greeting.times), "greeting");
        greetings.push(format!("Hello, {}!", greeting.name));
    }
    Ok(greetings.join(" "))
}

#[tokio::main]
async fn main() -> Result<(), tidemill_client::Error> {
    let url = std::env::var("TIDEMILL_URL").unwrap_or_else(|_| DEFAULT_URL.to_owned());
    let client = Client::new(url)?;
    let worker = Worker::builder(&client)
        .handle("hello", hello)
        .concurrency(16)
        .build()?;
    // Ctrl-C: takes nothing new, finishes what runs, gives the rest back without charging an attempt.
    worker.run(shutdown_signal()).await
}
