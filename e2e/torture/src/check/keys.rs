//! I9, I16: one key, one task; and what was refused left no trace.

use std::collections::{HashMap, HashSet};

use tidemill_model::invariant::Invariant;

use super::{Case, Findings};
use crate::history::{Ask, Told};

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    let mut by_key: HashMap<&str, Vec<&Ask>> = HashMap::new();
    for ask in &case.evidence.history.asks {
        by_key.entry(ask.spec.key.as_str()).or_default().push(ask);
    }
    let mut stored: HashMap<&str, Vec<&str>> = HashMap::new();
    for (id, task) in &case.evidence.store.tasks {
        if let Some(spec) = &task.spec {
            stored.entry(spec.key.as_str()).or_default().push(id.as_str());
        }
    }
    let none = Vec::new();
    for (key, asks) in &by_key {
        let ids = stored.get(key).unwrap_or(&none);
        if case.loss.excuses("", Some(key)) || ids.iter().any(|id| case.loss.excuses(id, None)) {
            continue;
        }
        one_task(key, asks, ids, findings);
        content(case, key, asks, ids, findings);
        refused(key, asks, ids, findings);
    }
    for key in stored.keys().filter(|key| !by_key.contains_key(**key)) {
        findings.hold(Invariant::Idempotency, false, || {
            format!("nobody asked for {key}, and it is stored")
        });
    }
}

fn one_task(key: &str, asks: &[&Ask], stored: &[&str], findings: &mut Findings) {
    let told: HashSet<&str> = asks
        .iter()
        .flat_map(|ask| &ask.told)
        .filter_map(|told| match told {
            Told::Stored { task_id, .. } | Told::KeyReused { task_id } => Some(task_id.as_str()),
            _ => None,
        })
        .collect();
    let all: HashSet<&str> = told.iter().copied().chain(stored.iter().copied()).collect();
    findings.hold(Invariant::Idempotency, all.len() <= 1, || {
        format!("key {key} names {told:?} in answers and {stored:?} in the store")
    });
}

/// The content of the first stays; the same again is the same task, other content is refused.
fn content(case: &Case<'_>, key: &str, asks: &[&Ask], stored: &[&str], findings: &mut Findings) {
    let Some(variant) = stored
        .first()
        .and_then(|id| case.task(id))
        .and_then(|task| Some(task.spec.as_ref()?.variant))
    else {
        return;
    };
    for ask in asks {
        let accepted = ask.told.iter().any(|told| matches!(told, Told::Stored { .. }));
        let reused = ask.told.iter().any(|told| matches!(told, Told::KeyReused { .. }));
        let right = if ask.spec.variant == variant {
            !reused
        } else {
            !accepted
        };
        findings.hold(Invariant::Idempotency, right, || {
            format!(
                "key {key} holds content {variant}; content {} was told {:?}",
                ask.spec.variant, ask.told
            )
        });
    }
    let fresh = asks.len() == 1 && matches!(asks[0].told.first(), Some(Told::Stored { deduplicated: true, .. }));
    findings.hold(Invariant::Idempotency, !fresh, || {
        format!("the first call ever with key {key} was told that it is a repeat")
    });
}

fn refused(key: &str, asks: &[&Ask], stored: &[&str], findings: &mut Findings) {
    if asks.iter().all(|ask| ask.was_refused()) {
        findings.hold(Invariant::HonestRefusal, stored.is_empty(), || {
            format!("every call with key {key} was told `not applied`, and {stored:?} is stored")
        });
    }
    // Refused, refused, then "you have this already": one of the refusals was a lie.
    if let [only] = asks {
        let before = only
            .told
            .iter()
            .take_while(|told| matches!(told, Told::NotApplied { .. }))
            .count();
        let repeat = matches!(only.told.get(before), Some(Told::Stored { deduplicated: true, .. }));
        findings.hold(Invariant::HonestRefusal, before == 0 || !repeat, || {
            format!("key {key}: {:?}", only.told)
        });
    }
}
