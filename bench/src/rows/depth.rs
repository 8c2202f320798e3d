//! Whether a task costs more when many wait.

use super::Rig;
use crate::{
    load::Report,
    system::Mode,
    table::{Bound::AtMost, Figure},
};

const SHALLOW: usize = 1_000;

pub(crate) fn rows(rig: &Rig<'_>) -> Vec<Figure> {
    let deep = rig.tasks(1_000_000);
    let shallow_cost = redis_cost(rig, SHALLOW);
    let deep_cost = redis_cost(rig, deep);
    vec![
        Figure::new(
            "Redis for a task, a million queued",
            deep_cost,
            "µs",
            Some((shallow_cost, "a thousand queued")),
        )
        .against(AtMost(1.2), AtMost(1.05))
        .note(format!("{deep} against {SHALLOW} queued, no watch")),
    ]
}

/// Redis's µs for a task, enqueued and run, while so many are queued before it.
fn redis_cost(rig: &Rig<'_>, depth: usize) -> f64 {
    let system = rig.start(Mode::Fast);
    let mut fill = system.load("fill", depth, &[]);
    fill.go();
    let filled: Report = fill.report();
    assert_eq!(filled.tasks, depth);
    drop(fill);
    let mut churn = system.load("churn", rig.tasks(200_000), &[]);
    let (report, used): (Report, _) = system.measure(&mut churn, None);
    used.micros["redis"] / report.tasks as f64
}
