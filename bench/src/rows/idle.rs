//! A system that has nothing to do: what it asks of Redis and of the processor.

use std::{thread, time::Duration};

use super::Rig;
use crate::{
    system::Mode,
    table::{Bound::AtMost, Figure},
};

/// The noise of the start is over.
const SETTLE: Duration = Duration::from_secs(10);

pub(crate) fn rows(rig: &Rig<'_>) -> Vec<Figure> {
    let system = rig.start(Mode::Strict);
    let handler = system.handler(64, 0);
    thread::sleep(SETTLE);
    let seconds = rig.tasks(60);
    let before = system.clocks(&[("handler", &handler)]);
    let commands = system.commands_within(Duration::from_secs(seconds as u64));
    let used = before.until(&system.clocks(&[("handler", &handler)]));
    let note = format!(
        "ms in {seconds} s: {}; one handler process waits",
        used.by_process(1_000)
    );
    vec![
        Figure::new(
            "idle: Redis commands a second",
            commands as f64 / seconds as f64,
            "/s",
            None,
        )
        .against(AtMost(5.0), AtMost(1.0)),
        Figure::new("idle: share of a core, Redis included", used.cores() * 100.0, "%", None)
            .against(AtMost(0.5), None)
            .note(note),
    ]
}
