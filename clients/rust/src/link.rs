//! One address: its channel, and what the calls over it share.

use std::{sync::Arc, time::Duration};

use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use crate::{Error, Tls, retry::Line};

/// A silent peer is given up after about half a minute, so that a watch notices a network that swallows packets.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) type Service = InterceptedService<Channel, Credentials>;

/// One address of a server.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) address: String,
    pub(crate) line: Arc<Line>,
    endpoint: Endpoint,
    credentials: Credentials,
    channel: Channel,
}

impl Link {
    /// Connects with the first call.
    pub(crate) fn new(
        url: &str,
        connect_timeout: Duration,
        user_agent: &str,
        tls: &Tls,
        credentials: &Credentials,
    ) -> Result<Self, Error> {
        let address = normalized(url)?;
        let refused =
            |error: tonic::transport::Error| Error::invalid(format!("address `{url}`: {}", root_cause(&error)));
        let mut endpoint = Endpoint::from_shared(address.clone())
            .and_then(|endpoint| endpoint.user_agent(user_agent))
            .map_err(refused)?
            .connect_timeout(connect_timeout)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
        if address.starts_with("https://") {
            endpoint = endpoint.tls_config(tls.config()).map_err(refused)?;
        }
        Ok(Self {
            channel: endpoint.connect_lazy(),
            address,
            line: Arc::default(),
            endpoint,
            credentials: credentials.clone(),
        })
    }

    pub(crate) fn service(&self) -> Service {
        InterceptedService::new(self.channel.clone(), self.credentials.clone())
    }

    /// A connection of its own, so that whoever balances the load may choose anew.
    pub(crate) fn fresh(&self) -> Service {
        InterceptedService::new(self.endpoint.connect_lazy(), self.credentials.clone())
    }
}

impl Tls {
    fn config(&self) -> ClientTlsConfig {
        let mut config = ClientTlsConfig::new();
        config = match &self.ca {
            Some(pem) => config.ca_certificate(Certificate::from_pem(pem)),
            None => config.with_native_roots(),
        };
        if let Some((cert, key)) = &self.identity {
            config = config.identity(Identity::from_pem(cert, key));
        }
        match &self.domain {
            Some(domain) => config.domain_name(domain),
            None => config,
        }
    }
}

/// What is sent along with every call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Credentials {
    authorization: Option<MetadataValue<Ascii>>,
}

impl Credentials {
    pub(crate) fn bearer(token: &str) -> Result<Self, Error> {
        // The token itself must never be part of a message.
        let mut value: MetadataValue<Ascii> = format!("Bearer {token}")
            .parse()
            .map_err(|_| Error::invalid("token: holds characters that no header may have"))?;
        value.set_sensitive(true);
        Ok(Self {
            authorization: Some(value),
        })
    }
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.authorization {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// `localhost:7440` means `http://localhost:7440`.
fn normalized(url: &str) -> Result<String, Error> {
    match url.split_once("://") {
        None if !url.is_empty() => Ok(format!("http://{url}")),
        Some(("http" | "https", _)) => Ok(url.trim_end_matches('/').to_owned()),
        _ => Err(Error::invalid(format!(
            "address `{url}`: write http://HOST:PORT, or https://HOST:PORT for TLS"
        ))),
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(normalized("localhost:7440").expect("address"), "http://localhost:7440");
        assert_eq!(normalized("https://a:1/").expect("address"), "https://a:1");
        for url in ["", "ftp://a"] {
            let error = normalized(url).expect_err("refused").to_string();
            assert!(
                error.contains(&format!("`{url}`")) && error.contains("http://HOST:PORT"),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_named() {
        let link = Link::new(
            "http://a b",
            Duration::ZERO,
            "t",
            &Tls::default(),
            &Credentials::default(),
        );
        assert!(link.expect_err("refused").to_string().contains("`http://a b`"));
    }

    #[test]
    fn a_token_never_shows() {
        let credentials = Credentials::bearer("secret").expect("token");
        assert!(!format!("{credentials:?}").contains("secret"));
        let error = Credentials::bearer("sec\nret").expect_err("refused");
        assert!(!error.to_string().contains("sec"));
    }
}
