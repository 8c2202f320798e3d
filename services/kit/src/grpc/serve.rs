//! Accepting connections until the shutdown, then seeing them off.

use std::{io::ErrorKind, net::IpAddr, time::Duration};

use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;

use super::{config::GrpcConfig, connection::Listen, observe::GrpcMetrics};
use crate::{
    config::ConfigError,
    health::{Health, SERVING},
    metrics::Metrics,
    shutdown::Shutdown,
    supervisor::{OnError, OnStop, Supervisor, TaskPolicy},
    trace::Tracing,
};

/// How long accepting pauses when the system refuses (no more file descriptors, mostly), instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Added to the grace before connections that do not even end when cut are given up.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// What every port of a process shares. Make one for each process: it registers the gRPC metrics.
#[derive(Debug, Clone)]
pub struct ServerContext {
    /// Told when the port listens, and when the shutdown begins.
    pub health: Health,
    /// Ends the ports.
    pub shutdown: Shutdown,
    /// Runs the connections.
    pub supervisor: Supervisor,
    /// Shown by the admin port.
    pub metrics: Metrics,
    /// Where spans go.
    pub tracing: Tracing,
    pub(super) grpc_metrics: GrpcMetrics,
}

impl ServerContext {
    /// Bundles the parts and registers `tidemill_grpc_*`.
    #[must_use]
    pub fn new(health: Health, shutdown: Shutdown, supervisor: Supervisor, metrics: Metrics) -> Self {
        let grpc_metrics = GrpcMetrics::new(&metrics);
        Self {
            health,
            shutdown,
            supervisor,
            metrics,
            tracing: Tracing::default(),
            grpc_metrics,
        }
    }

    /// Sends spans there, those of its calls included.
    #[must_use]
    pub fn with_tracing(mut self, tracing: Tracing) -> Self {
        self.grpc_metrics = self.grpc_metrics.with_tracing(tracing.clone());
        self.tracing = tracing;
        self
    }

    /// A context with new parts, for programs that need no others.
    #[must_use]
    pub fn standalone() -> Self {
        let (shutdown, metrics) = (Shutdown::new(), Metrics::new());
        let supervisor = Supervisor::new(shutdown.clone(), &metrics);
        Self::new(Health::new(), shutdown, supervisor, metrics)
    }
}

/// A port could not be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Certificates are missing or unusable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The listener is not usable.
    #[error("cannot serve: {0}")]
    Listener(#[from] std::io::Error),
}

/// How the shutdown of a port went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServeReport {
    /// Connections that did not even end when they were cut, and end with the process.
    pub connections_left: usize,
}

/// Serves `routes` (see [`super::routes_with_standard_services`]) until the shutdown begins, and then for at most `grace` + 2 s:
/// no new connections, GOAWAY on the open ones, and when `grace` is over they are cut. Calls that wait on something must watch the
/// shutdown themselves and end early, or they use up the grace.
///
/// Sets the health condition [`SERVING`] while it accepts. The first thing of a shutdown is that readiness goes.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    config: &GrpcConfig,
    context: &ServerContext,
    grace: Duration,
) -> Result<ServeReport, ServeError> {
    let address = listener.local_addr()?;
    let tls = config.tls.is_enabled();
    if !tls && !is_loopback(address.ip()) {
        tracing::warn!(%address, "plaintext on an address that is not loopback: anybody on the way can read and change what is sent");
    }
    let listen = Listen::new(config, routes, context.shutdown.clone(), grace)?;
    context.health.set_ready(SERVING);
    tracing::info!(%address, tls, "serving gRPC");
    let report = accept(listener, listen, config.max_connections, "grpc-connection", context).await;
    if report.connections_left > 0 {
        tracing::warn!(%address, connections = report.connections_left, "connections did not end in time");
    }
    Ok(report)
}

/// The accept loop, shared with the admin port.
pub(crate) async fn accept(
    listener: TcpListener,
    listen: Listen,
    max_connections: usize,
    name: &'static str,
    context: &ServerContext,
) -> ServeReport {
    let connections = TaskTracker::new();
    let policy = TaskPolicy {
        on_error: OnError::Log,
        on_stop: OnStop::Abort,
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = listen.stop().requested() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((_, peer)) if connections.len() >= max_connections => {
                tracing::warn!(%peer, max_connections, "too many connections: closed a new one");
            }
            Ok((stream, peer)) => {
                let connection = listen.clone().serve(stream);
                context.supervisor.spawn(
                    policy,
                    name,
                    connections.track_future(async move {
                        if connection.await {
                            tracing::debug!(%peer, "connection cut");
                        }
                    }),
                );
            }
            // The client went away while it waited to be accepted.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // Closes the port: new clients are refused at once and go elsewhere, rather than wait in its backlog.
    drop(listener);
    context.health.begin_shutdown();
    connections.close();
    let _ = tokio::time::timeout(listen.stop_grace() + LAST_WAIT, connections.wait()).await;
    ServeReport {
        connections_left: connections.len(),
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}
