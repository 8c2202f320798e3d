use tidemill_proto::v1;

use super::{Limits, PAGE_TOKEN_MAX_BYTES, Violations, check::Checker, results::parse_task_id};
use crate::{
    id::{IdError, Name, TaskId},
    state::TaskState,
};

/// A validated ListQueues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuePage {
    /// Most queues to answer with: 1 to 1,000.
    pub size: u32,
    /// Where the page starts, as the page before said it; empty: the first. Only its length is checked here.
    pub token: String,
}

/// ListQueues.
pub fn parse_list_queues(request: &v1::ListQueuesRequest) -> Result<QueuePage, Violations> {
    let mut check = Checker::default();
    let size = page_size(&mut check, request.page_size, 100, 1_000);
    check.longest("page_token", request.page_token.len(), PAGE_TOKEN_MAX_BYTES);
    check.finish(Some(QueuePage {
        size,
        token: request.page_token.clone(),
    }))
}

/// GetQueue.
pub fn parse_get_queue(request: &v1::GetQueueRequest) -> Result<Name, Violations> {
    let mut check = Checker::default();
    let queue = if request.queue.is_empty() {
        check.add("queue", format!("is required: {}", IdError::Name));
        None
    } else {
        check.id("queue", Name::new(&request.queue))
    };
    check.finish(queue)
}

/// A validated ListTasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPage {
    /// Queue.
    pub queue: Name,
    /// State.
    pub state: TaskState,
    /// Most tasks to answer with: 1 to 500.
    pub size: u32,
    /// Where the page starts, as the page before said it; empty: the first. Only its length is checked here.
    pub token: String,
}

/// ListTasks.
pub fn parse_list_tasks(request: &v1::ListTasksRequest, limits: &Limits) -> Result<TaskPage, Violations> {
    let mut check = Checker::default();
    let queue = check.queue("queue", &request.queue, limits);
    let state = u8::try_from(request.state).ok().and_then(TaskState::from_number);
    if state.is_none() {
        check.add("state", "is required: a TaskState, 1 (SCHEDULED) to 7 (EXPIRED)");
    }
    let size = page_size(&mut check, request.page_size, 50, 500);
    check.longest("page_token", request.page_token.len(), PAGE_TOKEN_MAX_BYTES);
    let token = request.page_token.clone();
    check.finish(queue.zip(state).map(|(queue, state)| TaskPage {
        queue,
        state,
        size,
        token,
    }))
}

/// GetTask.
pub fn parse_get_task(request: &v1::GetTaskRequest) -> Result<TaskId, Violations> {
    parse_task_id("task_id", &request.task_id)
}

fn page_size(check: &mut Checker, size: i32, default: u32, cap: u32) -> u32 {
    match u32::try_from(size) {
        Ok(0) => default,
        Ok(size) => size.min(cap),
        Err(_) => {
            check.add(
                "page_size",
                format!("must be at least 0; more than {cap} counts as {cap}"),
            );
            default
        }
    }
}
