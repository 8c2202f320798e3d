//! Looks at queues and tasks. Changes nothing.

use tidemill_kit::status::ApiError;
use tidemill_model::{
    record::Record,
    wire::{duration, parse_get_queue, parse_get_task, parse_list_queues, task_view},
};
use tidemill_proto::v1;
use tidemill_store::{KindCount, QueueCounters, ReadRequest};

use crate::{error, page_token, service::Service};

impl Service {
    pub(crate) async fn list_queues_page(
        &self,
        request: v1::ListQueuesRequest,
    ) -> Result<v1::ListQueuesResponse, ApiError> {
        let page = parse_list_queues(&request).map_err(error::invalid)?;
        let after = page_token::read_queues(&page.token)?;
        let found = self
            .store()
            .queues(self.namespace(), after.as_ref(), page.size as usize)
            .await;
        let found = found.map_err(|e| error::reading(&e))?;
        Ok(v1::ListQueuesResponse {
            queues: found.queues.iter().map(queue).collect(),
            next_page_token: found.next.as_ref().map(page_token::write_queues).unwrap_or_default(),
        })
    }

    pub(crate) async fn one_queue(&self, request: v1::GetQueueRequest) -> Result<v1::GetQueueResponse, ApiError> {
        let name = parse_get_queue(&request).map_err(error::invalid)?;
        let found = self.store().queue(self.namespace(), &name).await;
        let found = found.map_err(|e| error::reading(&e))?;
        let (counters, kinds) = found.ok_or_else(|| error::queue_not_found(&name))?;
        let now_ms = if kinds.iter().any(|kind| kind.oldest.is_some()) {
            self.store().time_ms().await.map_err(|e| error::reading(&e))?
        } else {
            0
        };
        let mut queue = queue(&counters);
        queue.kinds = kinds.iter().map(|kind| kind_depth(kind, now_ms)).collect();
        Ok(v1::GetQueueResponse { queue: Some(queue) })
    }

    pub(crate) async fn one_task(&self, request: v1::GetTaskRequest) -> Result<v1::GetTaskResponse, ApiError> {
        let id = parse_get_task(&request).map_err(error::invalid)?;
        let request = ReadRequest {
            namespace: self.namespace().clone(),
            id,
            with_body: true,
            after: None,
            most_entries: 0,
        };
        let found = self.store().read(request).await.map_err(|e| error::reading(&e))?;
        let found = found.ok_or_else(|| error::task_not_found(&id))?;
        let task = Record::parse(&found.record, true)
            .and_then(|record| task_view(&id, &record, &self.defaults().retry, true))
            .map_err(|e| error::record(&id, &e))?;
        Ok(v1::GetTaskResponse { task: Some(task) })
    }
}

fn queue(counters: &QueueCounters) -> v1::Queue {
    let [scheduled, queued, running, succeeded, failed, cancelled, expired] = counters.by_state.map(signed);
    v1::Queue {
        name: counters.queue.to_string(),
        paused: counters.paused,
        scheduled,
        queued,
        running,
        succeeded,
        failed,
        cancelled,
        expired,
        bytes: signed(counters.bytes),
        kinds: Vec::new(),
    }
}

fn kind_depth(kind: &KindCount, now_ms: u64) -> v1::KindDepth {
    v1::KindDepth {
        kind: kind.kind.to_string(),
        queued: signed(kind.queued),
        oldest_age: kind
            .oldest
            .as_ref()
            .map(|id| duration(now_ms.saturating_sub(id.created_ms()))),
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
