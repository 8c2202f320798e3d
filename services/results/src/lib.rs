//! Answers what became of tasks, and streams their logs. Any replica can serve any task.
//!
//! A watcher is a cursor and a dirty mark, never a buffer. A hint of the store marks the watchers of a task; a marked watcher reads the
//! next page of the log, once the client has taken the page before. So a slow watcher costs as much as an idle one, and whoever comes
//! back with a cursor gets the rest, here or at another replica.
//!
//! ```text
//!  HintReader ──▶ Hub: task → marks ──▶ Ready (one per stream) ──▶ Engine: read a page, merge, hand out
//!                                                                     ▲ polled by the client's flow control
//!  Calls: draining, and streams whose client has stopped reading ─────┘
//! ```
//!
//! | module | what it is for |
//! |---|---|
//! | `service` | the RPCs, four lines each |
//! | `get` | GetResult, and its waiting |
//! | `watch` | one future for each stream: which task is read next, and what is handed out |
//! | `watch_one`, `watch_many` | the two streaming RPCs on top of it |
//! | `item`, `stall` | what a stream hands out and how it ends; noticing that a client takes nothing |
//! | `log` | a record and its log entries become numbered events without a silent hole |
//! | `read` | reading with patience while the store is away |
//! | `mark`, `hub` | who waits for which task |
//! | `calls` | the open calls of the process: draining them, closing the stalled ones |

mod calls;
mod config;
mod error;
mod get;
mod hub;
mod item;
mod log;
mod mark;
mod metrics;
mod read;
mod service;
mod stall;
mod watch;
mod watch_many;
mod watch_one;

pub use config::Config;
pub use service::Service;
