//! What makes a process a service. `kit` knows nothing of tasks; a module is admitted only if two roles need it.
//!
//! | module | what it is for |
//! |---|---|
//! | [`config`] | built-in defaults < file < environment < flags, with errors that name the key and its source |
//! | [`telemetry`] | structured logs on stderr, one line for each event |
//! | [`metrics`] | the registry behind `/metrics` |
//! | [`labels`] | labels of metrics that clients make up, bounded |
//! | [`health`] | named conditions that decide readiness, and `grpc.health.v1` |
//! | [`shutdown`] | one token that says "stop", and the signals that begin it |
//! | [`supervisor`] | the only place that spawns: every background future has a name and a policy |
//! | [`grpc`] | the public port: explicit limits, TLS, reflection, draining |
//! | [`admin`] | the private port: `/livez`, `/readyz`, `/metrics`, health |
//! | [`status`] | the one place where errors become gRPC statuses |
//!
//! ```text
//!  signals ──▶ Shutdown ──▶ Health: not ready ──▶ grpc: GOAWAY, drain, cut ──▶ Supervisor: wait, abort, report
//!                 ▲
//!                 └── Supervisor: a task whose failure ends the process
//! ```
//!
//! Everything here runs on a `current_thread` runtime as well as on a multi-threaded one.

pub mod admin;
pub mod config;
pub mod grpc;
pub mod health;
pub mod labels;
pub mod metrics;
pub mod shutdown;
pub mod status;
pub mod supervisor;
pub mod telemetry;
pub mod trace;
