//! Client and worker for [Tidemill](https://github.com/tidemill/tidemill), a durable task queue with a gRPC contract.
//!
//! # Enqueue, and follow what becomes of it
//!
//! ```no_run
//! use std::time::Duration;
//! use tidemill_client::{Client, EventKind, Task};
//!
//! # async fn example() -> Result<(), tidemill_client::Error> {
//! let client = Client::new("http://localhost:7440")?;
//! let task = Task::new("email.send").text("hello").delay(Duration::from_secs(5));
//! let enqueued = client.enqueue(task).await?;
//!
//! let mut watch = client.watch(enqueued.task_id);
//! while let Some(event) = watch.next().await {
//!     match event?.kind {
//!         EventKind::Progress { fraction, message } => println!("{:.0} % {message}", fraction * 100.0),
//!         EventKind::Result(result) => println!("{}: {:?}", result.state, result.output),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Run tasks
//!
//! ```no_run
//! use tidemill_client::{Client, Context, Failure, Worker, shutdown_signal};
//!
//! async fn send(task: Context) -> Result<String, Failure> {
//!     let text = task.payload().as_text().ok_or(Failure::permanent("the input must be text"))?;
//!     Ok(format!("sent {text}"))
//! }
//!
//! # async fn example() -> Result<(), tidemill_client::Error> {
//! let client = Client::new("http://localhost:7440")?;
//! let worker = Worker::builder(&client).handle("email.send", send).concurrency(16).build()?;
//! worker.run(shutdown_signal()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # How the parts fit
//!
//! ```text
//!  Task ──▶ Client::enqueue ─┐                       ┌─▶ line: one call at a time probes a server that is away
//!  result, cancel, admin  ───┼─▶ call (deadline, key) ┼─▶ budget: retries are at most a fifth of the calls
//!  Watch, WatchMany ─────────┘                       └─▶ tonic channel
//!
//!  Worker ──▶ session (a thread of its own: heartbeats do not wait for handlers) ──▶ Work stream
//!                └──▶ handlers, on the runtime that called `run`
//! ```
//!
//! # What happens when something fails
//!
//! Every unary call has a deadline ([`ClientBuilder::timeout`]) and is tried again within it where that is safe and may help: each
//! enqueue carries an idempotency key, made here if the caller gave none, so a repetition never stores a second task. An [`Error`] says
//! whether the call left a trace: [`Outcome::NotApplied`] or [`Outcome::Unknown`]. A [`Watch`] goes on after a broken stream from the last
//! event it yielded, so that every sequence number comes exactly once. A [`Worker`] keeps its leases over a broken stream.

mod admin;
mod batch;
mod builder;
mod client;
mod error;
mod event;
mod health;
mod link;
mod payload;
mod proto_time;
mod result;
mod retry;
mod state;
mod status;
mod task;
#[cfg(test)]
mod testing;
mod trace;
mod watch;
mod watch_many;
mod worker;

pub use admin::Page;
pub use batch::BATCH_LIMIT;
pub use builder::{ClientBuilder, DEFAULT_URL, Tls};
pub use client::{Cancelled, Client, Enqueued};
pub use error::{Error, ErrorKind, Outcome, TlsProblem, Violation};
pub use event::{Event, EventKind, StateCause};
pub use health::Health;
pub use payload::Payload;
pub use result::{TaskError, TaskResult, TaskSnapshot};
pub use retry::Stats;
pub use state::TaskState;
pub use task::{Priority, RetryPolicy, Task};
/// The generated messages, for what the types of this crate do not show.
pub use tidemill_proto::v1 as proto;
pub use tidemill_proto::v1::ErrorReason;
/// The codes of gRPC, as [`Error::code`] answers them.
pub use tonic::Code;
pub use trace::TraceContext;
pub use watch::Watch;
pub use watch_many::{WatchMany, Watched, Watches};
pub use worker::{
    CancelCause, CancelRequest, Context, Failure, ReportError, TaskFacts, Worker, WorkerBuilder, WorkerEvent,
    WorkerHandle, WorkerStatus, shutdown_signal,
};

/// The examples of the README are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
