//! The role on a real port against a real server.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod builtin;
#[path = "../common/mod.rs"]
mod common;
mod dispatch;
mod drain;
mod stream;
mod timeout;
mod unary;
