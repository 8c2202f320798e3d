//! The life of one connection: serve, ask to go away, cut.

use std::{
    hash::{BuildHasher, RandomState},
    io,
    time::Duration,
};

use tokio::net::TcpStream;
use tokio_stream::StreamExt;
use tonic::{service::Routes, transport::Server};

use super::{config::GrpcConfig, io::Socket};
use crate::{config::ConfigError, shutdown::Shutdown};

/// After a cut everything ends at the next read or write; this bounds the wait for code that does neither.
const CUT_WAIT: Duration = Duration::from_secs(1);

/// All that a connection needs; cloned for each.
#[derive(Clone)]
pub(crate) struct Listen {
    server: Server,
    routes: Routes,
    /// Begins when connections should end.
    stop: Shutdown,
    /// How long they may then drain.
    stop_grace: Duration,
    age: Duration,
    age_grace: Duration,
    first_byte_timeout: Duration,
}

impl Listen {
    pub(crate) fn new(
        config: &GrpcConfig,
        routes: Routes,
        stop: Shutdown,
        stop_grace: Duration,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            server: config.server()?,
            routes: routes.prepare(),
            stop,
            stop_grace,
            age: config.max_connection_age.get(),
            age_grace: config.max_connection_age_grace.get(),
            first_byte_timeout: config.handshake_timeout.get(),
        })
    }

    pub(super) fn stop(&self) -> &Shutdown {
        &self.stop
    }

    pub(super) fn stop_grace(&self) -> Duration {
        self.stop_grace
    }

    /// Serves one connection until it is closed. True if it had to be cut.
    pub(super) async fn serve(self, stream: TcpStream) -> bool {
        // tonic sets this only on sockets that it accepted itself. Failing is harmless: the peer is gone, or answers come later.
        let _ = stream.set_nodelay(true);
        let (socket, events) = Socket::new(stream);
        // If this future is dropped, the connection, which tonic spawned, ends too.
        let cut = events.cut.clone().drop_guard();
        let incoming = tokio_stream::once(Ok::<_, io::Error>(socket)).chain(tokio_stream::pending());
        // tonic returns only after its signal, so the end of the socket is one, too.
        let go_away = Shutdown::new();
        let (signal, closed) = (go_away.requested_owned(), events.closed.clone());
        let serving = self
            .server
            .serve_with_incoming_shutdown(self.routes, incoming, async move {
                tokio::select! {
                    () = signal => {}
                    () = closed.cancelled() => {}
                }
            });
        let mut serving = std::pin::pin!(serving);

        let silent = async {
            tokio::time::sleep(self.first_byte_timeout).await;
            if events.first_byte.is_cancelled() {
                std::future::pending::<()>().await;
            }
        };
        let grace = tokio::select! {
            _ = &mut serving => return false,
            () = silent => Duration::ZERO,
            () = self.stop.requested() => self.stop_grace,
            () = sleep_unless_zero(jittered(self.age)) => self.age_grace,
        };
        go_away.begin();
        let shutdown_over = async {
            self.stop.requested().await;
            tokio::time::sleep(self.stop_grace).await;
        };
        tokio::select! {
            _ = &mut serving => return false,
            () = tokio::time::sleep(grace) => {}
            // A shutdown that begins while an old connection drains may be the shorter of the two.
            () = shutdown_over => {}
        }
        drop(cut);
        let _ = tokio::time::timeout(CUT_WAIT, serving).await;
        true
    }
}

async fn sleep_unless_zero(time: Duration) {
    if time.is_zero() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(time).await;
}

/// Within 10 % of `age`, evenly.
fn jittered(age: Duration) -> Duration {
    // The standard hasher's keys are random: good enough to spread connections, and no dependency.
    let spread = RandomState::new().hash_one(()) % 2001;
    let spread = u32::try_from(spread).unwrap_or(1000);
    age.mul_f64(0.9 + f64::from(spread) / 10_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_a_tenth() {
        let age = Duration::from_secs(1000);
        let ages: Vec<_> = (0..1000).map(|_| jittered(age)).collect();
        assert!(
            ages.iter()
                .all(|a| (Duration::from_secs(900)..=Duration::from_secs(1100)).contains(a))
        );
        assert!(ages.iter().any(|a| *a < age) && ages.iter().any(|a| *a > age));
    }
}
