//! Cancel requests as they are made, from the store's hints. A hint that is missed is made good by the next heartbeat, which carries the
//! same flags: so a gap needs no attention here.

use std::sync::Arc;

use tidemill_model::{id::TaskId, record::flags, state::TaskState};
use tidemill_proto::v1::CancelCause;
use tidemill_store::{Hint, HintReader};

use crate::{settle, shared::Shared};

/// Reads hints for as long as the process lives: while it drains, handlers still run.
pub(crate) async fn run(shared: Arc<Shared>, mut hints: HintReader) {
    loop {
        for hint in hints.next().await.iter() {
            if let Hint::StopRequested(task) = hint {
                ask(&shared, *task);
            }
        }
    }
}

/// Asks the handler of the task to stop, if it is here.
fn ask(shared: &Arc<Shared>, task: TaskId) {
    for stream in shared.registry.groups().iter().flat_map(|group| group.streams()) {
        let Some(token) = stream.leases(|leases| leases.of_task(&task)) else {
            continue;
        };
        let own = Arc::clone(shared);
        shared.supervisor.spawn_detached("ask to stop", async move {
            let record = match settle::read(&own, &stream.namespace, &token, false, true).await {
                Ok(Some(record)) => record,
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%task, %error, "cannot read why a task shall stop; the next heartbeat tells");
                    return;
                }
            };
            let header = &record.header;
            if header.state != TaskState::Running || header.fence != token.fence {
                return;
            }
            if header.has(flags::CANCEL) {
                let reason = record
                    .outcome()
                    .map(|outcome| outcome.cancel_reason)
                    .unwrap_or_default();
                stream.cancel(&token, CancelCause::Client, reason);
            } else if header.has(flags::EXPIRY_PASSED) {
                stream.cancel(&token, CancelCause::Expiry, String::new());
            }
        });
    }
}
