//! The table, row by row. The targets are those of the design.

mod depth;
mod floors;
mod idle;
mod memory;
mod streams;
mod throughput;

use std::path::Path;

use crate::{
    args::{RigArgs, Row},
    cpu::load_average,
    results_file,
    system::{Mode, System},
    table::{Figure, markdown},
};

/// What all rows need to know.
pub(crate) struct Rig<'a> {
    pub(crate) binary: &'a Path,
    pub(crate) other_binary: Option<&'a Path>,
    quick: bool,
}

impl Rig<'_> {
    /// A number of tasks, or a tenth of it.
    pub(crate) fn tasks(&self, full: usize) -> usize {
        if self.quick { full / 10 } else { full }
    }

    pub(crate) fn start(&self, mode: Mode) -> System {
        System::start(mode, self.binary)
    }
}

/// Measures and prints.
pub(crate) fn run(args: &RigArgs) {
    let rig = Rig {
        binary: &args.binary,
        other_binary: args.other_binary.as_deref(),
        quick: args.quick,
    };
    let load_before = load_average();
    let wanted = |row| args.only.is_empty() || args.only.contains(&row);
    let mut figures = Vec::new();
    let mut add = |new: Vec<Figure>| {
        // Whoever waits sees that it goes on.
        new.iter()
            .for_each(|figure| eprintln!("bench: {}: {} {}", figure.row, figure.figure, figure.note));
        figures.extend(new);
    };
    let throughput = [Row::Bulk, Row::Strict, Row::Unary].into_iter().any(wanted);
    if throughput {
        let floors = floors::measure(&rig);
        add(floors.figures());
        add(throughput::rows(&rig, &floors, &wanted));
    }
    for (row, measure) in [
        (Row::Latency, throughput::latency as fn(&Rig<'_>) -> Vec<Figure>),
        (Row::Paced, throughput::paced),
        (Row::Memory, memory::rows),
        (Row::Streams, streams::rows),
        (Row::Idle, idle::rows),
        (Row::Depth, depth::rows),
    ] {
        if wanted(row) {
            add(measure(&rig));
        }
    }
    let heading = results_file::heading(&rig.start(Mode::Strict).server_version(), &load_before);
    println!("{heading}\n\n{}", markdown(&figures));
    if let Some(path) = &args.json {
        let json = serde_json::json!({ "measured": heading, "quick": args.quick, "figures": figures });
        let json = serde_json::to_string_pretty(&json).expect("figures are JSON");
        std::fs::write(path, json + "\n").expect("the JSON file is written");
    }
    if let Some(path) = &args.results {
        results_file::write(path, &heading, &figures);
    }
}
