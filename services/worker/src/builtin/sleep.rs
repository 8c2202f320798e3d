use std::time::Duration;

use super::{Done, Job, number, text};

/// Longest sleep: attempt_timeout has the same limit.
const LONGEST_SECONDS: f64 = 86_400.0;
/// Reports of progress of one sleep.
const STEPS: u32 = 10;

/// Sleeps, and says how far it is.
pub(super) async fn run(mut job: Job) -> Done {
    let seconds = match number(job.assignment.payload.as_ref(), "seconds") {
        Ok(seconds) if (0.0..=LONGEST_SECONDS).contains(&seconds) => seconds,
        Ok(_) => {
            return Done::Failed {
                message: format!("seconds must be 0 to {LONGEST_SECONDS}"),
                permanent: true,
            };
        }
        Err(message) => {
            return Done::Failed {
                message,
                permanent: true,
            };
        }
    };
    let begun = tokio::time::Instant::now();
    for step in 1..=STEPS {
        let share = f64::from(step) / f64::from(STEPS);
        let wake = begun + Duration::from_secs_f64(seconds * share);
        tokio::select! {
            _ = job.stop.wait_for(|stop| *stop) => return Done::Stopped,
            () = tokio::time::sleep_until(wake) => {}
        }
        if step < STEPS {
            job.progress(share, format!("slept {:.1} of {seconds} s", seconds * share));
        }
    }
    Done::Output(text(format!("slept {seconds} s")))
}
