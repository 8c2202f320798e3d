//! Options that every client command has.

use std::{ffi::OsString, fs, path::Path, time::Duration};

use clap::{Args, ValueEnum};
use tidemill_client::{Client, ClientBuilder, DEFAULT_URL, Tls};

use crate::{Error, duration::parse_duration, paint::Color};

/// A person waits: a server that is away is told in well under a second.
const TRIES: u32 = 4;
const USER_AGENT: &str = concat!("tidemill-cli/", env!("CARGO_PKG_VERSION"));
/// Not a flag: the arguments of a process can be seen by everybody on the machine.
const TOKEN_VARIABLE: &str = "TIDEMILL_TOKEN";

/// Where the server is, how long to wait for it, and how to print. Flattened into every client command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection and output")]
pub struct ClientOptions {
    /// Address of the server: http://HOST:PORT, or https://HOST:PORT for TLS
    #[arg(long, env = "TIDEMILL_URL", hide_env_values = true, value_name = "URL", default_value = DEFAULT_URL)]
    url: String,
    /// Address of the results role, where it has one of its own [default: --url]
    #[arg(long, env = "TIDEMILL_RESULTS_URL", hide_env_values = true, value_name = "URL")]
    results_url: Option<String>,
    /// Address of the worker role, where it has one of its own [default: --url]
    #[arg(long, env = "TIDEMILL_WORKER_URL", hide_env_values = true, value_name = "URL")]
    worker_url: Option<String>,
    /// Longest time for one call, its retries included; for a stream: to open it
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub(crate) timeout: Duration,
    /// With https: trust the authorities in this file (PEM) and no others [default: those that the system trusts]
    #[arg(long, env = "TIDEMILL_CA", hide_env_values = true, value_name = "FILE")]
    ca: Option<OsString>,
    /// With https: certificate (PEM) for a server that asks for one
    #[arg(
        long,
        env = "TIDEMILL_CERT",
        hide_env_values = true,
        value_name = "FILE",
        requires = "cert_key"
    )]
    cert: Option<OsString>,
    /// Private key (PEM) of --cert
    #[arg(
        long,
        env = "TIDEMILL_CERT_KEY",
        hide_env_values = true,
        value_name = "FILE",
        requires = "cert"
    )]
    cert_key: Option<OsString>,
    /// With https: expect this name in the server's certificate [default: the host of the address]
    #[arg(long, value_name = "NAME")]
    tls_domain: Option<String>,
    /// Send the token in this file as the credential [default: the token in TIDEMILL_TOKEN, if set]
    #[arg(long, env = "TIDEMILL_TOKEN_FILE", hide_env_values = true, value_name = "FILE")]
    token_file: Option<OsString>,
    /// How to print data
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "text")]
    pub(crate) output: OutputFormat,
    /// When to use colour; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people, one line for each event
    Text,
    /// One JSON document: an object, or an array where there may be several answers; with the names of the contract's JSON mapping
    Json,
    /// The same objects as they come, one on each line
    Jsonl,
}

impl ClientOptions {
    /// A client that soon says that the server is away.
    pub(crate) fn client(&self) -> Result<Client, Error> {
        Ok(self.builder()?.max_tries(TRIES).build()?)
    }

    /// A client with as many tries as the timeout allows, unless something else is set.
    pub(crate) fn builder(&self) -> Result<ClientBuilder, Error> {
        let mut builder = Client::builder(self.url())
            .results_url(self.results_url())
            .worker_url(self.worker_url())
            .timeout(self.timeout)
            .user_agent(USER_AGENT)
            .tls(self.tls()?);
        if let Some(token) = self.token()? {
            builder = builder.token(token);
        }
        Ok(builder)
    }

    /// An empty variable counts as an absent one, here and below, as it does in a shell.
    pub(crate) fn url(&self) -> &str {
        if self.url.is_empty() { DEFAULT_URL } else { &self.url }
    }

    /// The address that answers for results.
    pub(crate) fn results_url(&self) -> &str {
        given(self.results_url.as_deref()).unwrap_or(self.url())
    }

    /// The address that handler processes work for.
    pub(crate) fn worker_url(&self) -> &str {
        given(self.worker_url.as_deref()).unwrap_or(self.url())
    }

    fn tls(&self) -> Result<Tls, Error> {
        let mut tls = Tls::default();
        if let Some(ca) = path(&self.ca) {
            tls = tls.ca(read_pem("--ca", ca, "CERTIFICATE")?);
        }
        if let (Some(cert), Some(key)) = (path(&self.cert), path(&self.cert_key)) {
            tls = tls.identity(
                read_pem("--cert", cert, "CERTIFICATE")?,
                read_pem("--cert-key", key, "PRIVATE KEY")?,
            );
        }
        if let Some(name) = given(self.tls_domain.as_deref()) {
            tls = tls.domain(name);
        }
        Ok(tls)
    }

    fn token(&self) -> Result<Option<String>, Error> {
        let Some(file) = path(&self.token_file) else {
            return Ok(std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()));
        };
        let text = fs::read_to_string(file).map_err(|error| unreadable("--token-file", file, &error))?;
        match text.trim() {
            "" => Err(Error::Usage(format!("--token-file {} is empty", file.display()))),
            token => Ok(Some(token.to_owned())),
        }
    }
}

fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn path(value: &Option<OsString>) -> Option<&Path> {
    value.as_deref().filter(|value| !value.is_empty()).map(Path::new)
}

/// A file without what it should hold would make a client that trusts nobody, and a puzzling refusal much later.
fn read_pem(flag: &str, file: &Path, what: &str) -> Result<Vec<u8>, Error> {
    let pem = fs::read(file).map_err(|error| unreadable(flag, file, &error))?;
    let text = String::from_utf8_lossy(&pem);
    let found = text
        .lines()
        .any(|line| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&format!("{what}-----")));
    if found {
        Ok(pem)
    } else {
        let file = file.display();
        Err(Error::Usage(format!(
            "{flag} {file} holds no {} in PEM form",
            what.to_lowercase()
        )))
    }
}

fn unreadable(flag: &str, file: &Path, error: &std::io::Error) -> Error {
    Error::Usage(format!("cannot read {flag} {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        options: ClientOptions,
    }

    fn options(flags: &[&str]) -> ClientOptions {
        let flags = ["tidemill"].iter().chain(flags);
        Cli::try_parse_from(flags).expect("options").options
    }

    #[test]
    fn addresses_fall_back_to_the_url() {
        let both = options(&["--url", "http://a", "--results-url", "", "--worker-url", "http://b"]);
        assert_eq!((both.results_url(), both.worker_url()), ("http://a", "http://b"));
        assert_eq!(options(&["--url", ""]).url(), DEFAULT_URL);
    }

    #[test]
    fn a_token_comes_from_its_file_without_the_line_end() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let with = |text: &str| {
            fs::write(&file, text).expect("written");
            options(&["--token-file", &file.path().display().to_string()]).token()
        };
        assert_eq!(with("secret\n").expect("token").as_deref(), Some("secret"));
        assert_eq!(with("\n").expect_err("empty").exit_code(), 2);
        assert!(
            options(&["--token-file", "/nowhere"])
                .token()
                .expect_err("missing")
                .to_string()
                .contains("--token-file /nowhere")
        );
    }

    #[test]
    fn a_file_without_certificate_or_key_is_named() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let name = file.path().display().to_string();
        fs::write(&file, "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n").expect("written");
        assert!(options(&["--ca", &name]).tls().is_ok());
        let error = options(&["--cert", &name, "--cert-key", &name])
            .tls()
            .expect_err("no key");
        assert_eq!(
            error.to_string(),
            format!("--cert-key {name} holds no private key in PEM form")
        );
        fs::write(&file, "-----BEGIN EC PRIVATE KEY-----\n").expect("written");
        assert!(read_pem("--cert-key", file.path(), "PRIVATE KEY").is_ok());
    }

    #[test]
    fn a_certificate_needs_its_key() {
        assert!(Cli::try_parse_from(["tidemill", "--cert", "x"]).is_err());
        assert!(Cli::try_parse_from(["tidemill", "--cert-key", "x"]).is_err());
    }
}
