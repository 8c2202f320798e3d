//! What an operator may change.

use serde::Deserialize;
use tidemill_kit::config::{ByteSize, ConfigError};

/// When enqueues are refused. Part of section `limits` of the configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Unfinished tasks of one queue; 0: no limit. A guard against a producer that runs away, far above what a healthy queue holds.
    pub max_queue_tasks: u64,
    /// Bytes of the unfinished tasks of one queue; 0: no limit.
    pub max_queue_bytes: ByteSize,
    /// Share of the store's memory limit at which enqueues stop; the rest is for settling what was taken in.
    pub memory_watermark: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_queue_tasks: 10_000_000,
            max_queue_bytes: ByteSize(0),
            memory_watermark: 0.8,
        }
    }
}

impl Config {
    /// Checks the ranges.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.memory_watermark > 0.0 && self.memory_watermark < 1.0 {
            return Ok(());
        }
        Err(ConfigError::rule("limits.memory_watermark must be above 0 and below 1"))
    }
}
