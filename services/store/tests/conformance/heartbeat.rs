//! T3.

use tidemill_model::op::{Heartbeat, Renewal, StopRequest};

use crate::{
    conformance,
    subject::{START, Subject, task},
};

conformance!(
    renews_from_the_sign_of_life,
    carries_a_stop_request,
    strangers_renew_nothing,
    runs_out
);

async fn renews_from_the_sign_of_life(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    let renewal = s.heartbeat(START + 10_000, Heartbeat { token, age_ms: 2_000 }).await;
    assert_eq!(
        renewal,
        Renewal::Renewed {
            stop: None,
            remaining_ms: 90_000
        }
    );
    let found = s.snapshot(token.task).await.unwrap().header;
    assert_eq!(
        (found.deadline_ms, found.run_ms, found.mark),
        (START + 38_000, 10_000, START + 10_000)
    );
    // The end of a lease never moves back, and neither version nor sequence change.
    s.heartbeat(START + 10_500, Heartbeat { token, age_ms: 20_000 }).await;
    let found = s.snapshot(token.task).await.unwrap().header;
    assert_eq!(
        (found.deadline_ms, found.version, found.sequence),
        (START + 38_000, 2, 2)
    );
}

async fn carries_a_stop_request(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    s.cancel(START, token.task, "enough").await;
    let renewal = s.heartbeat(START, Heartbeat { token, age_ms: 0 }).await;
    assert_eq!(
        renewal,
        Renewal::Renewed {
            stop: Some(StopRequest::Cancel),
            remaining_ms: 100_000
        }
    );
}

async fn strangers_renew_nothing(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    for stranger in [
        tidemill_model::id::LeaseToken { fence: 2, ..token },
        tidemill_model::id::LeaseToken {
            nonce: [0; 16],
            ..token
        },
        tidemill_model::id::LeaseToken {
            task: task(2, "q", "k").id,
            ..token
        },
    ] {
        assert_eq!(
            s.heartbeat(
                START + 9_000,
                Heartbeat {
                    token: stranger,
                    age_ms: 0
                }
            )
            .await,
            Renewal::Lost
        );
    }
    assert_eq!(s.snapshot(token.task).await.unwrap().header.deadline_ms, START + 30_000);
}

async fn runs_out(s: &mut impl Subject) {
    let token = s.running(START, task(1, "q", "k")).await;
    for step in 1..=11 {
        let renewal = s.heartbeat(START + step * 10_000, Heartbeat { token, age_ms: 0 }).await;
        let remaining_ms = 100_000u64.saturating_sub(step * 10_000);
        assert_eq!(
            renewal,
            Renewal::Renewed {
                stop: None,
                remaining_ms
            }
        );
    }
    assert_eq!(
        s.heartbeat(START + 110_001, Heartbeat { token, age_ms: 0 }).await,
        Renewal::TimedOut
    );
    // A jump of the clock counts as one lease at most.
    let token = s.running(START, task(2, "q", "k")).await;
    let renewal = s.heartbeat(START + 9_000_000, Heartbeat { token, age_ms: 0 }).await;
    assert_eq!(
        renewal,
        Renewal::Renewed {
            stop: None,
            remaining_ms: 70_000
        }
    );
}
