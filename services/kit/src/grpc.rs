//! The gRPC port of a process: every limit set explicitly, TLS, standard services, metrics, and a shutdown that ends.
//!
//! Each accepted connection is served by a tonic `Server` of its own. tonic's shared accept loop cannot do three things we need:
//! with `max_connection_age_grace` set, tonic 0.14.9 never sends GOAWAY but cuts the connection when age and grace are over, so calls
//! die at random; it has no jitter, so clients that connected together return together; and its graceful shutdown may never end
//! (hyper issue 4170). Here a connection is told to go away at its own jittered age, and cut at the TCP level once its grace is over.
//!
//! ```text
//!  bind ──▶ accept ──▶ connection: serving ──age or shutdown──▶ GOAWAY, draining ──grace──▶ cut
//! ```

mod bind;
mod config;
mod connection;
mod io;
mod observe;
mod routes;
mod serve;

pub use self::{
    bind::{BindError, bind},
    config::{GrpcConfig, TlsConfig},
    routes::{RoutesError, routes_with_standard_services},
    serve::{ServeError, ServeReport, ServerContext, serve},
};
pub(crate) use self::{connection::Listen, serve::accept};

#[cfg(test)]
mod tests;
