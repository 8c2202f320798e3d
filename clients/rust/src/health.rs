//! Whether a server serves, by the standard health protocol (`grpc.health.v1`).

use std::fmt;

use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::{Client, Error, link::Link, retry};

/// What a server says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// It serves.
    Serving,
    /// It runs, but does not serve: it starts, drains, or cannot reach its store.
    NotServing,
    /// It does not know.
    Unknown,
}

impl Client {
    /// Whether the gateway's address serves. Empty `service`: the process as a whole; else the full name of a gRPC service.
    ///
    /// # Errors
    /// If it cannot be asked, or does not have that service.
    pub async fn health(&self, service: &str) -> Result<Health, Error> {
        self.health_of(&self.shared().gateway, service).await
    }

    /// The same of the results role's address.
    ///
    /// # Errors
    /// As of [`health`](Self::health).
    pub async fn results_health(&self, service: &str) -> Result<Health, Error> {
        self.health_of(&self.shared().results, service).await
    }

    /// The same of the worker role's address.
    ///
    /// # Errors
    /// As of [`health`](Self::health).
    pub async fn worker_health(&self, service: &str) -> Result<Health, Error> {
        self.health_of(&self.shared().worker, service).await
    }

    async fn health_of(&self, link: &Link, service: &str) -> Result<Health, Error> {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let send = |request| {
            let mut stub = HealthClient::new(link.service());
            async move { stub.check(request).await }
        };
        let answer = retry::call(&link.line, &link.address, self.shared().limits, request, send).await?;
        Ok(match answer.status() {
            ServingStatus::Serving => Health::Serving,
            ServingStatus::NotServing => Health::NotServing,
            ServingStatus::Unknown | ServingStatus::ServiceUnknown => Health::Unknown,
        })
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Serving => "SERVING",
            Self::NotServing => "NOT_SERVING",
            Self::Unknown => "UNKNOWN",
        })
    }
}
