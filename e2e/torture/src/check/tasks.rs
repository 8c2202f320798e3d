//! I1, I3, I6, I8, I10, I12: what each record says of itself, and whether everything acknowledged is there.

use tidemill_model::{
    invariant::{Invariant, NotBefore, check_budget, check_legal_edges, check_one_terminal, check_schedule},
    op::Rules,
    record::StateEvent,
    state::{Cause, TaskState},
};

use super::{Case, Findings};
use crate::store::Stored;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    acknowledged(case, findings);
    cancels(case, findings);
    let rules = Rules::default();
    for unreadable in &case.evidence.store.unreadable {
        findings.hold(Invariant::NoAckedLoss, false, || format!("unreadable: {unreadable}"));
    }
    for (id, task) in case.tasks() {
        let log = case.evidence.store.logs.get(id).map_or(&[][..], Vec::as_slice);
        findings.model(Invariant::OneTerminal, check_one_terminal(&task.snapshot), id);
        findings.model(Invariant::Budget, check_budget(&task.snapshot, &rules), id);
        findings.model(Invariant::LegalEdges, check_legal_edges(&task.snapshot, log), id);
        one_lease_at_a_time(id, task, findings);
        charged_once(id, task, findings);
        stopped(id, task, findings);
        in_time(id, task, findings);
    }
}

fn acknowledged(case: &Case<'_>, findings: &mut Findings) {
    for ask in &case.evidence.history.asks {
        let Some(id) = ask.stored() else { continue };
        if case.loss.excuses(id, Some(&ask.spec.key)) {
            continue;
        }
        let state = case.task(id).map(|task| task.snapshot.header.state);
        findings.hold(
            Invariant::NoAckedLoss,
            state.is_some_and(TaskState::is_terminal),
            || format!("{id}, acknowledged at {}, is {state:?} in the end", ask.answered_ms),
        );
    }
}

/// An acknowledged cancel has ended the task, or is in its log.
fn cancels(case: &Case<'_>, findings: &mut Findings) {
    for cancel in &case.evidence.history.cancels {
        let (id, Some(told)) = (cancel.task_id.as_str(), cancel.told) else {
            continue;
        };
        let Some(task) = case.task(id).filter(|_| !case.loss.excuses(id, None)) else {
            continue;
        };
        let has = |cause| task.snapshot.events.iter().any(|event| event.cause == cause);
        let kept = match told {
            TaskState::Running => has(Cause::CancelRequested),
            told => task.snapshot.header.state == told,
        };
        findings.hold(Invariant::NoAckedLoss, kept, || {
            format!(
                "{id}: its cancel was answered with {told:?}, its log is {:?}",
                causes(task)
            )
        });
    }
}

fn causes(task: &Stored) -> Vec<Cause> {
    task.snapshot.events.iter().map(|event| event.cause).collect()
}

/// The event that ended the n-th lease (from 1); `None`: it has not ended.
pub(super) fn end_of_lease(events: &[StateEvent], n: usize) -> Option<&StateEvent> {
    let mut leases = events
        .iter()
        .enumerate()
        .filter(|(_, event)| event.cause == Cause::Leased);
    let (at, _) = leases.nth(n.checked_sub(1)?)?;
    let asked = |event: &&StateEvent| !matches!(event.cause, Cause::CancelRequested | Cause::ExpiryRequested);
    events[at + 1..].iter().find(asked)
}

fn one_lease_at_a_time(id: &str, task: &Stored, findings: &mut Findings) {
    let mut running = false;
    let mut overlaps = false;
    for event in &task.snapshot.events {
        overlaps |= running && event.cause == Cause::Leased;
        running = event.state == TaskState::Running;
    }
    let granted = causes(task).iter().filter(|cause| **cause == Cause::Leased).count();
    findings.hold(Invariant::LeaseExclusion, !overlaps, || {
        format!("{id} was leased while it was leased: {:?}", causes(task))
    });
    let fence = task.snapshot.header.fence;
    findings.hold(Invariant::FenceMonotone, granted == fence as usize, || {
        format!("{id} was leased {granted} times and its fence is {fence}")
    });
}

/// Each end of an attempt that was not a success is charged exactly once: a failure if the handler said so, a crash if its lease expired.
fn charged_once(id: &str, task: &Stored, findings: &mut Findings) {
    let header = &task.snapshot.header;
    let count = |cause| causes(task).iter().filter(|known| **known == cause).count();
    let (failures, crashes) = (usize::from(header.failures), usize::from(header.crashes));
    // The last one may have ended the task instead.
    let ended = usize::from(header.state.is_terminal() && header.state != TaskState::Succeeded);
    let (retried, reaped) = (count(Cause::Retry), count(Cause::Crashed));
    let right = failures >= retried
        && crashes >= reaped
        && failures + crashes <= retried + reaped + ended
        && usize::from(header.releases) <= count(Cause::Released) + ended;
    findings.hold(Invariant::Budget, right, || {
        format!(
            "{id}: {failures} failures, {crashes} crashes, {} releases charged, log {:?}",
            header.releases,
            causes(task)
        )
    });
    let Some(spec) = &task.spec else { return };
    if spec.permanent {
        findings.hold(Invariant::Budget, failures <= 1, || {
            format!("{id} failed for good, and {failures} times")
        });
    }
    let released = u32::from(header.releases);
    findings.hold(Invariant::Budget, released <= spec.release, || {
        format!("{id} asked for {} releases and {released} were charged", spec.release)
    });
}

/// Whoever was asked to stop gets no other attempt.
fn stopped(id: &str, task: &Stored, findings: &mut Findings) {
    let mut causes_after = causes(task)
        .into_iter()
        .skip_while(|cause| !matches!(cause, Cause::CancelRequested | Cause::ExpiryRequested));
    if causes_after.next().is_some() {
        let goes_on = causes_after
            .any(|cause| !matches!(cause, Cause::CancelRequested | Cause::ExpiryRequested | Cause::Finished));
        findings.hold(Invariant::LegalEdges, !goes_on, || {
            format!("{id} went on after a request to stop: {:?}", causes(task))
        });
    }
}

fn in_time(id: &str, task: &Stored, findings: &mut Findings) {
    let (Some(spec), Some(first)) = (&task.spec, task.snapshot.events.first()) else {
        return;
    };
    if spec.delay == 0 {
        return;
    }
    let wait = NotBefore {
        sequence: first.sequence,
        due_ms: first.time_ms + spec.delay,
    };
    findings.model(Invariant::Schedule, check_schedule(&task.snapshot, &[wait]), id);
}
