//! The order of things: first the unchanged program under every plan that is used, then each mutant under its own.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    Failure,
    args::Args,
    build::{Programs, UNCHANGED},
    report,
    rig::{Ended, Rig, Run},
    table::Mutant,
};

/// What became of a mutant.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) mutant: Mutant,
    pub(crate) ended: Ended,
    pub(crate) took: Duration,
}

impl Tried {
    pub(crate) fn is_caught(&self) -> bool {
        matches!(self.ended, Ended::Violated(..))
    }

    /// Caught, but not by what was thought to catch it: worth a look at either.
    pub(crate) fn is_surprising(&self) -> bool {
        match &self.ended {
            Ended::Violated(codes, _) => !codes.iter().any(|code| self.mutant.expect.contains(code)),
            _ => false,
        }
    }
}

/// Runs everything.
pub(crate) async fn run(
    rig: Rig,
    mutants: Vec<Mutant>,
    programs: &Programs,
    args: &Args,
) -> Result<Vec<Tried>, Failure> {
    let rig = Arc::new(rig);
    baseline(&rig, &mutants, programs, args).await?;
    let mut work = Vec::new();
    for mutant in mutants {
        let run = Run {
            name: mutant.name.clone(),
            binary: programs.of(&mutant.name)?.to_owned(),
            plan: mutant.plan.clone(),
            seconds: mutant.seconds,
            seed: args.seed,
            keep: args.keep,
        };
        work.push(try_mutant(Arc::clone(&rig), mutant, run));
    }
    side_by_side(args.jobs, work).await
}

async fn try_mutant(rig: Arc<Rig>, mutant: Mutant, run: Run) -> Result<Tried, Failure> {
    let begun = Instant::now();
    let tried = Tried {
        mutant,
        ended: twice_if_void(&rig, run).await?,
        took: begun.elapsed(),
    };
    report::progress(&tried);
    Ok(tried)
}

/// A checker that finds fault with the unchanged program would find it with every mutant, too.
async fn baseline(rig: &Arc<Rig>, mutants: &[Mutant], programs: &Programs, args: &Args) -> Result<(), Failure> {
    let mut plans: BTreeMap<&str, u64> = BTreeMap::new();
    for mutant in mutants {
        let seconds = plans.entry(&mutant.plan).or_default();
        *seconds = mutant.seconds.max(*seconds);
    }
    let binary = programs.of(UNCHANGED)?;
    let run = |(plan, seconds): (&str, u64)| Run {
        name: UNCHANGED.to_owned(),
        binary: binary.to_owned(),
        plan: plan.to_owned(),
        seconds,
        seed: args.seed,
        keep: args.keep,
    };
    let runs = plans.into_iter().map(run);
    let work = runs.map(|run| insist(Arc::clone(rig), run)).collect();
    side_by_side(args.jobs, work).await.map(drop)
}

async fn insist(rig: Arc<Rig>, run: Run) -> Result<(), Failure> {
    let plan = run.plan.clone();
    let ended = twice_if_void(&rig, run).await?;
    let line = format!("the {UNCHANGED} program under {plan}: {}", report::outcome(&ended));
    println!("{line}");
    if ended == Ended::Held {
        Ok(())
    } else {
        Err(Failure::Baseline(line))
    }
}

async fn twice_if_void(rig: &Rig, mut run: Run) -> Result<Ended, Failure> {
    let ended = rig.run(&run).await?;
    if ended != Ended::Void {
        return Ok(ended);
    }
    run.seed += 1;
    rig.run(&run).await
}

/// So many at a time, answered in their order. The first error ends the others.
async fn side_by_side<T: Send + 'static>(
    jobs: usize,
    work: Vec<impl Future<Output = Result<T, Failure>> + Send + 'static>,
) -> Result<Vec<T>, Failure> {
    let slots = Arc::new(Semaphore::new(jobs));
    let mut set = JoinSet::new();
    for (place, one) in work.into_iter().enumerate() {
        let slots = Arc::clone(&slots);
        set.spawn(async move {
            // Never closed.
            let _slot = slots.acquire_owned().await;
            one.await.map(|answer| (place, answer))
        });
    }
    let mut answers = BTreeMap::new();
    while let Some(joined) = set.join_next().await {
        let (place, answer) = joined.map_err(|error| Failure::Broken(error.to_string()))??;
        answers.insert(place, answer);
    }
    Ok(answers.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_violation_is_a_catch_and_one_that_nobody_expected_is_marked() {
        let mutant = || Mutant {
            name: "a".to_owned(),
            why: "why".to_owned(),
            changes: Vec::new(),
            plan: "calm".to_owned(),
            seconds: 1,
            expect: vec!["I4".to_owned()],
        };
        let tried = |ended| {
            let one = Tried {
                mutant: mutant(),
                ended,
                took: Duration::ZERO,
            };
            (one.is_caught(), one.is_surprising())
        };
        let by = |codes: &[&str]| Ended::Violated(codes.iter().map(|&code| code.to_owned()).collect(), String::new());
        assert_eq!(tried(by(&["I3", "I4"])), (true, false));
        assert_eq!(tried(by(&["I3"])), (true, true));
        for ended in [Ended::Held, Ended::Void, Ended::Failed(String::new())] {
            assert_eq!(tried(ended), (false, false));
        }
    }

    #[tokio::test]
    async fn answers_come_in_the_order_of_the_work_and_no_more_run_at_once_than_allowed() {
        let busy = Arc::new(Semaphore::new(2));
        let one = |number: u32| {
            let busy = Arc::clone(&busy);
            async move {
                let room = busy.try_acquire();
                tokio::task::yield_now().await;
                room.map(|_| number).map_err(|_| Failure::Broken("too many".to_owned()))
            }
        };
        let answers = side_by_side(2, (0..20).map(one).collect()).await;
        assert_eq!(answers.unwrap(), (0..20).collect::<Vec<_>>());
        assert!(side_by_side(3, (0..20).map(one).collect()).await.is_err());
    }
}
