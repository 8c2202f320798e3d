//! For the benchmarks of this crate, with the feature `internals`; no part of its interface.

use tidemill_kit::supervisor::Supervisor;

use crate::{batch::Batcher, error::StoreError};

/// A group commit whose batches answer every entry with itself.
pub struct EchoBatcher(Batcher<u64, u64>);

impl EchoBatcher {
    /// Starts one. Within a tokio runtime.
    pub fn start(supervisor: &Supervisor) -> Self {
        let echo = |entries: Vec<u64>| async move { Ok(entries.into_iter().map(Ok).collect()) };
        Self(Batcher::start(supervisor, "echo batch", echo))
    }

    /// One call.
    pub async fn call(&self, number: u64) -> Result<u64, StoreError> {
        self.0.call(number, 64).await
    }
}
