//! How a client is set up.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    Client, Error, TraceContext,
    client::Shared,
    link::{Credentials, Link},
    proto_time::bounded,
    retry::Limits,
};

/// Where `tidemill dev` serves.
pub const DEFAULT_URL: &str = "http://127.0.0.1:7440";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_USER_AGENT: &str = concat!("tidemill-rust/", env!("CARGO_PKG_VERSION"));

/// Sets up a [`Client`].
#[must_use]
pub struct ClientBuilder {
    url: String,
    results_url: Option<String>,
    worker_url: Option<String>,
    tls: Tls,
    token: Option<String>,
    timeout: Duration,
    max_tries: Option<u32>,
    user_agent: String,
    trace: Option<TraceSource>,
}

pub(crate) type TraceSource = Arc<dyn Fn() -> Option<TraceContext> + Send + Sync>;

/// How addresses that begin with `https://` are trusted. By default the authorities that the operating system trusts are.
#[derive(Clone, Default)]
#[must_use]
pub struct Tls {
    pub(crate) ca: Option<Vec<u8>>,
    pub(crate) identity: Option<(Vec<u8>, Vec<u8>)>,
    pub(crate) domain: Option<String>,
}

impl Tls {
    /// Trusts these authorities (PEM), and no others.
    pub fn ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca = Some(pem.into());
        self
    }

    /// Shows this certificate (PEM, with its chain) to a server that asks for one, and proves it with this key (PEM).
    pub fn identity(mut self, cert: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.identity = Some((cert.into(), key.into()));
        self
    }

    /// Expects this name in the server's certificate instead of the address's host.
    pub fn domain(mut self, name: impl Into<String>) -> Self {
        self.domain = Some(name.into());
        self
    }
}

/// Without the key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("ca", &self.ca.is_some())
            .field("identity", &self.identity.is_some())
            .field("domain", &self.domain)
            .finish()
    }
}

impl ClientBuilder {
    pub(crate) fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            results_url: None,
            worker_url: None,
            tls: Tls::default(),
            token: None,
            timeout: DEFAULT_TIMEOUT,
            max_tries: None,
            user_agent: DEFAULT_USER_AGENT.to_owned(),
            trace: None,
        }
    }

    /// Address of the results role, where it has one of its own.
    pub fn results_url(mut self, url: impl Into<String>) -> Self {
        self.results_url = Some(url.into());
        self
    }

    /// Address of the worker role, where it has one of its own.
    pub fn worker_url(mut self, url: impl Into<String>) -> Self {
        self.worker_url = Some(url.into());
        self
    }

    /// How `https://` addresses are trusted.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Sends `authorization: Bearer <token>` with every call. Over `http://` it can be read on the way.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Longest time for one unary call, all its tries included. Without it: 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = bounded(timeout);
        self
    }

    /// Most tries of one unary call. Without it: as many as the timeout and the retry budget allow, so that a call outlives a restart of
    /// the server. A program that a person waits for may want fewer.
    pub fn max_tries(mut self, tries: u32) -> Self {
        self.max_tries = Some(tries.max(1));
        self
    }

    /// Name of the program in the server's logs.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Where the trace context of an enqueued task comes from, if the task has none of its own: e.g. the current span of your tracing
    /// library. If this answers `None`, a task that a handler enqueues carries the handler's on.
    pub fn trace_context(mut self, source: impl Fn() -> Option<TraceContext> + Send + Sync + 'static) -> Self {
        self.trace = Some(Arc::new(source));
        self
    }

    /// Checks the addresses and certificates. Connects with the first call. Needs a running Tokio runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with the field that is wrong.
    pub fn build(self) -> Result<Client, Error> {
        let credentials = self
            .token
            .as_deref()
            .map_or_else(|| Ok(Credentials::default()), Credentials::bearer)?;
        let gateway = Link::new(&self.url, self.timeout, &self.user_agent, &self.tls, &credentials)?;
        let other = |url: Option<&String>| match url.filter(|url| !url.is_empty() && **url != self.url) {
            Some(url) => Link::new(url, self.timeout, &self.user_agent, &self.tls, &credentials),
            None => Ok(gateway.clone()),
        };
        let (results, worker) = (other(self.results_url.as_ref())?, other(self.worker_url.as_ref())?);
        let limits = Limits {
            deadline: self.timeout,
            tries: self.max_tries,
        };
        Ok(Client::of(Shared {
            gateway,
            results,
            worker,
            limits,
            trace: self.trace,
        }))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
