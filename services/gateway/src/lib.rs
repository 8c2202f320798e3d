//! Takes tasks in: validates, admits, stores. Never executes, never waits for a worker. Also answers AdminService, which only reads, and
//! KEDA, which scales handlers by what waits.
//!
//! ```text
//!  Enqueue ──▶ wire: all violations ──▶ memory below the watermark? ──▶ store: group commit, limits of the queue, key ──▶ id and state
//! ```
//!
//! Every error of a mutating call says whether it left a trace. A cancel and the reads are never held up by the watermark: they are what
//! makes room again.

mod admin;
mod admission;
mod batch;
mod cancel;
mod clock;
mod config;
mod depth;
mod enqueue;
mod entropy;
mod error;
mod list_tasks;
mod metrics;
mod page_token;
mod scaler;
mod service;
mod spans;

pub use config::Config;
pub use service::Service;

#[cfg(test)]
mod tests;
