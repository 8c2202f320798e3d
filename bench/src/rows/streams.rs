//! What a watch costs that has nothing to say.

use std::path::Path;

use super::Rig;
use crate::{
    cpu::resident_bytes,
    load::Report,
    system::{Mode, System},
    table::{Bound::AtMost, Figure},
};

const CONNECTIONS: usize = 100;

pub(crate) fn rows(rig: &Rig<'_>) -> Vec<Figure> {
    let mut figures = vec![
        Figure::new("idle watch stream, as built", each(rig, rig.binary), "KiB", None)
            .against(AtMost(8.0), AtMost(6.0)),
    ];
    if let Some(other) = rig.other_binary {
        figures.push(
            Figure::new("idle watch stream, the other build", each(rig, other), "KiB", None)
                .against(AtMost(8.0), AtMost(6.0)),
        );
    }
    figures
}

/// KiB of the results role for each open stream.
fn each(rig: &Rig<'_>, results: &Path) -> f64 {
    let streams = rig.tasks(50_000);
    let binary = |role: &str| if role == "results" { results } else { rig.binary }.to_owned();
    let system = System::start_with(Mode::Fast, binary);
    let mut load = system.load("streams", streams, &[format!("--connections={CONNECTIONS}")]);
    let before = resident_bytes(system.pid("results"));
    load.go();
    let report: Report = load.report();
    assert_eq!(report.tasks, streams);
    (resident_bytes(system.pid("results")) - before) as f64 / streams as f64 / 1024.0
}
