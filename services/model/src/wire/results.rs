use bytes::Bytes;
use tidemill_proto::v1;

use super::{REASON_MAX_BYTES, Violations, check::Checker, outcome::outcome_cancel, time::WAIT};
use crate::id::TaskId;

/// A task id in `field` of a request.
pub fn parse_task_id(field: &str, text: &str) -> Result<TaskId, Violations> {
    let mut check = Checker::default();
    let id = check.task_id(field, text);
    check.finish(id)
}

/// A validated CancelTask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel {
    /// The task.
    pub id: TaskId,
    /// The reason as an encoded [`crate::record::StoredOutcome`]; empty if none was given.
    pub outcome: Bytes,
}

/// CancelTask.
pub fn parse_cancel(request: &v1::CancelTaskRequest) -> Result<Cancel, Violations> {
    let mut check = Checker::default();
    let id = check.task_id("task_id", &request.task_id);
    check.longest("reason", request.reason.len(), REASON_MAX_BYTES);
    check.finish(id.map(|id| Cancel {
        id,
        outcome: outcome_cancel(&request.reason),
    }))
}

/// A validated GetResult.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetResult {
    /// The task.
    pub id: TaskId,
    /// How long to wait for the end, in ms; 0: answer at once.
    pub wait_ms: u64,
}

/// GetResult.
pub fn parse_get_result(request: &v1::GetResultRequest) -> Result<GetResult, Violations> {
    let mut check = Checker::default();
    let id = check.task_id("task_id", &request.task_id);
    let wait_ms = request
        .wait
        .as_ref()
        .and_then(|wait| check.duration("wait", wait, WAIT))
        .unwrap_or(0);
    check.finish(id.map(|id| GetResult { id, wait_ms }))
}

/// A task and a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// The task.
    pub id: TaskId,
    /// The last sequence already seen, at least 0. May be beyond every sequence there can be.
    pub after_sequence: i64,
}

/// WatchResult.
pub fn parse_watch(request: &v1::WatchResultRequest) -> Result<Watch, Violations> {
    watch(&request.task_id, request.after_sequence)
}

/// One entry of `add` of WatchResults. What is wrong is an error of this task, not of the stream.
pub fn parse_watch_target(target: &v1::WatchTarget) -> Result<Watch, Violations> {
    watch(&target.task_id, target.after_sequence)
}

fn watch(task_id: &str, after_sequence: i64) -> Result<Watch, Violations> {
    let mut check = Checker::default();
    let id = check.task_id("task_id", task_id);
    if after_sequence < 0 {
        check.add("after_sequence", "must be at least 0");
    }
    check.finish(id.map(|id| Watch { id, after_sequence }))
}
