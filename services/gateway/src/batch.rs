//! Many tasks in one call, each on its own.

use futures_util::future::join_all;
use prost::Message;
use tidemill_kit::{
    status::{ApiError, Outcome},
    trace::TraceParent,
};
use tidemill_model::wire::parse_batch;
use tidemill_proto::v1::{self, batch_enqueue_outcome};
use tokio::task::unconstrained;

use crate::{admission, error, service::Service, spans};

/// Largest call, encoded.
const MAX_BYTES: usize = 4 << 20;

impl Service {
    pub(crate) async fn enqueue_batch(
        &self,
        request: v1::BatchEnqueueRequest,
        call: Option<&TraceParent>,
    ) -> Result<v1::BatchEnqueueResponse, ApiError> {
        parse_batch(&request, &self.defaults().limits)
            .map_err(|violations| error::invalid(violations).outcome(Outcome::NotApplied))?;
        if request.encoded_len() > MAX_BYTES {
            return Err(
                error::invalid_field("requests", format!("must be at most {MAX_BYTES} bytes in all"))
                    .outcome(Outcome::NotApplied),
            );
        }
        // One look for all: the batch is small against what is between the watermark and the end.
        let room = admission::admit(self.store(), self.config().memory_watermark).await;
        let now_ms = self.now_ms().await?;
        let entries = request
            .requests
            .into_iter()
            .map(|entry| self.entry(entry, now_ms, &room, call));
        // All entries wait in the store's batcher at the same time, in their order: an entry that tokio made to yield would lose its
        // place to those behind it.
        let outcomes = unconstrained(join_all(entries)).await;
        Ok(v1::BatchEnqueueResponse { outcomes })
    }

    async fn entry(
        &self,
        mut request: v1::EnqueueRequest,
        now_ms: u64,
        room: &Result<(), ApiError>,
        call: Option<&TraceParent>,
    ) -> v1::BatchEnqueueOutcome {
        let span = self.begin_send(&mut request, call);
        let (queue, result) = match self.parse(request, now_ms) {
            Err(error) => (None, Err(error)),
            Ok(task) => {
                let queue = task.record.queue.clone();
                let result = match room {
                    Ok(()) => self.store_task(task).await,
                    Err(refusal) => Err(refusal.clone()),
                };
                (Some(queue), result)
            }
        };
        spans::end_send(span, &result);
        self.count(queue.as_ref().map(|queue| queue.as_str()), &result);
        let outcome = match result {
            Ok(response) => batch_enqueue_outcome::Outcome::Response(response),
            Err(error) => batch_enqueue_outcome::Outcome::Error(error.to_rpc_status()),
        };
        v1::BatchEnqueueOutcome { outcome: Some(outcome) }
    }
}
