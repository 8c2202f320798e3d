//! Is there room? Asked before the store is, so that what was taken in can always be settled.

use tidemill_kit::status::{ApiError, Outcome};
use tidemill_store::Store;

use crate::error;

/// Refuses while the store uses more memory than the watermark allows. A limit of 0 is not known and refuses nothing.
pub(crate) async fn admit(store: &Store, watermark: f64) -> Result<(), ApiError> {
    // Nothing of the task was sent yet, whatever became of this question.
    let asked = store.memory().await;
    let (used, limit) = asked.map_err(|e| error::reading(&e).outcome(Outcome::NotApplied))?;
    if limit > 0 && used as f64 >= limit as f64 * watermark {
        return Err(error::memory(watermark));
    }
    Ok(())
}
