//! The whole configuration: one struct for each section of `default-config.toml`, checked before any port is opened.

use std::{net::SocketAddr, path::Path};

use serde::Deserialize;
use tidemill_kit::{
    config::{ByteSize, CLIENT_VARIABLES, ConfigError, HumanDuration, Layers, process_environment},
    grpc::{GrpcConfig, TlsConfig},
    telemetry::LogConfig,
};
use tidemill_model::{
    op::Rules,
    retry::RetryPolicy,
    wire::{EnqueueDefaults, Limits},
};
use tidemill_store::RedisConfig;

/// Every option, commented: the defaults and the reference.
pub const DEFAULTS: &str = include_str!("../default-config.toml");

/// The configuration of a process.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Settings {
    pub(crate) log: LogConfig,
    pub(crate) redis: RedisConfig,
    rules: RulesSection,
    pub(crate) limits: LimitsSection,
    defaults: DefaultsSection,
    pub(crate) gateway: Ports,
    pub(crate) worker: WithPorts<tidemill_worker::Config>,
    pub(crate) results: WithPorts<tidemill_results::Config>,
    pub(crate) maintenance: MaintenanceSection,
    grpc: GrpcConfig,
    tls: TlsConfig,
    pub(crate) shutdown: ShutdownSection,
}

/// Addresses of a role.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Ports {
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: SocketAddr,
}

/// Addresses of a role and its own options.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct WithPorts<T> {
    #[serde(flatten)]
    pub(crate) ports: Ports,
    #[serde(flatten)]
    pub(crate) config: T,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct MaintenanceSection {
    pub(crate) admin_listen: SocketAddr,
    #[serde(flatten)]
    pub(crate) config: tidemill_maintenance::Config,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesSection {
    lease_ttl: HumanDuration,
    crash_limit: u8,
    release_limit: u8,
    retention: HumanDuration,
    failed_retention: HumanDuration,
    key_retention: HumanDuration,
    reap_delay: HumanDuration,
    timeout_grace: HumanDuration,
    log_entries: u32,
    log_bytes: ByteSize,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LimitsSection {
    max_payload: ByteSize,
    max_output: ByteSize,
    #[serde(flatten)]
    pub(crate) admission: tidemill_gateway::Config,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct DefaultsSection {
    max_attempts: u8,
    initial_backoff: HumanDuration,
    max_backoff: HumanDuration,
    multiplier: f64,
    attempt_timeout: HumanDuration,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShutdownSection {
    pub(crate) grace: HumanDuration,
}

/// The layers for this process: defaults, the file, the environment, the flags.
pub(crate) fn layers(file: Option<&Path>, flags: &[(String, String)]) -> Layers {
    let mut layers = Layers::new(DEFAULTS);
    if let Some(file) = file {
        layers = layers.file(file);
    }
    layers
        .environment(process_environment(), CLIENT_VARIABLES)
        .overrides(flags.iter().cloned())
}

fn ms(duration: HumanDuration) -> u64 {
    u64::try_from(duration.get().as_millis()).unwrap_or(u64::MAX)
}

impl Settings {
    /// Reads the layers and checks everything, so that a wrong value is told before anything has happened.
    pub(crate) fn load(layers: &Layers) -> Result<Self, ConfigError> {
        let settings: Self = layers.load()?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let rules = [
            (
                !(500..=3_600_000).contains(&ms(self.rules.lease_ttl)),
                "rules.lease_ttl must be 500ms to 1h",
            ),
            (
                !(1..=100).contains(&self.rules.crash_limit),
                "rules.crash_limit must be 1 to 100",
            ),
            (
                !(1..=200).contains(&self.rules.release_limit),
                "rules.release_limit must be 1 to 200",
            ),
            (
                self.rules.retention.get().is_zero(),
                "rules.retention must be above zero",
            ),
            (
                self.rules.failed_retention.get().is_zero(),
                "rules.failed_retention must be above zero",
            ),
            (
                self.rules.key_retention.get().is_zero(),
                "rules.key_retention must be above zero",
            ),
            (
                !(1..=100_000).contains(&self.rules.log_entries),
                "rules.log_entries must be 1 to 100000",
            ),
            (
                !size_ok(self.limits.max_payload),
                "limits.max_payload must be 1KiB to 1MiB",
            ),
            (
                !size_ok(self.limits.max_output),
                "limits.max_output must be 1KiB to 1MiB",
            ),
            (
                !(1..=100).contains(&self.defaults.max_attempts),
                "defaults.max_attempts must be 1 to 100",
            ),
            (
                !(1.0..=100.0).contains(&self.defaults.multiplier),
                "defaults.multiplier must be 1 to 100",
            ),
            (
                ms(self.defaults.initial_backoff) == 0,
                "defaults.initial_backoff must be at least 1ms",
            ),
            (
                ms(self.defaults.max_backoff) < ms(self.defaults.initial_backoff),
                "defaults.max_backoff must be at least defaults.initial_backoff",
            ),
            (
                !(1_000..=86_400_000).contains(&ms(self.defaults.attempt_timeout)),
                "defaults.attempt_timeout must be 1s to 24h",
            ),
            (
                self.worker.config.drain_grace > self.shutdown.grace,
                "worker.drain_grace must be at most shutdown.grace",
            ),
            (
                self.grpc.max_message_in.bytes() < 5 << 20,
                "grpc.max_message_in must be at least 5MiB",
            ),
            (
                self.grpc.max_message_out.bytes() < 4 << 20,
                "grpc.max_message_out must be at least 4MiB",
            ),
        ];
        let broken: Vec<&str> = rules
            .iter()
            .filter(|(wrong, _)| *wrong)
            .map(|(_, text)| *text)
            .collect();
        if !broken.is_empty() {
            return Err(ConfigError::rule(broken.join("; ")));
        }
        self.limits.admission.check()?;
        self.worker.config.check()?;
        self.maintenance.config.check()?;
        self.redis.client()?;
        self.grpc(self.gateway.listen).check()
    }

    /// The rules of the store.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            lease_ttl_ms: ms(self.rules.lease_ttl),
            crash_limit: self.rules.crash_limit,
            release_limit: self.rules.release_limit,
            retention_ms: ms(self.rules.retention),
            failed_retention_ms: ms(self.rules.failed_retention),
            key_retention_ms: ms(self.rules.key_retention),
            reap_delay_ms: ms(self.rules.reap_delay),
            timeout_grace_ms: ms(self.rules.timeout_grace),
            log_entries: self.rules.log_entries,
            log_bytes: self.rules.log_bytes.bytes(),
        }
    }

    /// The limits of requests.
    pub(crate) fn request_limits(&self) -> Limits {
        Limits {
            max_payload_bytes: self.limits.max_payload.as_usize(),
            max_output_bytes: self.limits.max_output.as_usize(),
            ..Limits::default()
        }
    }

    /// What the gateway fills in where a request says nothing.
    pub(crate) fn enqueue_defaults(&self) -> EnqueueDefaults {
        EnqueueDefaults {
            limits: self.request_limits(),
            retry: RetryPolicy {
                max_attempts: self.defaults.max_attempts,
                initial_backoff_ms: ms(self.defaults.initial_backoff),
                max_backoff_ms: ms(self.defaults.max_backoff),
                multiplier: self.defaults.multiplier,
            },
            attempt_timeout_ms: u32::try_from(ms(self.defaults.attempt_timeout)).unwrap_or(u32::MAX),
            queue_limit: self.limits.admission.max_queue_tasks,
            queue_bytes_limit: self.limits.admission.max_queue_bytes.bytes(),
        }
    }

    /// The settings of a gRPC port.
    pub(crate) fn grpc(&self, listen: SocketAddr) -> GrpcConfig {
        GrpcConfig {
            listen,
            tls: self.tls.clone(),
            ..self.grpc.clone()
        }
    }
}

fn size_ok(size: ByteSize) -> bool {
    (1 << 10..=1 << 20).contains(&size.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_is_complete_and_sound() {
        let settings = Settings::load(&Layers::new(DEFAULTS)).unwrap();
        assert_eq!(settings.rules(), Rules::default());
        assert_eq!(settings.request_limits(), Limits::default());
        let queue_limit = tidemill_gateway::Config::default().max_queue_tasks;
        assert_eq!(
            settings.enqueue_defaults(),
            EnqueueDefaults {
                queue_limit,
                ..EnqueueDefaults::default()
            }
        );
        assert_eq!(settings.results.config, tidemill_results::Config::default());
        assert_eq!(settings.maintenance.config, tidemill_maintenance::Config::default());
        let worker = tidemill_worker::Config::default();
        assert_eq!(format!("{:?}", settings.worker.config), format!("{worker:?}"));
        let grpc = GrpcConfig {
            listen: settings.gateway.listen,
            ..GrpcConfig::default()
        };
        assert_eq!(settings.grpc(settings.gateway.listen), grpc);
    }

    #[test]
    fn wrong_values_are_all_named() {
        let flags = [
            ("rules.crash_limit", "0"),
            ("rules.log_entries", "0"),
            ("defaults.max_attempts", "101"),
        ];
        let layers = Layers::new(DEFAULTS).overrides(flags.map(|(k, v)| (k.to_owned(), v.to_owned())));
        let error = Settings::load(&layers).unwrap_err().to_string();
        for (key, _) in flags {
            assert!(error.contains(key), "{key} in {error}");
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_neighbour() {
        let layers = Layers::new(DEFAULTS).overrides([("redis.ulr".to_owned(), "x".to_owned())]);
        let error = Settings::load(&layers).unwrap_err().to_string();
        assert!(error.contains("redis.ulr") && error.contains("redis.url"), "{error}");
    }
}
