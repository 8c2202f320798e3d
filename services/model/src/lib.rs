//! The rules of Tidemill, pure: no clock, no store, no network, no runtime.
//!
//! A task is enqueued, waits (SCHEDULED until a time, QUEUED until a worker has room), runs under a lease (RUNNING) and ends in one of
//! four terminal states. [`transition::TABLE`] is the one truth about it; the diagram in `docs/lifecycle.md` is rendered from it, the
//! store's scripts implement its rows, and [`mod@reference`] is a queue built on it that tests compare the store with.
//!
//! Whoever holds the latest [`id::LeaseToken`] of a task may settle it, nobody else, however late: time may trigger recovery, but it
//! never grants or denies ownership.

pub mod id;
pub mod invariant;
pub mod op;
pub mod record;
pub mod reference;
pub mod retry;
pub mod snapshot;
pub mod state;
pub mod transition;
pub mod wire;
