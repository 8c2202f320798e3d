//! The private port: probes and metrics, in plaintext, for the orchestrator and the scraper. Never expose it.
//!
//! | path | answer |
//! |---|---|
//! | `/livez` | 200 as long as the process runs: liveness does not depend on Redis |
//! | `/readyz` | 200, or 503 with one line for each condition that does not hold |
//! | `/metrics` | OpenMetrics |
//! | `grpc.health.v1` | the same over gRPC; service `liveness` is always SERVING |

use std::time::Duration;

use axum::{
    Router, extract::State, http::StatusCode, http::header::CONTENT_TYPE, response::IntoResponse, routing::get,
};
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::{
    grpc::{GrpcConfig, Listen, ServeError, ServerContext, accept},
    health::Health,
    metrics::{self, Metrics},
    shutdown::Shutdown,
};

/// Serves the admin port until dropped: it must answer during a shutdown, too, so spawn it with `OnStop::Abort`.
pub async fn serve(listener: TcpListener, context: &ServerContext) -> Result<(), ServeError> {
    tracing::info!(address = %listener.local_addr()?, "serving admin");
    let config = GrpcConfig::default();
    // Never begun: probes must be answered until the end.
    let listen = Listen::new(&config, routes(context), Shutdown::new(), Duration::ZERO)?;
    accept(listener, listen, MAX_CONNECTIONS, "admin-connection", context).await;
    Ok(())
}

/// Probes and scrapers need few; more is a mistake that should not use up file descriptors.
const MAX_CONNECTIONS: usize = 256;

fn routes(context: &ServerContext) -> Routes {
    let grpc = Routes::new(context.health.service())
        .into_axum_router()
        .reset_fallback();
    let http = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz).with_state(context.health.clone()))
        .route("/metrics", get(scrape).with_state(context.metrics.clone()));
    Routes::from(http.merge(grpc))
}

async fn readyz(State(health): State<Health>) -> (StatusCode, String) {
    match health.readiness() {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(unmet) => {
            let lines = unmet
                .iter()
                .map(|(name, reason)| format!("{name}: {reason}\n"))
                .collect();
            (StatusCode::SERVICE_UNAVAILABLE, lines)
        }
    }
}

async fn scrape(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics.encode())
}
