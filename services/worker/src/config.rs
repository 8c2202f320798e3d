//! Section `worker` of the configuration.

use serde::Deserialize;
use tidemill_kit::config::{ConfigError, HumanDuration};
use tidemill_model::id::Name;

use crate::builtin;

/// Section `worker` of the configuration. The lease's duration is part of the store's rules.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A ping goes to every stream this often; its echo renews the stream's leases. 0, the default: a third of the lease, 10 s.
    pub ping_interval: HumanDuration,
    /// Kinds that this process runs itself: any of `echo`, `sleep`, `fail`. Default: none.
    pub builtin_kinds: Vec<String>,
    /// Queues of the built-in kinds. Default `["default"]`.
    pub builtin_queues: Vec<String>,
    /// Built-in tasks that run at a time, 1 to 10,000. Default 64.
    pub builtin_concurrency: u32,
    /// An idle process looks for tasks this often, ± 20 %, even if no bell rang. Default 5 s.
    pub poll_interval: HumanDuration,
    /// How long streams may go on settling once the shutdown has begun. Default 20 s.
    pub drain_grace: HumanDuration,
    /// Work streams of this process. Default 10,000; more are told to go elsewhere.
    pub max_streams: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ping_interval: HumanDuration::default(),
            builtin_kinds: Vec::new(),
            builtin_queues: vec!["default".to_owned()],
            builtin_concurrency: 64,
            poll_interval: HumanDuration::from_secs(5),
            drain_grace: HumanDuration::from_secs(20),
            max_streams: 10_000,
        }
    }
}

impl Config {
    /// Whether a role can run with this. Call it before any port is opened.
    pub fn check(&self) -> Result<(), ConfigError> {
        if let Some(unknown) = self
            .builtin_kinds
            .iter()
            .find(|kind| !builtin::KINDS.contains(&kind.as_str()))
        {
            return Err(ConfigError::rule(format!(
                "worker.builtin_kinds: `{unknown}` is not a built-in kind; there are {}",
                builtin::KINDS.join(", ")
            )));
        }
        if let Some(wrong) = self.builtin_queues.iter().find(|queue| Name::new(queue).is_err()) {
            return Err(ConfigError::rule(format!(
                "worker.builtin_queues: `{wrong}` is not a queue's name"
            )));
        }
        if !self.builtin_kinds.is_empty() && self.builtin_queues.is_empty() {
            return Err(ConfigError::rule("worker.builtin_queues must name at least one queue"));
        }
        if !(1..=10_000).contains(&self.builtin_concurrency) {
            return Err(ConfigError::rule("worker.builtin_concurrency must be 1 to 10,000"));
        }
        if self.poll_interval.get().is_zero() {
            return Err(ConfigError::rule("worker.poll_interval must be above zero"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn the_defaults_are_accepted_and_an_unknown_kind_is_named() {
        assert!(Config::default().check().is_ok());
        let config = Config {
            builtin_kinds: vec!["echo".into(), "nap".into()],
            ..Config::default()
        };
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains("nap") && error.contains("sleep"), "{error}");
    }
}
