//! What is printed and written.

use std::collections::BTreeMap;

use serde::Serialize;
use tidemill_model::invariant::Invariant;

use crate::{check::Verdict, round::Outcome};

/// Of one run: all rounds together.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Decides everything but the timing.
    pub seed: u64,
    /// `strict` or `fast`.
    pub durability: String,
    /// Plans, in the order in which they were played.
    pub plans: Vec<String>,
    /// Tasks acknowledged.
    pub acknowledged: u64,
    /// Handler starts.
    pub started: u64,
    /// Tries of unknown outcome.
    pub unknown_tries: u64,
    /// Tries answered with "not applied".
    pub refused_tries: u64,
    /// Faults injected, by name.
    pub faults: BTreeMap<String, u64>,
    /// Longest time in ms from the end of a fault to the next acknowledged task, by fault.
    pub recovery_ms: BTreeMap<String, u64>,
    /// One line for each invariant.
    pub verdicts: Vec<Line>,
    /// Why rounds prove nothing.
    pub void: Vec<String>,
    /// Acknowledged enqueues that the durability mode allowed to be lost, and were.
    pub lost: u64,
    /// Ms from the oldest of them to its fault.
    pub oldest_lost_ms: u64,
}

/// One invariant.
#[derive(Debug, Serialize)]
pub struct Line {
    /// `I4`.
    pub invariant: String,
    /// `Fencing`.
    pub name: String,
    /// How many times it was looked at.
    pub judged: u64,
    /// How many times it did not hold.
    pub violations: u64,
    /// The shortest evidence, with the plan that showed it.
    pub evidence: String,
}

impl Summary {
    /// Of nothing yet.
    #[must_use]
    pub fn new(seed: u64, durability: &str) -> Self {
        let line = |invariant: Invariant| Line {
            invariant: invariant.code(),
            name: format!("{invariant:?}"),
            judged: 0,
            violations: 0,
            evidence: String::new(),
        };
        Self {
            seed,
            durability: durability.to_owned(),
            plans: Vec::new(),
            acknowledged: 0,
            started: 0,
            unknown_tries: 0,
            refused_tries: 0,
            faults: BTreeMap::new(),
            recovery_ms: BTreeMap::new(),
            verdicts: crate::check::JUDGED.into_iter().map(line).collect(),
            void: Vec::new(),
            lost: 0,
            oldest_lost_ms: 0,
        }
    }

    /// Adds a round.
    pub fn add(&mut self, outcome: &Outcome) {
        self.plans.push(outcome.plan.to_owned());
        self.acknowledged += outcome.acknowledged;
        self.started += outcome.started;
        self.unknown_tries += outcome.failed_tries[0];
        self.refused_tries += outcome.failed_tries[1];
        self.lost += outcome.lost;
        self.oldest_lost_ms = self.oldest_lost_ms.max(outcome.oldest_lost_ms);
        for injected in &outcome.injected {
            *self.faults.entry(injected.fault.name().to_owned()).or_default() += 1;
            let none = if injected.last { 0 } else { u64::MAX };
            let took = injected.recovery.map_or(none, |took| took.as_millis() as u64);
            let most = self.recovery_ms.entry(injected.fault.name().to_owned()).or_default();
            *most = (*most).max(took);
        }
        self.void
            .extend(outcome.void.iter().map(|why| format!("{}: {why}", outcome.plan)));
        for (line, verdict) in self.verdicts.iter_mut().zip(&outcome.verdicts) {
            line.add(verdict, outcome.plan);
        }
    }

    /// Violations in all.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.verdicts.iter().map(|line| line.violations).sum()
    }

    /// 0: all held; 1: violated; 2: void.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (self.violations(), self.void.is_empty()) {
            (1.., _) => 1,
            (0, false) => 2,
            (0, true) => 0,
        }
    }

    /// For people.
    pub fn print(&self) {
        println!();
        println!(
            "{:<5} {:<18} {:>10} {:>11}  verdict",
            "", "invariant", "looked at", "violations"
        );
        for line in &self.verdicts {
            let verdict = match (line.judged, line.violations) {
                (0, _) => "not judged",
                (_, 0) => "held",
                _ => "VIOLATED",
            };
            let Line {
                invariant,
                name,
                judged,
                violations,
                ..
            } = line;
            println!("{invariant:<5} {name:<18} {judged:>10} {violations:>11}  {verdict}");
        }
        for line in self.verdicts.iter().filter(|line| line.violations > 0) {
            println!("{} {}: {}", line.invariant, line.name, line.evidence);
        }
        println!();
        for (fault, count) in &self.faults {
            println!(
                "{count:>6} x {fault:<18} served again within {} ms",
                self.recovery_ms[fault]
            );
        }
        println!(
            "{} tasks acknowledged, {} handler starts, {} tries of unknown outcome, {} not applied; {}, seed {}",
            self.acknowledged, self.started, self.unknown_tries, self.refused_tries, self.durability, self.seed
        );
        if self.durability == "fast" {
            println!(
                "{} acknowledged tasks lost, the oldest {} ms old: within what `fast` promises",
                self.lost, self.oldest_lost_ms
            );
        }
        self.void.iter().for_each(|why| println!("VOID {why}"));
        let last = match self.exit_code() {
            0 => "every invariant held",
            1 => "VIOLATED",
            _ => "void: this run proves nothing",
        };
        println!("{last}");
    }
}

impl Line {
    fn add(&mut self, verdict: &Verdict, plan: &str) {
        self.judged += verdict.judged;
        self.violations += verdict.violations;
        let shorter = self.evidence.is_empty() || verdict.evidence.len() < self.evidence.len();
        if verdict.violations > 0 && shorter {
            self.evidence = format!("[{plan}] {}", verdict.evidence);
        }
    }
}
