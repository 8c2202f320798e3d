//! Section `results` of the configuration.

use serde::Deserialize;
use tidemill_kit::config::HumanDuration;

/// What an operator may change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Tasks that one WatchResults stream may watch at a time. Default 10,000.
    pub max_watches_per_stream: usize,
    /// Tasks that all streams and long polls of this process may watch together. Default 200,000.
    pub max_watches: usize,
    /// A stream that has something to send and whose client takes nothing for this long is closed. Default 30 s; 0: never.
    pub stall_timeout: HumanDuration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_watches_per_stream: 10_000,
            max_watches: 200_000,
            stall_timeout: HumanDuration::from_secs(30),
        }
    }
}
