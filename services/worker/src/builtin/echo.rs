use super::{Done, Job};

/// Answers with its input.
pub(super) fn run(job: Job) -> Done {
    Done::Output(job.assignment.payload.unwrap_or_default())
}
