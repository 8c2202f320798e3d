//! The registry behind `/metrics`.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{encoding::text::encode, metrics::info::Info, registry::Registry};

/// The content type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// One registry for the whole process, whose names all start with `tidemill_`. Cloning shares it. It is passed, never global, so that
/// tests see only their own numbers.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
}

impl Metrics {
    /// A registry that holds `tidemill_build_info` only.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("tidemill");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Version of the running program", build);
        Self {
            registry: Arc::new(Mutex::new(registry)),
        }
    }

    /// Gives access to the registry, to register metrics whose handles the caller keeps. Registering one name twice would yield an
    /// invalid exposition: register at construction, once for each process, and share the handles.
    pub fn register<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        register(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All metrics in the OpenMetrics text format.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = encode(&mut text, &registry) {
            // Only a collector of ours can cause this; what was written so far ends without `# EOF`, so a scraper rejects it.
            tracing::error!(%error, "a metric could not be encoded");
        }
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn encodes_what_was_registered() {
        let metrics = Metrics::new();
        let counter: Counter = Counter::default();
        metrics.register(|r| r.register("things", "Things seen", counter.clone()));
        counter.inc_by(3);
        let text = metrics.encode();
        assert!(text.contains("tidemill_things_total 3\n"), "{text}");
        assert!(text.contains("tidemill_build_info{version=\""), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
