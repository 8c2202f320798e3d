//! I11 and what I3 says of everything that is shown: watches, GetResult, GetTask.

use std::collections::{HashMap, HashSet};

use tidemill_model::{invariant::Invariant, state::TaskState};

use super::{Case, Findings};
use crate::{
    evidence::Shown,
    history::{SeenKind, Watched},
    store::Stored,
};

/// A watcher hears of an end within this time: it leaves a silent stream after five seconds, and roles are started again.
const HEARD_WITHIN_MS: u64 = 15_000;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    let evidence = case.evidence;
    for watched in evidence.history.watched.iter().chain(&evidence.replayed) {
        let id = watched.task_id.as_str();
        let Some(task) = case.task(id) else { continue };
        if case.loss.excuses(id, task.spec.as_ref().map(|spec| spec.key.as_str())) {
            continue;
        }
        let ended = watched.ended || ended_later(watched, task);
        findings.hold(Invariant::Watch, watched.refused.is_none() && ended, || {
            format!(
                "the watch of {id} ended with {:?} after {} events",
                watched.refused,
                watched.seen.len()
            )
        });
        numbers(case, watched, task, findings);
        result(watched, task, findings);
    }
    for (what, shown) in [("GetResult", &evidence.results), ("GetTask", &evidence.tasks)] {
        same(case, what, shown, findings);
    }
}

/// Whether the watcher had gone, or might just not have heard of it, when the task ended.
fn ended_later(watched: &Watched, task: &Stored) -> bool {
    let end = task.snapshot.events.last().filter(|last| last.state.is_terminal());
    watched.left_ms > 0 && end.is_some_and(|end| end.time_ms + HEARD_WITHIN_MS > watched.left_ms)
}

/// Every number once and in order; a hole is named by `truncated`, and only what the log has lost is.
fn numbers(case: &Case<'_>, watched: &Watched, task: &Stored, findings: &mut Findings) {
    let id = watched.task_id.as_str();
    let states: HashMap<u32, TaskState> = task
        .snapshot
        .events
        .iter()
        .map(|event| (event.sequence, event.state))
        .collect();
    let kept: HashSet<u32> = case
        .evidence
        .store
        .logs
        .get(id)
        .into_iter()
        .flatten()
        .copied()
        .collect();
    let mut next = 1;
    for (position, seen) in watched.seen.iter().enumerate() {
        let (from, fits) = match &seen.what {
            SeenKind::State(state) => (seen.sequence, states.get(&seen.sequence) == Some(state)),
            SeenKind::Log => (seen.sequence, !states.contains_key(&seen.sequence)),
            SeenKind::Truncated(from) => {
                let gone =
                    (*from..=seen.sequence).all(|number| !kept.contains(&number) && !states.contains_key(&number));
                (*from, gone)
            }
            SeenKind::Result(..) => (seen.sequence, position + 1 == watched.seen.len()),
        };
        let right = from == next && fits;
        findings.hold(Invariant::Watch, right, || {
            format!(
                "the watch of {id} shows {seen:?} as number {next}; states are at {:?}",
                sorted(&states)
            )
        });
        if !right {
            return;
        }
        next = seen.sequence + 1;
    }
}

fn sorted(states: &HashMap<u32, TaskState>) -> Vec<(u32, TaskState)> {
    let mut all: Vec<(u32, TaskState)> = states.iter().map(|(number, state)| (*number, *state)).collect();
    all.sort_unstable();
    all
}

/// The result is the last message, carries the last number, and is what is stored for ever after.
fn result(watched: &Watched, task: &Stored, findings: &mut Findings) {
    let Some(last) = watched.seen.last() else { return };
    let SeenKind::Result(state, output) = &last.what else {
        findings.hold(Invariant::Watch, !watched.ended, || {
            format!("the watch of {} ended OK with {last:?}", watched.task_id)
        });
        return;
    };
    findings.hold(Invariant::Watch, last.sequence == task.snapshot.header.sequence, || {
        format!(
            "the result of {} has number {} of {}",
            watched.task_id, last.sequence, task.snapshot.header.sequence
        )
    });
    let same = *state == task.snapshot.header.state && *output == task.output;
    findings.hold(Invariant::OneTerminal, same, || {
        format!(
            "a watch of {} ended with {state:?} `{output}`, stored is {:?} `{}`",
            watched.task_id, task.snapshot.header.state, task.output
        )
    });
}

fn same(case: &Case<'_>, what: &str, shown: &HashMap<String, Shown>, findings: &mut Findings) {
    for (id, shown) in shown {
        let Some(task) = case.task(id) else { continue };
        let same = shown.state == task.snapshot.header.state as i32 && shown.output == task.output;
        findings.hold(Invariant::OneTerminal, same, || {
            format!(
                "{what} of {id} says {shown:?}, stored is {:?} `{}`",
                task.snapshot.header.state, task.output
            )
        });
    }
}
