//! Options that every client command has.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::duration::parse_duration;

pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:7440";
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the server is, how long to wait for it, and how to print. Flattened into every client command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection and output")]
pub struct ClientOptions {
    /// Address of the server
    #[arg(long, env = "TIDEMILL_URL", hide_env_values = true, value_name = "URL", default_value = DEFAULT_URL)]
    pub(crate) url: String,
    /// Address of the results role, where it has one of its own [default: --url]
    #[arg(long, env = "TIDEMILL_RESULTS_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) results_url: Option<String>,
    /// Longest time for one call, its retries included; for a stream: to open it
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub(crate) timeout: Duration,
    /// Text for people, or one JSON object for each line, with the names of the contract's JSON mapping
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "text")]
    pub(crate) output: OutputFormat,
}

impl ClientOptions {
    /// Options as they are without flags and environment, for a server at `url`.
    pub fn for_url(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            results_url: None,
            timeout: DEFAULT_TIMEOUT,
            output: OutputFormat::Text,
        }
    }

    /// The address that answers for results. An empty one counts as absent, as an empty variable does in a shell.
    pub(crate) fn results_url(&self) -> &str {
        self.results_url
            .as_deref()
            .filter(|url| !url.is_empty())
            .unwrap_or(&self.url)
    }
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people, one line for each event
    Text,
    /// One JSON object for each line
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_url_falls_back_to_the_url() {
        let mut options = ClientOptions::for_url("http://a");
        assert_eq!(options.results_url(), "http://a");
        options.results_url = Some(String::new());
        assert_eq!(options.results_url(), "http://a");
        options.results_url = Some("http://b".into());
        assert_eq!(options.results_url(), "http://b");
    }
}
