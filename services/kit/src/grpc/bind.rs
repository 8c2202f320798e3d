//! Opening the port, apart from serving it: port 0 works, and the address in use can be shown before anything is served.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;

/// A port could not be opened. The message names the setting to change.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({key}): {}", explain(.source))]
pub struct BindError {
    /// The address asked for.
    pub address: SocketAddr,
    /// The configuration key that holds it.
    pub key: String,
    /// What the system said.
    pub source: io::Error,
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is in use; stop the process that uses it, or set another address (port 0 takes any free one)"
                .to_owned()
        }
        io::ErrorKind::PermissionDenied => "not permitted; ports below 1024 need privileges".to_owned(),
        io::ErrorKind::AddrNotAvailable => "no interface of this machine has the address".to_owned(),
        _ => error.to_string(),
    }
}

/// Opens a port. `key` is the configuration key of the address (e.g. `gateway.listen`), for the error.
pub async fn bind(address: SocketAddr, key: &str) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError {
        address,
        key: key.to_owned(),
        source,
    })
}
