//! T0: one task.

use std::sync::Arc;

use tidemill_kit::status::{ApiError, Outcome};
use tidemill_model::{
    id::TaskId,
    op::{Enqueued, NewTask},
    state::TaskState,
    wire::parse_enqueue,
};
use tidemill_proto::v1;
use tidemill_store::StoreError;

use crate::{admission, error, service::Service};

/// An id that is taken is a one in 2^62 accident; twice in a row it is a bug.
const ID_ATTEMPTS: usize = 3;

impl Service {
    pub(crate) async fn enqueue_one(&self, request: v1::EnqueueRequest) -> Result<v1::EnqueueResponse, ApiError> {
        let parsed = match self.now_ms().await {
            Ok(now_ms) => self.parse(request, now_ms),
            Err(error) => Err(error),
        };
        let result = match parsed {
            Ok(task) => {
                let queue = task.record.queue.clone();
                let result = self.admit_and_store(task).await;
                self.count(Some(queue.as_str()), &result);
                return result;
            }
            Err(error) => Err(error),
        };
        self.count(None, &result);
        result
    }

    async fn admit_and_store(&self, task: NewTask) -> Result<v1::EnqueueResponse, ApiError> {
        admission::admit(self.store(), self.config().memory_watermark).await?;
        self.store_task(task).await
    }

    pub(crate) fn count(&self, queue: Option<&str>, result: &Result<v1::EnqueueResponse, ApiError>) {
        match result {
            Ok(response) if response.deduplicated => self.counts().enqueued(queue, "deduplicated"),
            Ok(_) => self.counts().enqueued(queue, "stored"),
            Err(error) => self.counts().refused(queue, error),
        }
    }

    /// Validates, and gives the task its id.
    pub(crate) fn parse(&self, request: v1::EnqueueRequest, now_ms: u64) -> Result<NewTask, ApiError> {
        parse_enqueue(request, self.namespace(), self.defaults(), now_ms, self.random()?)
            .map_err(|violations| error::invalid(violations).outcome(Outcome::NotApplied))
    }

    /// Hands the task to the store's group commit and waits for its answer.
    pub(crate) async fn store_task(&self, task: NewTask) -> Result<v1::EnqueueResponse, ApiError> {
        let mut task = Arc::new(task);
        for _ in 0..ID_ATTEMPTS {
            let answer = self.store().enqueue(Arc::clone(&task)).await;
            let (id, state, deduplicated) = match answer.map_err(|e| error::mutating(&e))? {
                Enqueued::Stored(state) => (task.id, state, false),
                Enqueued::Duplicate(first, state) => (first, state, true),
                Enqueued::KeyReused(first) => return Err(error::key_reused(&first)),
                Enqueued::QueueFull(_) => return Err(error::queue_full(&task.record.queue, task.queue_limit)),
                Enqueued::QueueBytes(_) => return Err(error::queue_bytes(&task.record.queue, task.queue_bytes_limit)),
                Enqueued::IdTaken => {
                    let id = TaskId::new(self.now_ms().await?, task.id.route(), self.random()?);
                    Arc::make_mut(&mut task).id = id;
                    continue;
                }
            };
            return Ok(response(&id, state, deduplicated));
        }
        Err(ApiError::internal("every id was taken").outcome(Outcome::NotApplied))
    }

    fn random(&self) -> Result<u64, ApiError> {
        let number = self.entropy().number();
        number.map_err(|e| ApiError::internal(format!("no random numbers: {e}")).outcome(Outcome::NotApplied))
    }

    /// Unix ms by the store's clock, near enough for an id.
    pub(crate) async fn now_ms(&self) -> Result<u64, ApiError> {
        let now = self.clock().now_ms(self.store()).await;
        now.map_err(|e: StoreError| error::reading(&e).outcome(Outcome::NotApplied))
    }
}

fn response(id: &TaskId, state: TaskState, deduplicated: bool) -> v1::EnqueueResponse {
    v1::EnqueueResponse {
        task_id: id.to_string(),
        state: state.to_proto().into(),
        deduplicated,
    }
}
