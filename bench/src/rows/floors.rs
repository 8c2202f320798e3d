//! E and R, measured by the same program in the same minutes.

use super::Rig;
use crate::{
    child::Part,
    cpu::Clocks,
    system::{Mode, server},
    table::Figure,
};

/// In µs of CPU.
pub(crate) struct Floors {
    /// One bare unary call, both sides.
    pub(crate) echo: f64,
    /// One life of a task in the leanest scripts, the server alone.
    pub(crate) script: f64,
}

impl Floors {
    pub(crate) fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("floor E: a bare unary call, both sides", self.echo, "µs", None),
            Figure::new("floor R: Redis for the leanest task, `fast`", self.script, "µs", None),
        ]
    }
}

pub(crate) fn measure(rig: &Rig<'_>) -> Floors {
    Floors {
        echo: echo(rig.tasks(400_000)),
        script: script(rig.tasks(400_000)),
    }
}

fn echo(calls: usize) -> f64 {
    let mut server = Part::start_unready(&["echo-server".to_owned()]);
    let arguments = [
        "echo-client".to_owned(),
        format!("--url={}", server.line()),
        format!("--calls={calls}"),
    ];
    let mut client = Part::start(&arguments);
    let clocks = |client: &Part| Clocks::read(&[("server", server.pid()), ("client", client.pid())]);
    let before = clocks(&client);
    client.go();
    let made: usize = client.report();
    before.until(&clocks(&client)).total() / made as f64
}

fn script(tasks: usize) -> f64 {
    let server = server(Mode::Fast);
    let arguments = [
        "redis-floor".to_owned(),
        format!("--redis={}", server.url()),
        format!("--tasks={tasks}"),
    ];
    let mut client = Part::start(&arguments);
    let clocks = || Clocks::read(&[("redis", server.pid())]);
    let before = clocks();
    client.go();
    let made: usize = client.report();
    before.until(&clocks()).total() / made as f64
}
