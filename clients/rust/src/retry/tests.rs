use std::{
    collections::VecDeque,
    sync::{Mutex as StdMutex, atomic::AtomicU32},
};

use tonic::Code;

use super::*;
use crate::testing::{info, retry_info, status};

const LIMITS: Limits = Limits {
    deadline: Duration::from_secs(10),
    tries: None,
};

fn away(outcome: &str) -> Status {
    status(
        Code::Unavailable,
        "m",
        vec![info("STORE_UNAVAILABLE", &[("outcome", outcome)])],
    )
}

/// Answers with these failures, then with the number of tries.
async fn tries(limits: Limits, failures: Vec<Status>) -> (Result<u32, Error>, u32, Stats) {
    let (line, count, failures) = (
        Line::default(),
        AtomicU32::new(0),
        StdMutex::new(VecDeque::from(failures)),
    );
    let result = call(&line, "http://here", limits, (), |request: Request<()>| {
        assert!(
            request.metadata().contains_key("grpc-timeout"),
            "every try has a deadline"
        );
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        let failure = failures.lock().expect("lock").pop_front();
        async move { failure.map_or(Ok(Response::new(number)), Err) }
    })
    .await;
    (result, count.into_inner(), line.stats())
}

#[tokio::test(start_paused = true)]
async fn tries_until_answered_and_counts() {
    let (result, tries, stats) = tries(LIMITS, vec![away("not_applied"); 5]).await;
    assert_eq!((result.expect("answered"), tries), (6, 6));
    assert_eq!(stats, Stats { calls: 1, attempts: 6 });
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_tries_holds() {
    let limits = Limits {
        tries: Some(3),
        ..LIMITS
    };
    let (result, tries, _) = tries(limits, vec![away("not_applied"); 9]).await;
    assert_eq!((result.expect_err("away").outcome(), tries), (Outcome::NotApplied, 3));
}

#[tokio::test(start_paused = true)]
async fn one_unknown_try_makes_the_outcome_unknown() {
    let refusal = status(
        Code::InvalidArgument,
        "m",
        vec![info("INVALID_REQUEST", &[("outcome", "not_applied")])],
    );
    let (result, ..) = tries(LIMITS, vec![away("unknown"), refusal.clone()]).await;
    assert_eq!(result.expect_err("refused").outcome(), Outcome::Unknown);
    let (result, tries, _) = tries(LIMITS, vec![refusal]).await;
    assert_eq!(
        (result.expect_err("refused").outcome(), tries),
        (Outcome::NotApplied, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn the_server_says_when() {
    let full = || {
        status(
            Code::ResourceExhausted,
            "m",
            vec![info("QUEUE_FULL", &[]), retry_info(3)],
        )
    };
    let begun = Instant::now();
    let (result, ..) = tries(LIMITS, vec![full()]).await;
    assert!(result.is_ok() && begun.elapsed() >= Duration::from_secs(3));
    let never = status(Code::ResourceExhausted, "m", vec![info("WATCH_LIMIT", &[])]);
    assert_eq!(tries(LIMITS, vec![never]).await.1, 1, "no RetryInfo, no retry");
    let late = Limits {
        deadline: Duration::from_secs(2),
        ..LIMITS
    };
    assert_eq!(tries(late, vec![full()]).await.1, 1, "it would come too late");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_for_a_server_that_says_nothing() {
    let line = Line::default();
    let silent = |_: Request<()>| std::future::pending::<Result<Response<()>, Status>>();
    let error = call(&line, "http://here", LIMITS, (), silent)
        .await
        .expect_err("silence");
    assert_eq!(
        (error.kind(), error.outcome()),
        (ErrorKind::DeadlineExceeded, Outcome::Unknown)
    );
}

/// A hundred callers, a server that is away for five seconds: one try of each, and a few probes.
#[tokio::test(start_paused = true)]
async fn an_outage_costs_each_call_one_try() {
    let line = std::sync::Arc::new(Line::default());
    let back = Instant::now() + Duration::from_secs(5);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let line = std::sync::Arc::clone(&line);
        calls.spawn(async move {
            let send = |_: Request<()>| async move {
                // All hundred are under way before the first one fails.
                sleep(Duration::from_millis(1)).await;
                if Instant::now() < back {
                    Err(away("not_applied"))
                } else {
                    Ok(Response::new(()))
                }
            };
            call(&line, "http://here", LIMITS, (), send).await
        });
    }
    while let Some(result) = calls.join_next().await {
        assert!(result.expect("no panic").is_ok());
    }
    let Stats { calls, attempts } = line.stats();
    assert!(calls == 100 && (200..240).contains(&attempts), "{attempts} tries");
}

#[tokio::test(start_paused = true)]
async fn the_budget_bounds_retries_and_fills_again() {
    let budget = Budget::default();
    let begun = Instant::now();
    for _ in 0..100 {
        budget.take().await;
    }
    assert_eq!(begun.elapsed(), Duration::ZERO, "a burst is free");
    for _ in 0..10 {
        budget.take().await;
    }
    let waited = begun.elapsed();
    assert!(
        waited >= Duration::from_millis(900) && waited <= Duration::from_millis(1_100),
        "{waited:?}"
    );
    (0..5).for_each(|_| budget.earn());
    let earned = Instant::now();
    budget.take().await;
    assert_eq!(earned.elapsed(), Duration::ZERO, "five answered calls pay for a retry");
}

#[test]
fn backoff_grows_and_stays_below_its_bound() {
    for (failures, bound) in [(1, 100), (2, 200), (3, 400), (40, 1_000)] {
        let samples: Vec<_> = (0..200).map(|_| backoff(failures, PROBE_CAP)).collect();
        assert!(samples.iter().all(|wait| *wait <= Duration::from_millis(bound)));
        let high = samples.iter().any(|wait| *wait > Duration::from_millis(bound / 2));
        assert!(high, "jitter uses the whole range");
    }
}
