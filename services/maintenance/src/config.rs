//! What an operator may change.

use serde::Deserialize;
use tidemill_kit::config::{ConfigError, HumanDuration};

/// Section `maintenance` of the configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Share of the store's memory limit that finished tasks may take: above it the oldest go early, FAILED never. 0: no
    /// limit.
    pub kept_share: f64,
    /// Time between two passes over the whole store that look for indexes that disagree with their records.
    pub reconcile_interval: HumanDuration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kept_share: 0.25,
            reconcile_interval: HumanDuration::from_secs(15),
        }
    }
}

impl Config {
    /// Checks the ranges.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !(0.0..=1.0).contains(&self.kept_share) {
            return Err(ConfigError::rule("maintenance.kept_share must be 0 to 1"));
        }
        if self.reconcile_interval.get().as_millis() < 100 {
            return Err(ConfigError::rule(
                "maintenance.reconcile_interval must be at least 100ms",
            ));
        }
        Ok(())
    }
}
