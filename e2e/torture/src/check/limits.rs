//! I17, I18: memory, and how long it takes until all is well again.

use tidemill_model::{invariant::Invariant, state::Cause};

use super::{Case, Findings, tasks::end_of_lease};
use crate::{
    faults::{Fault, Injected},
    history::Told,
    world::LEASE_TTL,
};

/// A role process must stay below this under the load of a round.
const ROLE_MEMORY: u64 = 384 << 20;
/// From the end of a fault to the next acknowledged task.
const SERVING_AGAIN_MS: u128 = 10_000;
/// An orphan is back within its lease and this.
const RECLAIM_MS: u64 = 2_000;
/// More if Redis was away or its clock stepped: reaping holds off.
const HOLD_OFF_MS: u64 = 2_000;

/// When exactly memory is full, to both sides of what was noted.
const FULL_EDGE_MS: u64 = 300;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    memory(case, findings);
    recovery(case, findings);
    orphans(case, findings);
}

fn memory(case: &Case<'_>, findings: &mut Findings) {
    let store = &case.evidence.store;
    findings.hold(Invariant::BoundedMemory, store.evicted == 0, || {
        format!("{} keys were evicted", store.evicted)
    });
    let (used, limit) = store.memory;
    findings.hold(Invariant::BoundedMemory, used <= limit, || {
        format!("{used} bytes of {limit} in use")
    });
    full(case, findings);
    for sample in &case.evidence.memory {
        findings.hold(Invariant::BoundedMemory, sample.most <= ROLE_MEMORY, || {
            format!("{} had {} MiB", sample.name, sample.most >> 20)
        });
    }
}

/// While memory is full nothing new is taken in: what is left is for settling.
fn full(case: &Case<'_>, findings: &mut Findings) {
    let evidence = case.evidence;
    let full = evidence
        .injected
        .iter()
        .filter(|injected| injected.fault == Fault::MemoryFull);
    for injected in full {
        let (from, to) = (
            injected.from_ms + FULL_EDGE_MS,
            injected.to_ms.saturating_sub(FULL_EDGE_MS),
        );
        let meanwhile = evidence
            .history
            .asks
            .iter()
            .filter(|ask| ask.sent_ms >= from && ask.answered_ms <= to);
        for ask in meanwhile {
            let new = |told: &Told| {
                matches!(
                    told,
                    Told::Stored {
                        deduplicated: false,
                        ..
                    }
                )
            };
            findings.hold(Invariant::BoundedMemory, !ask.told.iter().any(new), || {
                format!("{} was taken in while memory was full", ask.spec.key)
            });
        }
    }
}

fn recovery(case: &Case<'_>, findings: &mut Findings) {
    let evidence = case.evidence;
    findings.hold(Invariant::Recovery, evidence.unquiet.is_none(), || {
        evidence.unquiet.clone().unwrap_or_default()
    });
    for accident in &evidence.accidents {
        findings.hold(Invariant::Recovery, false, || accident.clone());
    }
    for injected in &evidence.injected {
        let in_time = injected
            .recovery
            .is_some_and(|took| took.as_millis() <= SERVING_AGAIN_MS);
        findings.hold(Invariant::Recovery, in_time || injected.last, || {
            format!(
                "after {} ({}) nobody was served for {:?}",
                injected.fault.name(),
                injected.note,
                injected.recovery
            )
        });
        if injected.fault == Fault::VanishedStore {
            let refused = injected.note.starts_with("0 roles ready") && injected.note.contains(":0");
            findings.hold(Invariant::Recovery, refused, || {
                format!("vanished store: {}", injected.note)
            });
        }
    }
}

/// What a killed or frozen handler process held is taken up in time.
fn orphans(case: &Case<'_>, findings: &mut Findings) {
    let clocks = case.evidence.has(Fault::RedisClock);
    let deaths = case
        .evidence
        .injected
        .iter()
        .filter(|injected| injected.pid.is_some() && !clocks);
    for death in deaths {
        let (allowed, ttl) = (allowance(case, death), LEASE_TTL.as_millis() as u64);
        let Some(allowed) = allowed else { continue };
        for (id, task) in case.tasks() {
            let Some(leases) = case.leases.get(id) else { continue };
            for (fence, lease) in leases {
                let held = lease.starts.first().is_some_and(|start| {
                    Some(start.pid) == death.pid && start.time_ms <= death.from_ms && lease.settle.is_none()
                });
                let end = end_of_lease(&task.snapshot.events, usize::try_from(*fence).unwrap_or(0));
                let Some(end) = end.filter(|end| held && end.cause == Cause::Crashed) else {
                    continue;
                };
                let took = end.time_ms.saturating_sub(death.from_ms);
                findings.hold(Invariant::Recovery, took <= ttl + allowed, || {
                    format!("{id} was taken up {took} ms after its handler process was gone")
                });
            }
        }
    }
}

/// Ms beyond the lease; `None`: another fault was about that explains any delay.
fn allowance(case: &Case<'_>, death: &Injected) -> Option<u64> {
    let others = case.evidence.injected.iter().filter(|other| {
        other.from_ms <= death.from_ms + 8_000 && other.to_ms + 4_000 >= death.from_ms && other.pid.is_none()
    });
    let mut allowed = RECLAIM_MS;
    for other in others {
        if other.fault == Fault::RedisKill {
            allowed += HOLD_OFF_MS + (other.to_ms - other.from_ms);
        } else {
            return None;
        }
    }
    Some(allowed)
}
