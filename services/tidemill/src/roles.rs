//! Which roles a process runs, on which ports.

use std::net::SocketAddr;

use tidemill_kit::grpc::{RoutesError, ServerContext, routes_with_standard_services};
use tidemill_store::Store;
use tonic::service::{Routes, RoutesBuilder};

use crate::{args::Role, settings::Settings};

/// One port and the roles behind it.
pub(crate) struct Port {
    pub(crate) listen: SocketAddr,
    /// The option that sets it, for the error about a busy port.
    pub(crate) key: &'static str,
    pub(crate) roles: Vec<Role>,
}

impl Port {
    /// A port for each role that has one.
    pub(crate) fn each(roles: &[Role], settings: &Settings) -> Vec<Self> {
        let port = |role: &Role| {
            let (listen, key) = match role {
                Role::Gateway => (settings.gateway.listen, "gateway.listen"),
                Role::Worker => (settings.worker.ports.listen, "worker.listen"),
                Role::Results => (settings.results.ports.listen, "results.listen"),
                Role::Maintenance => return None,
            };
            Some(Self {
                listen,
                key,
                roles: vec![*role],
            })
        };
        roles.iter().filter_map(port).collect()
    }

    /// One port for all of them.
    pub(crate) fn all(settings: &Settings) -> Self {
        Self {
            listen: settings.gateway.listen,
            key: "gateway.listen",
            roles: vec![Role::Gateway, Role::Worker, Role::Results],
        }
    }

    /// The admin port of the process: that of its first role.
    pub(crate) fn admin(roles: &[Role], settings: &Settings) -> (SocketAddr, &'static str) {
        match roles.first() {
            Some(Role::Gateway) | None => (settings.gateway.admin_listen, "gateway.admin_listen"),
            Some(Role::Worker) => (settings.worker.ports.admin_listen, "worker.admin_listen"),
            Some(Role::Results) => (settings.results.ports.admin_listen, "results.admin_listen"),
            Some(Role::Maintenance) => (settings.maintenance.admin_listen, "maintenance.admin_listen"),
        }
    }
}

/// The roles of this process.
pub(crate) struct Roles {
    gateway: Option<tidemill_gateway::Service>,
    worker: Option<tidemill_worker::Service>,
    results: Option<tidemill_results::Service>,
}

impl Roles {
    /// Makes and starts them. Maintenance runs beside gateway and worker, so that delayed tasks wake a fleet that was scaled to zero,
    /// and wherever it is asked for.
    pub(crate) fn start(roles: &[Role], settings: &Settings, store: &Store, context: &ServerContext) -> Self {
        let has = |role| roles.contains(&role);
        if has(Role::Gateway) || has(Role::Worker) || has(Role::Maintenance) {
            let config = settings.maintenance.config.clone();
            tidemill_maintenance::Service::new(config, store.clone(), context).start();
        }
        Self {
            gateway: has(Role::Gateway).then(|| {
                tidemill_gateway::Service::new(
                    settings.limits.admission.clone(),
                    store.clone(),
                    settings.enqueue_defaults(),
                    context,
                )
            }),
            worker: has(Role::Worker).then(|| {
                let config = settings.worker.config.clone();
                tidemill_worker::Service::new(config, store.clone(), settings.enqueue_defaults(), context)
            }),
            results: has(Role::Results)
                .then(|| tidemill_results::Service::new(settings.results.config.clone(), store.clone(), context)),
        }
    }

    /// The services of one port.
    pub(crate) fn routes(
        &self,
        port: &Port,
        settings: &Settings,
        context: &ServerContext,
    ) -> Result<Routes, RoutesError> {
        let grpc = settings.grpc(port.listen);
        let mut builder = RoutesBuilder::default();
        if let Some(gateway) = self.gateway.as_ref().filter(|_| port.roles.contains(&Role::Gateway)) {
            gateway.register(&mut builder, &grpc);
        }
        if let Some(worker) = self.worker.as_ref().filter(|_| port.roles.contains(&Role::Worker)) {
            worker.register(&mut builder, &grpc);
        }
        if let Some(results) = self.results.as_ref().filter(|_| port.roles.contains(&Role::Results)) {
            results.register(&mut builder, &grpc);
        }
        routes_with_standard_services(builder, context, &[tidemill_proto::FILE_DESCRIPTOR_SET])
    }

    /// Sees off what runs: all roles at the same time, since each waits for clients of its own.
    pub(crate) async fn drain(&self) {
        let gateway = async {
            if let Some(role) = &self.gateway {
                role.drain().await;
            }
        };
        let worker = async {
            if let Some(role) = &self.worker {
                role.drain().await;
            }
        };
        let results = async {
            if let Some(role) = &self.results {
                role.drain().await;
            }
        };
        tokio::join!(gateway, worker, results);
    }
}
