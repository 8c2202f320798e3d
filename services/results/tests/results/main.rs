//! The role on a real server and real sockets: tasks are driven through the store, watched through a tonic client.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod client;
mod common;
mod faults;
mod get;
mod many;
mod resume;
mod slow;
mod watch;
