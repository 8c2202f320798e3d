//! Whole-system tests with real processes and real signals.
//!
//! Each test starts a Redis of its own and the roles it needs as processes of the real `tidemill` binary, drives them through the
//! contract only, injects a fault, and checks what the contract promises. Nothing here knows the inside of a role.
//!
//! | module | what it is for |
//! |---|---|
//! | `cluster` | a Redis and the role processes over it: start, kill, restart, check the logs |
//! | `instance` | one role process: what it listens on stays the same over its lives |
//! | `process` | one process: its log, its signals, its end |
//! | `client` | generated stubs, with the retries that a careful client makes |
//! | `watch` | follows a task's log over replicas and insists that no number is missing or doubled |
//! | `handler` | the handler processes (`src/bin/handler.rs`) and the journal of what they ran |
//! | `errors` | what a refused call says about itself |
//! | `load` | producers with keys |
//! | `proxy` | a TCP connection that can be cut, held up or led elsewhere |
//! | `json` | messages as the conformance suite's JSON |
//! | `http`, `wait` | small helpers |

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support: whatever is not as expected must fail the test loudly"
)]

mod client;
mod cluster;
mod errors;
mod handler;
mod http;
mod instance;
mod json;
mod load;
mod process;
mod proxy;
mod wait;
mod watch;

pub use client::{Client, duration, key, payload, request, text_of};
pub use cluster::{Cluster, ClusterBuilder, environment};
pub use errors::{Expected, Refusal};
pub use handler::{Entry, HandlerOptions, Journal};
pub use http::get;
pub use instance::{Instance, Role};
pub use json::{assignment_json, payload_json, task_error_json, task_json};
pub use load::Load;
pub use process::{Process, binary, signal, signal_if_there};
pub use proxy::Proxy;
pub use tidemill_test_server::{TestServer, free_port};
pub use wait::{LIMIT, until};
pub use watch::{check_log, state_changes, watch_from};
