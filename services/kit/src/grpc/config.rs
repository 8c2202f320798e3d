//! The settings of a gRPC port and how they become tonic's.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::config::{ByteSize, ConfigError, HumanDuration, empty_as_none};

/// The settings of one gRPC port. Every limit is set explicitly, because tonic's "none" removes hyper's safe default.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrpcConfig {
    /// Address and port. Default `127.0.0.1:0`, any free port; roles have their own.
    pub listen: SocketAddr,
    /// Largest message that is decoded. Default 8 MiB. tonic knows it for each service only: callers apply it, see
    /// [`GrpcConfig::max_decoding_message_size`].
    pub max_message_in: ByteSize,
    /// Largest message that is sent. Default 4 MiB, what clients take unless told otherwise. Applied by callers, too.
    pub max_message_out: ByteSize,
    /// Largest list of headers of one request, decoded. Default 16 KiB.
    pub max_header_list: ByteSize,
    /// Streams (calls) open at once on one connection. Default 10,000, high on purpose: a client that reaches it hangs without an
    /// error, and one handler process or watcher may well hold thousands.
    pub max_concurrent_streams: u32,
    /// Calls of one connection that are being answered at once; more wait. Default 10,000. A long poll counts all the time.
    pub max_concurrent_requests: usize,
    /// Connections of this port. Default 10,000. More are closed at once, which a client sees as UNAVAILABLE.
    pub max_connections: usize,
    /// A connection that is silent for this long gets a ping. Default 30 s; 0 sends none.
    pub keepalive_interval: HumanDuration,
    /// A ping that is not answered within this time closes the connection. Default 10 s.
    pub keepalive_timeout: HumanDuration,
    /// After this time, ± 10 %, a connection is told to go away, so that clients spread over new replicas. Default 30 min;
    /// 0 is for ever.
    pub max_connection_age: HumanDuration,
    /// How long its calls may then still run before it is cut. Default 30 s.
    pub max_connection_age_grace: HumanDuration,
    /// How long a TLS handshake may take, and on any port the first byte. Default 5 s.
    pub handshake_timeout: HumanDuration,
    /// Streams that a client reset before we looked at them (rapid reset attack). Default 20.
    pub max_pending_accept_reset_streams: usize,
    /// Streams that we reset because of a client's errors. Default 1,024.
    pub max_local_error_reset_streams: usize,
    /// Certificates; none is plaintext.
    pub tls: TlsConfig,
}

impl Default for GrpcConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            max_message_in: ByteSize::from_mib(8),
            max_message_out: ByteSize::from_mib(4),
            max_header_list: ByteSize::from_kib(16),
            max_concurrent_streams: 10_000,
            max_concurrent_requests: 10_000,
            max_connections: 10_000,
            keepalive_interval: HumanDuration::from_secs(30),
            keepalive_timeout: HumanDuration::from_secs(10),
            max_connection_age: HumanDuration::from_secs(30 * 60),
            max_connection_age_grace: HumanDuration::from_secs(30),
            handshake_timeout: HumanDuration::from_secs(5),
            max_pending_accept_reset_streams: 20,
            max_local_error_reset_streams: 1024,
            tls: TlsConfig::default(),
        }
    }
}

impl GrpcConfig {
    /// For `max_decoding_message_size` of each generated server.
    #[must_use]
    pub fn max_decoding_message_size(&self) -> usize {
        self.max_message_in.as_usize()
    }

    /// For `max_encoding_message_size` of each generated server.
    #[must_use]
    pub fn max_encoding_message_size(&self) -> usize {
        self.max_message_out.as_usize()
    }

    /// Whether the port could be served with this, without opening it: reads the certificates. Call it before any port is opened.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.server().map(drop)
    }

    /// The tonic server for one connection. Fails if a certificate cannot be read or used.
    pub(super) fn server(&self) -> Result<Server, ConfigError> {
        let server = Server::builder()
            // Health probes, curl and later the JSON mapping come over HTTP/1.1.
            .accept_http1(true)
            .max_concurrent_streams(self.max_concurrent_streams)
            .concurrency_limit_per_connection(self.max_concurrent_requests)
            .http2_max_header_list_size(u32::try_from(self.max_header_list.bytes()).unwrap_or(u32::MAX))
            .http2_keepalive_interval(Some(self.keepalive_interval.get()).filter(|interval| !interval.is_zero()))
            .http2_keepalive_timeout(Some(self.keepalive_timeout.get()))
            .http2_max_pending_accept_reset_streams(Some(self.max_pending_accept_reset_streams))
            .http2_max_local_error_reset_streams(Some(self.max_local_error_reset_streams));
        // Not set: windows (hyper's defaults), a request timeout (calls may poll for a minute, streams live for hours), connection age
        // and TCP_NODELAY (see `connection`).
        match self.tls.load(self.handshake_timeout.get())? {
            None => Ok(server),
            Some(tls) => server.tls_config(tls).map_err(|error| {
                ConfigError::rule(format!("tls: the certificate cannot be used: {}", root_cause(&error)))
            }),
        }
    }
}

/// Certificates as PEM files. Nothing set is plaintext.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// The server's certificate chain. `""` for plaintext.
    #[serde(deserialize_with = "empty_as_none")]
    pub cert: Option<PathBuf>,
    /// Its private key. `""` for plaintext.
    #[serde(deserialize_with = "empty_as_none")]
    pub key: Option<PathBuf>,
    /// If set, clients must show a certificate that one of these authorities signed.
    #[serde(deserialize_with = "empty_as_none")]
    pub client_ca: Option<PathBuf>,
}

impl TlsConfig {
    /// Whether the port speaks TLS.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.cert.is_some() || self.key.is_some() || self.client_ca.is_some()
    }

    /// None for plaintext. Fails on half a configuration or a file that cannot be read: better than a port that is less safe than meant.
    pub fn load(&self, handshake_timeout: Duration) -> Result<Option<ServerTlsConfig>, ConfigError> {
        let (cert, key) = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => (cert, key),
            (Some(_), None) => return Err(ConfigError::rule("tls.cert is set but tls.key is not")),
            (None, Some(_)) => return Err(ConfigError::rule("tls.key is set but tls.cert is not")),
            (None, None) if self.client_ca.is_some() => {
                return Err(ConfigError::rule(
                    "tls.client_ca is set but tls.cert and tls.key are not",
                ));
            }
            (None, None) => return Ok(None),
        };
        let identity = Identity::from_pem(read("tls.cert", cert)?, read("tls.key", key)?);
        let tls = ServerTlsConfig::new().identity(identity).timeout(handshake_timeout);
        Ok(Some(match &self.client_ca {
            None => tls,
            Some(path) => tls.client_ca_root(Certificate::from_pem(read("tls.client_ca", path)?)),
        }))
    }
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    fs::read(path).map_err(|error| ConfigError::rule(format!("{key}: cannot read {}: {error}", path.display())))
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
