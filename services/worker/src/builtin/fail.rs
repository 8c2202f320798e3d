use super::{Done, Job, number, text};

/// Fails for the first n attempts, then succeeds.
pub(super) fn run(job: &Job) -> Done {
    let attempt = job.assignment.attempt;
    match number(job.assignment.payload.as_ref(), "attempts") {
        Ok(wanted) if f64::from(attempt) <= wanted => Done::Failed {
            message: format!("attempt {attempt} fails, as the payload asks"),
            permanent: false,
        },
        Ok(_) => Done::Output(text(format!("succeeded at attempt {attempt}"))),
        Err(message) => Done::Failed {
            message,
            permanent: true,
        },
    }
}
