//! How full the server is. Enqueues stop at a watermark, so that what runs can always settle.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::{error::StoreError, store::Store};

/// A reading is good for this long.
const FRESH: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Gauge {
    pub(crate) last: Mutex<Option<(Instant, u64)>>,
}

impl Store {
    /// Bytes that the server uses, at most a second old, and its limit (0: none is known). Asks the server only when somebody asks us.
    pub async fn memory(&self) -> Result<(u64, u64), StoreError> {
        let gauge = &self.inner.gauge;
        let known = gauge.last.lock().ok().and_then(|last| *last);
        if let Some((at, used)) = known
            && at.elapsed() < FRESH
        {
            return Ok((used, self.inner.memory_limit));
        }
        // Concurrent callers use the old reading while one of them fetches the new one.
        if let (Some((_, used)), Ok(mut last)) = (known, gauge.last.lock()) {
            *last = Some((Instant::now(), used));
        }
        let info: String = self.inner.link.query(redis::cmd("INFO").arg("memory")).await?;
        let used = info
            .lines()
            .find_map(|line| line.strip_prefix("used_memory:"))
            .and_then(|bytes| bytes.trim().parse().ok())
            .unwrap_or(0);
        if let Ok(mut last) = gauge.last.lock() {
            *last = Some((Instant::now(), used));
        }
        Ok((used, self.inner.memory_limit))
    }
}
