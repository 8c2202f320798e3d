//! The checker: holds what everybody was told and wrote down against the store, invariant by invariant.

mod indexes;
mod journal;
mod keys;
mod limits;
mod loss;
mod tasks;
mod watches;

use std::collections::{BTreeMap, HashMap};

use tidemill_e2e::Entry;
use tidemill_model::invariant::{Broken, Invariant};

pub use loss::Loss;

use crate::{evidence::Evidence, store::Stored};

/// The invariants that this rig judges; the others have no part in it yet (tenants, webhooks) or checks of their own (secrets).
pub const JUDGED: [Invariant; 16] = [
    Invariant::NoAckedLoss,
    Invariant::RanBeforeSuccess,
    Invariant::OneTerminal,
    Invariant::Fencing,
    Invariant::FenceMonotone,
    Invariant::LeaseExclusion,
    Invariant::BoundedDuplicates,
    Invariant::Budget,
    Invariant::Idempotency,
    Invariant::LegalEdges,
    Invariant::Watch,
    Invariant::Schedule,
    Invariant::IndexIsRecord,
    Invariant::HonestRefusal,
    Invariant::BoundedMemory,
    Invariant::Recovery,
];

/// What is found about one invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Which.
    pub invariant: Invariant,
    /// How many times it was looked at.
    pub judged: u64,
    /// How many times it did not hold.
    pub violations: u64,
    /// The shortest evidence of a violation.
    pub evidence: String,
}

/// Verdicts in the making.
#[derive(Debug, Default)]
pub(crate) struct Findings(BTreeMap<Invariant, (u64, u64, String)>);

impl Findings {
    /// One look at an invariant.
    pub(crate) fn hold(&mut self, invariant: Invariant, holds: bool, evidence: impl FnOnce() -> String) {
        let (judged, violations, shortest) = self.0.entry(invariant).or_default();
        *judged += 1;
        if !holds {
            *violations += 1;
            let evidence = evidence();
            if shortest.is_empty() || evidence.len() < shortest.len() {
                *shortest = evidence;
            }
        }
    }

    /// The verdict of a check of the model's.
    pub(crate) fn model(&mut self, invariant: Invariant, check: Result<(), Broken>, task: &str) {
        match check {
            Ok(()) => self.hold(invariant, true, String::new),
            Err(broken) => self.hold(broken.invariant, false, || format!("{task}: {}", broken.detail)),
        }
    }

    fn verdicts(mut self) -> Vec<Verdict> {
        let verdict = |invariant| {
            let (judged, violations, evidence) = self.0.remove(&invariant).unwrap_or_default();
            Verdict {
                invariant,
                judged,
                violations,
                evidence,
            }
        };
        JUDGED.into_iter().map(verdict).collect()
    }
}

/// What handlers wrote about one lease.
#[derive(Debug, Default)]
pub(crate) struct Lease<'a> {
    /// Each start; more than one is a violation.
    pub(crate) starts: Vec<&'a Entry>,
    /// When a settle was first sent, and which.
    pub(crate) settle: Option<&'a Entry>,
    /// It was accepted, by this answer.
    pub(crate) settled: Option<&'a Entry>,
}

/// The evidence, sorted by what is looked up.
pub(crate) struct Case<'a> {
    pub(crate) evidence: &'a Evidence,
    /// By task and fence.
    pub(crate) leases: HashMap<&'a str, BTreeMap<i64, Lease<'a>>>,
    /// Tasks that a fault may have taken back, where the durability mode allows it.
    pub(crate) loss: Loss,
}

impl<'a> Case<'a> {
    fn new(evidence: &'a Evidence) -> Self {
        let mut leases: HashMap<&str, BTreeMap<i64, Lease<'_>>> = HashMap::new();
        for entry in &evidence.journal {
            let of_task = leases.entry(entry.task_id.as_str()).or_default();
            let lease = of_task.entry(entry.fence).or_default();
            match entry.what.as_str() {
                "start" => lease.starts.push(entry),
                "settle" => lease.settle = lease.settle.or(Some(entry)),
                "settled" => lease.settled = lease.settled.or(Some(entry)),
                _ => {}
            }
        }
        let loss = Loss::of(evidence);
        Self { evidence, leases, loss }
    }

    /// Records of the load that no fault may have taken back.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = (&'a str, &'a Stored)> {
        let tasks = self.evidence.store.tasks.iter();
        tasks
            .filter(|(id, task)| !self.loss.excuses(id, task.spec.as_ref().map(|spec| spec.key.as_str())))
            .map(|(id, task)| (id.as_str(), task))
    }

    /// A record.
    pub(crate) fn task(&self, id: &str) -> Option<&'a Stored> {
        self.evidence.store.tasks.get(id)
    }
}

/// Judges everything. Tells what was lost within what the durability mode allows, too.
#[must_use]
pub fn judge(evidence: &Evidence) -> (Vec<Verdict>, Loss) {
    let case = Case::new(evidence);
    let mut findings = Findings::default();
    tasks::check(&case, &mut findings);
    journal::check(&case, &mut findings);
    keys::check(&case, &mut findings);
    watches::check(&case, &mut findings);
    indexes::check(&case, &mut findings);
    limits::check(&case, &mut findings);
    (findings.verdicts(), case.loss)
}
