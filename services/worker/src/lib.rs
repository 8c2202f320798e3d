//! The worker role: leases tasks for the handler processes connected to it, keeps their leases alive, and settles.
//!
//! Whoever holds a lease token may settle at any replica, so nothing here owns a task: a stream is bookkeeping of what its client
//! holds, and the store judges every message. A stream that breaks is forgotten and its leases are left alone; the client comes back,
//! to any replica, and names what it still holds.
//!
//! ```text
//!  handler process ──WorkRequest──▶ session ──▶ lane (one for each lease, in order) ──▶ settle / progress ──▶ store
//!        ▲                            ▲  └── echo ──▶ heartbeats of all its leases ─────────────────────────▶ store
//!        └──WorkResponse── outbox ◀───┤
//!                                     └── dispatch ◀── credits, bell, poll      (one future for all streams)
//! ```
//!
//! | module | what it is for |
//! |---|---|
//! | `service` | thin RPC adapters, draining |
//! | `session` | one Work stream: registration, messages, pings, timeouts, its end |
//! | `leases` | what one stream holds, its credits and its timers; pure |
//! | `registry` | the streams by what they subscribe to |
//! | `dispatch` | leases against free credits and deals the tasks out |
//! | `bell` | sleeps until a line has work |
//! | `settle`, `progress`, `unary` | what a message about one lease does |
//! | `stop` | cancel requests from hints |
//! | `builtin` | echo, sleep and fail, as a client inside the process |

mod bell;
mod builtin;
mod config;
mod dispatch;
mod error;
mod half_close;
mod leases;
mod metrics;
mod outbox;
mod progress;
mod random;
mod registry;
mod service;
mod session;
mod settle;
mod shared;
mod spans;
mod stop;
mod stream;
mod subscription;
mod unary;

pub use config::Config;
pub use service::Service;
