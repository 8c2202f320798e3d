//! Exponential backoff with full jitter, and the loop that makes one call out of several tries.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::Error;

/// Tries of one call, the first included.
const TRIES: u32 = 4;
const BASE: Duration = Duration::from_millis(100);
/// The server's timer works from the same deadline, and may run out sooner by about this much.
const NEAR: Duration = Duration::from_millis(50);

/// A random wait before try `failures + 1`, between 0 and the smaller of `cap` and 100 ms doubled with each failure.
pub(crate) fn backoff(failures: u32, cap: Duration) -> Duration {
    let bound = BASE
        .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)))
        .min(cap);
    bound.mul_f64(random_fraction())
}

/// Between 0 and 1, from the random low bits of a fresh UUID.
fn random_fraction() -> f64 {
    const BITS: u32 = 32;
    let low = Uuid::new_v4().as_u64_pair().1 & u64::from(u32::MAX);
    low as f64 / f64::from(BITS).exp2()
}

/// Sends `message` until it is answered, refused for good, tried four times, or `limit` is over. Every try carries the deadline of the
/// whole. Only for calls that are safe to repeat.
/// The flag beside an error says whether any of the tries may have left a trace.
pub(crate) async fn call<M, T, F, Fut>(address: &str, limit: Duration, message: M, send: F) -> Result<T, (Error, bool)>
where
    M: Clone,
    F: Fn(Request<M>) -> Fut,
    Fut: Future<Output = Result<Response<T>, Status>>,
{
    let deadline = Instant::now() + limit;
    let deadline_passed = || Error::Deadline {
        address: address.to_owned(),
        limit,
    };
    let mut outcome_unknown = false;
    let mut failures = 0;
    loop {
        let mut request = Request::new(message.clone());
        request.set_timeout(deadline.saturating_duration_since(Instant::now()));
        let error = match timeout_at(deadline, send(request)).await {
            Ok(Ok(response)) => return Ok(response.into_inner()),
            Ok(Err(status)) => Error::from_status(&status, address),
            Err(_) => deadline_passed(),
        };
        let near = Instant::now() + NEAR >= deadline;
        let error = match error {
            Error::Refused(refusal) if refusal.timed_out(near) => deadline_passed(),
            error => error,
        };
        outcome_unknown |= error.outcome_unknown();
        failures += 1;
        let Some(delay) = error.retry_delay().filter(|_| failures < TRIES) else {
            return Err((error, outcome_unknown));
        };
        let pause = delay + backoff(failures, limit);
        if Instant::now() + pause >= deadline {
            return Err((error, outcome_unknown));
        }
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tonic::Code;

    use super::*;
    use crate::testing::{info, status};

    const LIMIT: Duration = Duration::from_secs(10);

    /// Answers with `code` for the first `failing` tries; returns the result and the number of tries.
    async fn tries(code: Code, failing: u32) -> (Result<u32, (Error, bool)>, u32) {
        let count = AtomicU32::new(0);
        let result = call("http://here", LIMIT, (), |request: Request<()>| {
            assert!(
                request.metadata().contains_key("grpc-timeout"),
                "every try has a deadline"
            );
            let number = count.fetch_add(1, Ordering::Relaxed) + 1;
            async move {
                let details = vec![info(
                    "STORE_UNAVAILABLE",
                    &[("outcome", if number == 1 { "unknown" } else { "not_applied" })],
                )];
                if number <= failing {
                    Err(status(code, "m", details))
                } else {
                    Ok(Response::new(number))
                }
            }
        })
        .await;
        (result, count.into_inner())
    }

    #[tokio::test]
    async fn tries_again_up_to_the_limit() {
        assert!(matches!(tries(Code::Unavailable, 3).await, (Ok(4), 4)));
        assert!(matches!(
            tries(Code::Unavailable, 9).await,
            (Err((Error::Refused(_), true)), 4)
        ));
        assert!(matches!(
            tries(Code::InvalidArgument, 9).await,
            (Err((Error::Refused(_), _)), 1)
        ));
    }

    #[tokio::test]
    async fn the_deadline_holds_for_a_server_that_says_nothing() {
        let limit = Duration::from_millis(20);
        let result = call("http://here", limit, (), |_: Request<()>| {
            std::future::pending::<Result<Response<()>, Status>>()
        });
        assert!(matches!(result.await, Err((Error::Deadline { .. }, true))));
    }

    #[test]
    fn backoff_grows_and_stays_below_its_bound() {
        let cap = Duration::from_secs(5);
        for (failures, bound) in [(1, 100), (2, 200), (3, 400), (40, 5_000)] {
            let samples: Vec<_> = (0..200).map(|_| backoff(failures, cap)).collect();
            assert!(samples.iter().all(|wait| *wait <= Duration::from_millis(bound)));
            assert!(
                samples.iter().any(|wait| *wait > Duration::from_millis(bound / 2)),
                "jitter uses the whole range"
            );
        }
    }
}
