//! The client commands of the `tidemill` binary, which mounts [`ClientCommand`] among its own subcommands.
//!
//! ```text
//!  ClientCommand ──▶ enqueue, get, watch, cancel, list, queues, health, work, bench ──▶ tidemill-client ──▶ gRPC
//!                            │
//!                            └──▶ printer ──▶ text | json | jsonl ──▶ stdout, and the output of a task to a file
//! ```
//!
//! Only data goes to stdout; notes, progress and errors go to stderr, an error always as one line that says what to do next. Every
//! unary call has a deadline and is retried within it; a watch goes on after a broken connection.

mod batch;
mod bench;
mod cancel;
mod command;
pub mod demo;
mod duration;
mod enqueue;
mod error;
mod get;
mod health;
mod json;
mod lines;
mod list;
mod names;
mod options;
mod output_file;
mod paint;
mod payload;
mod printer;
mod queues;
mod task_args;
mod text;
mod watch;
mod watch_many;
mod work;

pub use bench::BenchArgs;
pub use cancel::CancelArgs;
pub use command::{ClientCommand, ENVIRONMENT, EXIT_CODES};
pub use enqueue::EnqueueArgs;
pub use error::Error;
pub use get::GetArgs;
pub use health::HealthArgs;
pub use list::ListArgs;
pub use options::ClientOptions;
pub use queues::QueuesArgs;
pub use watch::WatchArgs;
pub use work::WorkArgs;
