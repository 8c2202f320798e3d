//! Promotes what is due, reaps expired leases, expires, purges and reconciles. No port and no leader: any number of processes do it at
//! once, because each step of the store reads every time and state again before it changes anything.
//!
//! ```text
//!  tick       ──▶ probe clock and connection ──▶ store: one bounded step ──▶ sleep until the next deadline, a hint, or 10 s
//!                     └── away > 1 s or clock stepped: hold off reaping for 2 s, so that live workers renew first
//!  reconcile  ──▶ claim the pass ──▶ scan in pages ──▶ 5 s later: mend what is still wrong
//! ```
//!
//! Idle, a shard costs at most 0.5 commands a second: a tick and its probe every 10 s, a claim and one page every 15 s.

mod config;
mod hold_off;
mod jitter;
mod metrics;
mod reconcile;
mod service;
#[cfg(test)]
mod testing;
mod tick;

pub use config::Config;
pub use service::Service;
