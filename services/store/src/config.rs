//! How to reach the server and what it must promise.

use std::{fs, path::PathBuf};

use redis::{Client, ConnectionInfo, IntoConnectionInfo, TlsCertificates};
use serde::Deserialize;
use tidemill_kit::config::{ByteSize, ConfigError, HumanDuration, Secret};

/// What an acknowledged call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// On disk: `appendfsync always`. Survives a crash of everything.
    Strict,
    /// In the server's memory, on disk within about two seconds: `appendfsync everysec`.
    Fast,
}

/// Section `redis` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    /// `redis://host:port/db`, `rediss://` for TLS, or `unix:///path`.
    pub url: Secret,
    /// ACL user; empty: none, or the one in the URL.
    pub username: String,
    /// Password; empty: none, or the one in the URL.
    pub password: Secret,
    /// File that holds the password, read at start. Empty: none.
    pub password_file: String,
    /// PEM file of the authority that signed the server's certificate. Empty: the public ones.
    pub ca: String,
    /// Beginning of every key. 1 to 32 of `[A-Za-z0-9:_-]`.
    pub prefix: String,
    /// What the server must promise.
    pub durability: Durability,
    /// Bytes the store may use if the server has no maxmemory. 0: insist on maxmemory.
    pub memory_budget: ByteSize,
    /// Insist on this store. Empty: take the one that is there, or create one on an empty server.
    pub store_id: String,
    /// Longest wait for a connection.
    pub connect_timeout: HumanDuration,
    /// Longest wait for an answer. Above it the outcome is unknown.
    pub command_timeout: HumanDuration,
}

impl RedisConfig {
    /// `strict`, at this URL, without credentials.
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: Secret::new(url),
            username: String::new(),
            password: Secret::default(),
            password_file: String::new(),
            ca: String::new(),
            prefix: "tm:".to_owned(),
            durability: Durability::Strict,
            memory_budget: ByteSize(0),
            store_id: String::new(),
            connect_timeout: HumanDuration::from_secs(2),
            command_timeout: HumanDuration::from_secs(10),
        }
    }

    /// A client that is not connected yet.
    pub fn client(&self) -> Result<Client, ConfigError> {
        let prefix_ok = (1..=32).contains(&self.prefix.len())
            && self
                .prefix
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_' | b'-'));
        if !prefix_ok {
            return Err(ConfigError::rule(
                "redis.prefix must be 1 to 32 characters of [A-Za-z0-9:_-]",
            ));
        }
        self.client_of(self.connection_info()?)
    }

    /// The same for this server and these credentials.
    pub(crate) fn client_of(&self, info: ConnectionInfo) -> Result<Client, ConfigError> {
        let client = if self.ca.is_empty() {
            Client::open(info)
        } else {
            let root =
                fs::read(&self.ca).map_err(|e| ConfigError::rule(format!("redis.ca: cannot read {}: {e}", self.ca)))?;
            Client::build_with_tls(
                info,
                TlsCertificates {
                    client_tls: None,
                    root_cert: Some(root),
                },
            )
        };
        client.map_err(|e| ConfigError::rule(format!("redis.url: {e}")))
    }

    pub(crate) fn connection_info(&self) -> Result<ConnectionInfo, ConfigError> {
        let info =
            self.url.expose().into_connection_info().map_err(|e| {
                ConfigError::rule(format!("redis.url is not a redis://, rediss:// or unix:// URL: {e}"))
            })?;
        let mut settings = info.redis_settings().clone();
        if !self.username.is_empty() {
            settings = settings.set_username(&self.username);
        }
        let password = self.password()?;
        if !password.is_empty() {
            settings = settings.set_password(password.expose());
        }
        Ok(info.set_redis_settings(settings))
    }

    fn password(&self) -> Result<Secret, ConfigError> {
        if self.password_file.is_empty() {
            return Ok(self.password.clone());
        }
        if !self.password.is_empty() {
            return Err(ConfigError::rule(
                "redis.password and redis.password_file exclude each other",
            ));
        }
        let path = PathBuf::from(&self.password_file);
        let text = fs::read_to_string(&path)
            .map_err(|e| ConfigError::rule(format!("redis.password_file: cannot read {}: {e}", path.display())))?;
        Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
    }
}
