//! Enqueues a task and follows it to its end: `cargo run -p tidemill-client --example enqueue -- KIND TEXT`.

use tidemill_client::{Client, DEFAULT_URL, EventKind, Outcome, Task};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("TIDEMILL_URL").unwrap_or_else(|_| DEFAULT_URL.to_owned());
    let mut words = std::env::args().skip(1);
    let kind = words.next().unwrap_or_else(|| "echo".to_owned());
    let text = words.next().unwrap_or_else(|| "hello".to_owned());

    let client = Client::new(url)?;
    let enqueued = match client
        .enqueue(Task::new(kind).text(text).label("from", "example"))
        .await
    {
        Ok(enqueued) => enqueued,
        Err(error) => {
            if error.outcome() == Outcome::Unknown {
                // Enqueue again with this key: it cannot be stored twice.
                eprintln!("it may have been stored, key {:?}", error.idempotency_key());
            }
            return Err(error.into());
        }
    };
    println!("{}", enqueued.task_id);

    let mut watch = client.watch(enqueued.task_id);
    while let Some(event) = watch.next().await {
        let event = event?;
        match event.kind {
            EventKind::StateChanged { state, .. } => println!("#{} {state}, attempt {}", event.sequence, event.attempt),
            EventKind::Progress { fraction, message } => {
                println!("#{} {:.0} % {message}", event.sequence, fraction * 100.0)
            }
            EventKind::OutputChunk(piece) => println!("#{} {:?}", event.sequence, piece.as_text()),
            EventKind::Result(result) => println!("#{} {}: {:?}", event.sequence, result.state, result.output),
            _ => {}
        }
    }
    Ok(())
}
