//! Enqueues a hundred tasks in one call and watches all of them over one stream:
//! `cargo run -p tidemill-client --example watch_many -- KIND`.

use tidemill_client::{Client, DEFAULT_URL, EventKind, Task};

#[tokio::main]
async fn main() -> Result<(), tidemill_client::Error> {
    let url = std::env::var("TIDEMILL_URL").unwrap_or_else(|_| DEFAULT_URL.to_owned());
    let kind = std::env::args().nth(1).unwrap_or_else(|| "echo".to_owned());
    let client = Client::new(url)?;

    let tasks = (0..100).map(|number| Task::new(&kind).text(format!("task {number}")));
    let (watches, mut watch) = client.watch_many();
    for outcome in client.enqueue_batch(tasks).await {
        watches.add(outcome?.task_id, 0);
    }
    // No more will be added: the stream of events ends after the last result.
    drop(watches);

    let mut succeeded = 0;
    while let Some(watched) = watch.next().await {
        if let EventKind::Result(result) = watched.event?.kind {
            succeeded += usize::from(result.error.is_none());
        }
    }
    println!("{succeeded} of 100 succeeded");
    Ok(())
}
