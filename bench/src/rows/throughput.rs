//! Tasks through the whole system, from the call to the result on a watch.

use super::{Rig, floors::Floors};
use crate::{
    args::Row,
    cpu::Used,
    load::Report,
    system::Mode,
    table::{
        Bound::{AtLeast, AtMost},
        Figure,
    },
};

/// Batches under way in the bulk rows.
const LOOPS: usize = 4;
/// Tasks that the handler process holds at most.
const CREDITS: usize = 2_048;
const RATE: u32 = 5_000;

fn run(rig: &Rig<'_>, mode: Mode, kind: &str, tasks: usize, more: &[String]) -> (Report, Used) {
    let system = rig.start(mode);
    let handler = system.handler(CREDITS, 0);
    let mut load = system.load(kind, tasks, more);
    system.measure(&mut load, Some(&handler))
}

fn bulk(rig: &Rig<'_>, mode: Mode) -> (Report, Used) {
    run(rig, mode, "bulk", rig.tasks(400_000), &[format!("--loops={LOOPS}")])
}

fn rate(report: &Report) -> f64 {
    report.tasks as f64 / report.seconds
}

fn note(report: &Report, used: &Used) -> String {
    format!(
        "µs: {}; p50 {:.1} ms, p99 {:.1} ms",
        used.by_process(report.tasks),
        report.latency.p50,
        report.latency.p99
    )
}

/// The rows that are compared with the floors.
pub(crate) fn rows(rig: &Rig<'_>, floors: &Floors, wanted: &impl Fn(Row) -> bool) -> Vec<Figure> {
    let mut figures = Vec::new();
    let echo = Some((floors.echo, "E"));
    if wanted(Row::Bulk) || wanted(Row::Strict) {
        let (fast, used) = bulk(rig, Mode::Fast);
        let per_task = used.total() / fast.tasks as f64;
        figures.push(
            Figure::new("bulk `fast`: CPU of a task", per_task, "µs", echo)
                .against(AtMost(1.6), AtMost(1.0))
                .note(note(&fast, &used)),
        );
        figures.push(
            Figure::new("bulk `fast`: tasks a second", rate(&fast), "/s", None)
                .against(AtLeast(70_000.0), AtLeast(100_000.0)),
        );
        let redis = used.micros["redis"] / fast.tasks as f64;
        figures.push(
            Figure::new("bulk `fast`: Redis's share", redis, "µs", Some((floors.script, "R")))
                .against(AtMost(1.3), AtMost(0.8)),
        );
        if wanted(Row::Strict) {
            let (strict, used) = bulk(rig, Mode::Strict);
            figures.push(
                Figure::new(
                    "bulk `strict`: tasks a second",
                    rate(&strict),
                    "/s",
                    Some((rate(&fast), "`fast`")),
                )
                .against(AtLeast(0.65), AtLeast(0.8))
                .note(note(&strict, &used)),
            );
        }
    }
    if wanted(Row::Unary) {
        let more = ["--in-flight=512".to_owned(), "--connections=4".to_owned()];
        let (report, used) = run(rig, Mode::Fast, "unary", rig.tasks(150_000), &more);
        let per_task = used.total() / report.tasks as f64;
        figures.push(
            Figure::new("unary `fast`: CPU of a task", per_task, "µs", echo)
                .against(AtMost(4.0), AtMost(3.0))
                .note(note(&report, &used)),
        );
        figures.push(
            Figure::new("unary `fast`: tasks a second", rate(&report), "/s", None)
                .against(AtLeast(30_000.0), AtLeast(40_000.0)),
        );
    }
    figures
}

/// One task at a time.
pub(crate) fn latency(rig: &Rig<'_>) -> Vec<Figure> {
    let more = ["--in-flight=1".to_owned(), "--connections=1".to_owned()];
    let (report, used) = run(rig, Mode::Fast, "unary", rig.tasks(10_000), &more);
    vec![
        Figure::new("unloaded `fast`: call to result, p50", report.latency.p50, "ms", None)
            .against(AtMost(0.6), AtMost(0.35))
            .note(format!("µs: {}", used.by_process(report.tasks))),
        Figure::new("unloaded `fast`: call to result, p99", report.latency.p99, "ms", None).against(AtMost(3.0), None),
    ]
}

/// 5,000 tasks a second, one by one.
pub(crate) fn paced(rig: &Rig<'_>) -> Vec<Figure> {
    let (report, used) = run(
        rig,
        Mode::Fast,
        "paced",
        rig.tasks(100_000),
        &[format!("--rate={RATE}")],
    );
    vec![
        Figure::new("5,000/s evenly `fast`: p50", report.latency.p50, "ms", None)
            .against(AtMost(1.0), AtMost(1.0))
            .note(note(&report, &used)),
        Figure::new("5,000/s evenly `fast`: cores used", used.cores(), "cores", None).against(AtMost(1.7), AtMost(1.0)),
    ]
}
