//! Makes one call out of several tries, without making an outage worse.
//!
//! - **Line.** After a server was away (unreachable, connection lost, UNAVAILABLE), callers stand in line and one of them at a time tries,
//!   after a backoff with full jitter; when it is answered, all others go. So an outage costs each call one failed try, not one for each
//!   backoff, and new calls wait instead of failing.
//! - **Budget.** A try after the first takes a token; each answered call earns a fifth of one. So retries are at most 1.2 times the calls
//!   in the long run, however many callers there are (the idea of Finagle's retry budget). An empty budget makes callers wait, not fail:
//!   it also fills slowly by itself.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::MutexGuard as TurnGuard,
    time::{Instant, sleep, sleep_until, timeout_at},
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{Error, ErrorKind, Outcome, error::Again};

const BASE: Duration = Duration::from_millis(100);
/// Longest wait between two probes of a server that is away.
const PROBE_CAP: Duration = Duration::from_secs(1);
/// The server's timer works from the same deadline, and may run out sooner by about this much. Nor is it worth another try.
const NEAR: Duration = Duration::from_millis(50);

/// How many calls a client made, and what they cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Unary calls.
    pub calls: u64,
    /// Tries of them, the first ones and those that found no server included.
    pub attempts: u64,
}

/// What the tries of one address share.
#[derive(Debug, Default)]
pub(crate) struct Line {
    turn: tokio::sync::Mutex<()>,
    away: Mutex<Option<Away>>,
    budget: Budget,
    calls: AtomicU64,
    attempts: AtomicU64,
}

/// A server that did not answer.
#[derive(Debug)]
struct Away {
    failures: u32,
    not_before: Instant,
    error: Error,
}

impl Line {
    pub(crate) fn stats(&self) -> Stats {
        Stats {
            calls: self.calls.load(Ordering::Relaxed),
            attempts: self.attempts.load(Ordering::Relaxed),
        }
    }

    /// Waits while the server is away. The guard makes its holder the one that tries; `None`: everybody may.
    pub(crate) async fn enter(&self) -> Option<TurnGuard<'_, ()>> {
        self.not_before()?;
        let turn = self.turn.lock().await;
        sleep_until(self.not_before()?).await;
        Some(turn)
    }

    /// The server answered, whatever it said.
    pub(crate) fn back(&self) {
        self.state().take();
    }

    /// The server was away for a try.
    pub(crate) fn away(&self, error: &Error, delay: Duration) {
        let mut state = self.state();
        let failures = state.as_ref().map_or(1, |away| away.failures.saturating_add(1));
        *state = Some(Away {
            failures,
            not_before: Instant::now() + delay + backoff(failures, PROBE_CAP),
            error: error.clone(),
        });
    }

    fn not_before(&self) -> Option<Instant> {
        self.state().as_ref().map(|away| away.not_before)
    }

    /// Why the server counts as away.
    pub(crate) fn why(&self) -> Option<Error> {
        self.state().as_ref().map(|away| away.error.clone())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Option<Away>> {
        // No code that holds it can panic; even if one did, every value is a valid one.
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How one call is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Longest time for all tries.
    pub(crate) deadline: Duration,
    /// Most tries. `None`: as many as the deadline allows.
    pub(crate) tries: Option<u32>,
}

/// Sends `message` until it is answered, refused for good, or the limits are reached. Every try carries the deadline of the whole. Only
/// for calls that are safe to repeat. The outcome of the error considers all tries.
pub(crate) async fn call<M, T, F, Fut>(
    line: &Line,
    address: &str,
    limits: Limits,
    message: M,
    send: F,
) -> Result<T, Error>
where
    M: Clone,
    F: Fn(Request<M>) -> Fut,
    Fut: Future<Output = Result<Response<T>, Status>>,
{
    let deadline = Instant::now() + limits.deadline;
    line.calls.fetch_add(1, Ordering::Relaxed);
    let mut outcome = Outcome::NotApplied;
    let mut last: Option<Error> = None;
    let mut tries = 0;
    loop {
        let waited = timeout_at(deadline, async {
            if tries > 0 {
                line.budget.take().await;
            }
            line.enter().await
        });
        let Ok(turn) = waited.await else {
            let late = || Error::deadline(Outcome::NotApplied, address, limits.deadline);
            return Err(last.or_else(|| line.why()).unwrap_or_else(late).with_outcome(outcome));
        };
        let no_time = Instant::now() + NEAR >= deadline;
        if let Some(why) = last.clone().or_else(|| line.why()).filter(|_| no_time) {
            // Such a try would tell nothing but that its time was too short, and leave open what became of it.
            return Err(why.with_outcome(outcome));
        }
        line.attempts.fetch_add(1, Ordering::Relaxed);
        let mut turn = turn;
        let mut attempt = std::pin::pin!(attempt(address, deadline, limits.deadline, &message, &send));
        // A call that takes long by its nature, or a replica that hangs, must not keep the others waiting behind it.
        let quick = tokio::time::timeout(PROBE_CAP, &mut attempt).await;
        let answer = match quick {
            Ok(answer) => answer,
            Err(_) => {
                turn.take();
                attempt.await
            }
        };
        let error = match answer {
            Ok(answer) => {
                line.back();
                line.budget.earn();
                return Ok(answer);
            }
            Err(error) => error,
        };
        tries += 1;
        if error.outcome() == Outcome::Unknown {
            outcome = Outcome::Unknown;
        }
        let over = limits.tries.is_some_and(|most| tries >= most);
        match error.again() {
            Again::WhenBack(delay) => {
                line.away(&error, delay);
                drop(turn);
                if over {
                    return Err(error.with_outcome(outcome));
                }
            }
            Again::After(delay) => {
                line.back();
                drop(turn);
                let pause = delay + backoff(tries, limits.deadline);
                if over || Instant::now() + pause >= deadline {
                    return Err(error.with_outcome(outcome));
                }
                sleep(pause).await;
            }
            Again::Never => {
                // A deadline that passed says nothing about the server.
                if error.kind() != ErrorKind::DeadlineExceeded {
                    line.back();
                }
                return Err(error.with_outcome(outcome));
            }
        }
        last = Some(error);
    }
}

async fn attempt<M, T, F, Fut>(
    address: &str,
    deadline: Instant,
    limit: Duration,
    message: &M,
    send: &F,
) -> Result<T, Error>
where
    M: Clone,
    F: Fn(Request<M>) -> Fut,
    Fut: Future<Output = Result<Response<T>, Status>>,
{
    let mut request = Request::new(message.clone());
    request.set_timeout(deadline.saturating_duration_since(Instant::now()));
    let passed = |outcome| Error::deadline(outcome, address, limit);
    match timeout_at(deadline, send(request)).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => {
            let error = Error::from_status(&status, address);
            let timer = matches!(status.code(), tonic::Code::Cancelled | tonic::Code::DeadlineExceeded);
            // The channel's timer, or that of the server's library, which works from the deadline sent along and gives no reason.
            let near = Instant::now() + NEAR >= deadline;
            if error.kind() == ErrorKind::DeadlineExceeded || (timer && near && error.reason_name().is_empty()) {
                return Err(passed(error.outcome()));
            }
            Err(error)
        }
        Err(_) => Err(passed(Outcome::Unknown)),
    }
}

/// Tokens for retries, in fifths.
#[derive(Debug)]
struct Budget(Mutex<Tokens>);

#[derive(Debug)]
struct Tokens {
    fifths: u32,
    filled: Instant,
}

impl Budget {
    /// A retry costs five fifths, an answered call earns one.
    const COST: u32 = 5;
    /// A burst of a hundred retries.
    const MOST: u32 = 100 * Self::COST;
    /// Ten retries a second are free.
    const REFILL: Duration = Duration::from_millis(100);

    async fn take(&self) {
        loop {
            let next = {
                let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                tokens.refill();
                if tokens.fifths >= Self::COST {
                    tokens.fifths -= Self::COST;
                    return;
                }
                tokens.filled + Self::REFILL
            };
            sleep_until(next).await;
        }
    }

    fn earn(&self) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.fifths = (tokens.fifths + 1).min(Self::MOST);
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self(Mutex::new(Tokens {
            fifths: Self::MOST,
            filled: Instant::now(),
        }))
    }
}

impl Tokens {
    fn refill(&mut self) {
        let whole = self.filled.elapsed().as_millis() / Budget::REFILL.as_millis();
        let whole = u32::try_from(whole).unwrap_or(u32::MAX);
        self.fifths = whole
            .saturating_mul(Budget::COST)
            .saturating_add(self.fifths)
            .min(Budget::MOST);
        self.filled += Budget::REFILL * whole;
    }
}

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

#[cfg(test)]
mod tests;
