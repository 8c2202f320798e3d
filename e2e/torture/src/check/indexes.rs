//! I13: indexes and counters against a recount of the records, once all is quiet.

use std::collections::{HashMap, HashSet};

use tidemill_model::{invariant::Invariant, snapshot::Counters, state::TaskState};

use super::{Case, Findings};
use crate::{faults::Fault, store::Contents};

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    let store = &case.evidence.store;
    let ids = |keep: &dyn Fn(TaskState) -> bool| -> HashSet<&str> {
        let tasks = store.tasks.iter();
        tasks
            .filter(|(_, task)| keep(task.snapshot.header.state))
            .map(|(id, _)| id.as_str())
            .collect()
    };
    equal("lease", &ids(&|state| state == TaskState::Running), store, findings);
    equal("due", &ids(&|state| state == TaskState::Scheduled), store, findings);
    equal("done", &ids(&TaskState::is_terminal), store, findings);
    equal("dead", &ids(&|state| state == TaskState::Failed), store, findings);
    let finished = ids(&TaskState::is_terminal);
    let left = store.indexes["expiry"]
        .iter()
        .filter(|id| finished.contains(id.as_str()))
        .count();
    findings.hold(Invariant::IndexIsRecord, left == 0, || {
        format!("{left} finished tasks are still to expire")
    });
    ready(store, findings);
    counters(store, findings);
    let damaged = case.evidence.has(Fault::Damage);
    findings.hold(Invariant::IndexIsRecord, damaged || case.evidence.mended == 0, || {
        format!(
            "{} orphans were mended, and nobody had damaged anything",
            case.evidence.mended
        )
    });
}

fn equal(index: &'static str, wanted: &HashSet<&str>, store: &Contents, findings: &mut Findings) {
    let there: HashSet<&str> = store.indexes[index].iter().map(String::as_str).collect();
    for id in there.union(wanted) {
        let (is, should) = (there.contains(id), wanted.contains(id));
        findings.hold(Invariant::IndexIsRecord, is == should, || {
            let state = store.tasks.get(*id).map(|task| task.snapshot.header.state);
            format!(
                "{id} is {state:?} and is {}in index {index}",
                if is { "" } else { "not " }
            )
        });
    }
}

/// A queued task is in its line. Others that are there are tombstones.
fn ready(store: &Contents, findings: &mut Findings) {
    let there: HashSet<&str> = store.ready.values().flatten().map(String::as_str).collect();
    for (id, task) in &store.tasks {
        if task.snapshot.header.state == TaskState::Queued {
            findings.hold(Invariant::IndexIsRecord, there.contains(id.as_str()), || {
                format!("{id} is queued and in no line")
            });
        }
    }
}

fn counters(store: &Contents, findings: &mut Findings) {
    let mut recount: HashMap<&str, Counters> = HashMap::new();
    for task in store.tasks.values() {
        let counters = recount.entry(task.line.as_str()).or_default();
        let state = task.snapshot.header.state;
        *counters.of(state) += 1;
        counters.bytes += if state.is_terminal() { 0 } else { task.size };
    }
    for (line, fields) in &store.counters {
        let number = |name: &str| fields.get(name).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        let wanted = recount.remove(line.as_str()).unwrap_or_default();
        let pairs = [
            ("scheduled", wanted.scheduled),
            ("queued", wanted.queued),
            ("running", wanted.running),
            ("succeeded", wanted.succeeded),
            ("failed", wanted.failed),
            ("cancelled", wanted.cancelled),
            ("expired", wanted.expired),
            ("bytes", wanted.bytes),
        ];
        for (name, wanted) in pairs {
            let shown = number(name);
            findings.hold(Invariant::IndexIsRecord, u64::try_from(shown) == Ok(wanted), || {
                format!("counter {name} of {line} is {shown}, counted {wanted}")
            });
        }
        of_kinds(line, fields, store, findings);
    }
    for line in recount.keys() {
        findings.hold(Invariant::IndexIsRecord, false, || {
            format!("line {line} has no counters")
        });
    }
}

/// `k:<kind>` counts ready tasks, `u:<kind>` running ones; a field of nothing is not there.
fn of_kinds(line: &str, fields: &HashMap<String, String>, store: &Contents, findings: &mut Findings) {
    for (prefix, state) in [("k:", TaskState::Queued), ("u:", TaskState::Running)] {
        for (field, text) in fields {
            let Some(kind) = field.strip_prefix(prefix) else {
                continue;
            };
            let of_kind = |task: &&crate::store::Stored| {
                task.line == *line && task.kind == *kind && task.snapshot.header.state == state
            };
            let wanted = store.tasks.values().filter(of_kind).count();
            findings.hold(
                Invariant::IndexIsRecord,
                *text == wanted.to_string() && wanted > 0,
                || format!("counter {field} of {line} is {text}, counted {wanted}"),
            );
        }
    }
}
