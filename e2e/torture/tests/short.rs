//! The short form of `make torture`: a few seconds of the plans that break most, on the binary as the tests build it.

#![expect(clippy::expect_used, reason = "tests fail by panicking")]

use std::time::Duration;

use tidemill_e2e::binary;
use tidemill_torture::{
    plans::Plan,
    report::Summary,
    round::{RoundOptions, play},
    world::Durability,
};

const SEED: u64 = 42;

async fn judge(plan: &str, seconds: u64) {
    let plan = Plan::named(plan).expect("a plan of this name");
    let options = RoundOptions {
        plan,
        world: plan.world(binary("tidemill"), Durability::Strict),
        load: plan.load(),
        length: Duration::from_secs(seconds),
        seed: SEED,
    };
    let outcome = play(&options).await;
    let mut summary = Summary::new(SEED, Durability::Strict.name());
    summary.add(&outcome);
    summary.print();
    assert!(summary.acknowledged > 1_000, "there was hardly any load");
    assert_eq!(
        plan.is_calm(),
        outcome.injected.is_empty(),
        "faults are injected by plan"
    );
    assert_eq!(
        summary.exit_code(),
        0,
        "what was violated, or why the run is void, is printed above"
    );
}

// One test, so that the rounds do not share the processors.
#[tokio::test(flavor = "multi_thread")]
async fn invariants_hold_with_no_fault_under_kills_and_for_zombies() {
    judge("calm", 6).await;
    judge("kills", 12).await;
    judge("handler-pause", 10).await;
}
