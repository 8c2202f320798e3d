//! Bytes of Redis for each task, in three states.

use super::Rig;
use crate::{
    load::Report,
    system::Mode,
    table::{Bound::AtMost, Figure},
};

/// Tasks that one handler process can hold.
const MOST_HELD: usize = 10_000;

pub(crate) fn rows(rig: &Rig<'_>) -> Vec<Figure> {
    let tasks = rig.tasks(200_000);
    let system = rig.start(Mode::Fast);
    // The first tasks bring connections, scripts and the stream of hints.
    fill(&system, 1_000);
    let empty = system.used_memory();
    fill(&system, tasks);
    let each = |bytes: u64, tasks: usize| (bytes as f64 - empty as f64) / tasks as f64;
    let queued = each(system.used_memory(), tasks);

    // All but a bounded number cannot run at a time on one handler: what those that run take more than the queued ones is measured.
    let held = MOST_HELD.min(tasks);
    let before = system.used_memory();
    let mut handler = system.handler(held, held);
    assert_eq!(handler.line(), "held");
    let running = queued + (system.used_memory() as f64 - before as f64) / held as f64;
    handler.go();
    assert_eq!(handler.line(), "settled");
    drop(handler);
    let done = done(&system, tasks, empty);
    vec![
        Figure::new("Redis memory of a queued task", queued, "B", None).against(AtMost(320.0), AtMost(250.0)),
        Figure::new("Redis memory of a running task", running, "B", None).against(AtMost(450.0), AtMost(350.0)),
        Figure::new("Redis memory of a finished task", done, "B", None).against(AtMost(450.0), AtMost(350.0)),
    ]
}

fn fill(system: &crate::system::System, tasks: usize) {
    let mut load = system.load("fill", tasks, &[]);
    load.go();
    let report: Report = load.report();
    assert_eq!(report.tasks, tasks);
}

/// Runs what is queued, and weighs it.
fn done(system: &crate::system::System, tasks: usize, empty: u64) -> f64 {
    let handler = system.handler(2_048, 0);
    system.wait_until_finished(tasks + 1_000);
    drop(handler);
    // The first thousand, whose queued bytes are in `empty`, are finished, too: they are a part in a few hundred.
    (system.used_memory() as f64 - empty as f64) / tasks as f64
}
