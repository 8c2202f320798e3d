//! The client commands of the `tidemill` binary, which mounts [`ClientCommand`] among its own subcommands.
//!
//! ```text
//!  ClientCommand ──▶ enqueue, get, watch, cancel, queues, list ──▶ client (deadlines, retries) ──▶ gRPC
//!                            │                                        ▲
//!                            ├──▶ watch (resumes a broken stream) ────┘
//!                            └──▶ printer ──▶ text | json ──▶ stdout
//! ```
//!
//! Only data goes to stdout; notes and errors go to stderr, an error always as one line. Every unary call has a deadline and is
//! retried within it: each of them is safe to repeat, because an enqueue without a key is given one.

mod admin;
mod cancel;
mod client;
mod command;
pub mod demo;
mod duration;
mod enqueue;
mod error;
mod get;
mod json;
mod names;
mod options;
mod payload;
mod printer;
mod refusal;
mod retry;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a server of the tests' own, outside the kit, that breaks on purpose"
)]
mod testing;
mod text;
mod watch;

pub use admin::{ListArgs, QueuesArgs};
pub use cancel::CancelArgs;
pub use command::ClientCommand;
pub use enqueue::EnqueueArgs;
pub use error::Error;
pub use get::GetArgs;
pub use options::{ClientOptions, OutputFormat};
pub use payload::PayloadArgs;
pub use refusal::Refusal;
pub use watch::WatchArgs;
