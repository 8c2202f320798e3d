//! A page of tasks, put together from steps of the store: some steps bring few tasks, or none, or more than were asked for.

use bytes::Bytes;
use prost::Message;
use tidemill_kit::status::ApiError;
use tidemill_model::{
    id::TaskId,
    record::Record,
    state::TaskState,
    wire::{TaskPage, parse_list_tasks, task_view},
};
use tidemill_proto::v1;

use crate::{
    error,
    page_token::{self, TaskCursor},
    service::Service,
};

/// Tasks of one step. The same for every step of a scan, whose cursor means nothing with another.
const STEP: usize = 100;
/// Steps of one page: a scan for a rare state must not keep a caller waiting.
const MOST_STEPS: usize = 20;
/// A page that is this large ends, so that it stays below the limit of a message; one step adds less than 1 MiB.
const PAGE_BYTES: usize = 2 << 20;

impl Service {
    pub(crate) async fn list_tasks_page(
        &self,
        request: v1::ListTasksRequest,
    ) -> Result<v1::ListTasksResponse, ApiError> {
        let page = parse_list_tasks(&request, &self.defaults().limits).map_err(error::invalid)?;
        let mut at = page_token::read_tasks(&page.token, &page.queue, page.state)?;
        let (mut tasks, mut bytes, size) = (Vec::new(), 0, page.size as usize);
        for _ in 0..MOST_STEPS {
            let step = self.step(&page, &mut at, size - tasks.len()).await?;
            bytes += step.iter().map(Message::encoded_len).sum::<usize>();
            tasks.extend(step);
            if at.is_start() || tasks.len() >= size || bytes >= PAGE_BYTES {
                break;
            }
        }
        let next_page_token = if at.is_start() {
            String::new()
        } else {
            page_token::write_tasks(&page.queue, page.state, &at)
        };
        Ok(v1::ListTasksResponse { tasks, next_page_token })
    }

    /// At most `room` tasks; moves the cursor on.
    async fn step(&self, page: &TaskPage, at: &mut TaskCursor, room: usize) -> Result<Vec<v1::Task>, ApiError> {
        // Lists come in exact pages and in an order; scans bring what they bring.
        let exact = matches!(page.state, TaskState::Queued | TaskState::Failed);
        let count = if exact { STEP.min(room) } else { STEP };
        let found = self
            .store()
            .list(self.namespace(), &page.queue, page.state, at.cursor, count)
            .await
            .map_err(|e| error::reading(&e))?;
        let mut tasks = found.tasks;
        if !exact {
            tasks.sort_unstable_by_key(|(id, _)| *id);
            tasks.retain(|(id, _)| at.after.is_none_or(|after| *id > after));
        }
        if tasks.len() > room {
            tasks.truncate(room);
            at.after = tasks.last().map(|(id, _)| *id);
        } else {
            *at = TaskCursor {
                cursor: found.cursor,
                after: None,
            };
        }
        Ok(tasks.iter().filter_map(|(id, bytes)| self.row(id, bytes)).collect())
    }

    /// A record that cannot be read must not hide the others.
    fn row(&self, id: &TaskId, bytes: &Bytes) -> Option<v1::Task> {
        let view = Record::parse(bytes, false).and_then(|record| task_view(id, &record, &self.defaults().retry, false));
        view.inspect_err(|error| tracing::error!(%id, %error, "a record cannot be shown"))
            .ok()
    }
}
