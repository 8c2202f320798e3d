//! I2, I4, I5, I7: what handlers did and were told, against the leases in the record's log. The n-th lease has fence n.

use tidemill_model::{
    invariant::Invariant,
    record::StateEvent,
    state::{Cause, TaskState},
};

use super::{Case, Findings, Lease, tasks::end_of_lease};
use crate::{probes::PROBE_KIND, store::Stored, world::Durability};

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    let calm = case.evidence.injected.is_empty() && !case.evidence.history.asks.iter().any(|ask| ask.spec.crash > 0);
    for probed in &case.evidence.history.probed {
        // `fast` may take a lease back, and the one before it is the latest again.
        let always = probed.always && case.evidence.durability == Durability::Strict;
        if always || case.evidence.injected.is_empty() {
            findings.hold(probed.invariant, probed.held, || probed.what.clone());
        }
    }
    for (id, task) in case.tasks() {
        // Its owners write no journal; they judge for themselves.
        if task.kind == PROBE_KIND {
            continue;
        }
        ran_before_success(case, id, task, findings);
        starts(case, id, task, calm, findings);
        let Some(leases) = case.leases.get(id) else { continue };
        for (fence, lease) in leases {
            settle(case, id, task, *fence, lease, findings);
            let later = leases.range(fence + 1..).flat_map(|(_, later)| later.starts.first());
            stale(id, *fence, lease, later.map(|start| start.time_ms).min(), findings);
        }
    }
}

fn ran_before_success(case: &Case<'_>, id: &str, task: &Stored, findings: &mut Findings) {
    let header = &task.snapshot.header;
    if header.state != TaskState::Succeeded {
        return;
    }
    let lease = case
        .leases
        .get(id)
        .and_then(|leases| leases.get(&i64::from(header.fence)));
    let started = lease.is_some_and(|lease| !lease.starts.is_empty());
    let completed = lease.is_some_and(|lease| lease.settle.is_some_and(|entry| entry.note == "complete"));
    findings.hold(Invariant::RanBeforeSuccess, started && completed, || {
        format!(
            "{id} succeeded under fence {}; started {started}, completed by its handler {completed}",
            header.fence
        )
    });
    let right = format!("fence={} ", header.fence);
    let output = &task.output;
    let own = output.starts_with(id) && output.contains(&right);
    findings.hold(Invariant::Fencing, own, || {
        format!("{id} ended under fence {} with the output `{output}`", header.fence)
    });
}

fn starts(case: &Case<'_>, id: &str, task: &Stored, calm: bool, findings: &mut Findings) {
    let empty = std::collections::BTreeMap::new();
    let leases = case.leases.get(id).unwrap_or(&empty);
    let fence = i64::from(task.snapshot.header.fence);
    let mut all = 0;
    for (of, lease) in leases {
        all += lease.starts.len();
        findings.hold(
            Invariant::FenceMonotone,
            lease.starts.len() <= 1 && *of <= fence,
            || {
                let pids: Vec<u32> = lease.starts.iter().map(|start| start.pid).collect();
                format!("{id}: fence {of} of {fence} was started by {pids:?}")
            },
        );
    }
    let count = |cause| task.snapshot.events.iter().filter(|event| event.cause == cause).count();
    let allowed = 1 + count(Cause::Retry) + count(Cause::Crashed) + count(Cause::Released);
    findings.hold(Invariant::BoundedDuplicates, all <= allowed, || {
        format!("{id} was started {all} times and may {allowed} times")
    });
    if calm {
        let crashed = count(Cause::Crashed) + usize::from(task.snapshot.header.crashes);
        let exact = crashed == 0 && all == count(Cause::Leased);
        findings.hold(Invariant::BoundedDuplicates, exact, || {
            format!(
                "{id}, with no fault about: {all} starts, {} leases, {crashed} crashes",
                count(Cause::Leased)
            )
        });
    }
}

/// What the handler was told of its settle is what the log says of that lease; and nobody else ends a lease but time.
fn settle(case: &Case<'_>, id: &str, task: &Stored, fence: i64, lease: &Lease<'_>, findings: &mut Findings) {
    let n = usize::try_from(fence).unwrap_or(0);
    let end = end_of_lease(&task.snapshot.events, n);
    let shown = || end.map(|end: &StateEvent| (end.cause, end.state));
    if let (Some(settle), Some(settled)) = (lease.settle, lease.settled) {
        let fits = end.is_some_and(|end| {
            let cause = match settle.note.as_str() {
                "complete" => end.cause == Cause::Finished,
                "fail" => matches!(end.cause, Cause::Retry | Cause::Finished),
                "release" => matches!(end.cause, Cause::Released | Cause::Finished),
                _ => false,
            };
            cause && told_state_fits(&settled.note, end.state)
        });
        findings.hold(Invariant::Fencing, fits, || {
            format!(
                "{id}: a {} under fence {fence} was accepted with state {}, the log says {:?}",
                settle.note,
                settled.note,
                shown()
            )
        });
    }
    // Only an owner fails an attempt, and only with its own words.
    if end.is_some_and(|end| end.cause == Cause::Retry) {
        let said = lease.settle.is_some_and(|settle| settle.note == "fail");
        findings.hold(Invariant::Fencing, said, || {
            format!("{id}: fence {fence} failed, and its handler did not say so")
        });
    }
    let _ = case;
}

/// The answer carries the state after the settle; a repeat of it, the state of now.
fn told_state_fits(note: &str, state: TaskState) -> bool {
    let told = note.parse::<u8>().ok().and_then(TaskState::from_number);
    told.is_some_and(|told| told == state || !state.is_terminal())
}

/// A settle that was first sent after a later lease had begun must not be accepted.
fn stale(id: &str, fence: i64, lease: &Lease<'_>, later_start_ms: Option<u64>, findings: &mut Findings) {
    let (Some(settle), Some(later)) = (lease.settle, later_start_ms) else {
        return;
    };
    let came_late = settle.time_ms > later;
    findings.hold(Invariant::Fencing, !(came_late && lease.settled.is_some()), || {
        format!(
            "{id}: a {} under fence {fence} sent {} ms after a later lease had begun was accepted",
            settle.note,
            settle.time_ms - later
        )
    });
}
