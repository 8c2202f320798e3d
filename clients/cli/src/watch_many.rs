//! `tidemill watch` for many tasks.

use std::{collections::HashSet, io::Write, path::Path};

use serde_json::{Value, json};
use tidemill_client::{Client, Event, EventKind, WatchMany, Watched, Watches};

use crate::{
    Error,
    command::Outcome,
    error::{exit_code, is_away, with_next_step},
    json,
    lines::{Line, Lines},
    paint::Paint,
    printer::{self, Printer},
    text,
    watch::{Breaks, Resume},
};

/// What one stream takes unless the server is configured otherwise; more ids are read when others have ended.
const MOST: usize = 10_000;
/// Much longer than an id.
const LONGEST_LINE: usize = 1_024;

/// Prints every event of many tasks, each with the id of its task.
pub(crate) async fn follow<W: Write>(
    client: &Client,
    task_ids: Vec<String>,
    resume: Resume,
    printer: &mut Printer<W>,
) -> Result<Outcome, Error> {
    let breaks = Breaks::new(resume, printer.is_quiet());
    let (watches, events) = client.watch_many();
    let events = events.give_up_after(resume.give_up_after).on_break(breaks.hear());
    let more = if task_ids.iter().any(|id| id == "-") {
        Some(Lines::open(Path::new("-"), LONGEST_LINE).await?)
    } else {
        None
    };
    let mut following = Following {
        watches: Some(watches),
        open: HashSet::new(),
        outcome: Outcome::DONE,
    };
    for id in task_ids.into_iter().filter(|id| id != "-") {
        following.add(id);
    }
    following.run(events, more, &breaks, printer).await
}

struct Following {
    /// `None`: there are no more ids.
    watches: Option<Watches>,
    open: HashSet<String>,
    outcome: Outcome,
}

impl Following {
    async fn run<W: Write>(
        mut self,
        mut events: WatchMany,
        mut more: Option<Lines>,
        breaks: &Breaks,
        printer: &mut Printer<W>,
    ) -> Result<Outcome, Error> {
        loop {
            if more.is_none() {
                self.watches = None;
            }
            let room = self.open.len() < MOST;
            let read = async {
                match &mut more {
                    Some(lines) => lines.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                line = read, if room => match line? {
                    Some(line) => self.read(line),
                    None => more = None,
                },
                watched = events.next() => {
                    let Some(watched) = watched else { return Ok(self.outcome) };
                    breaks.mended();
                    self.hear(watched, printer)?;
                }
            }
        }
    }

    fn read(&mut self, line: Line) {
        let text = line
            .bytes
            .map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
        match text {
            Some(id) if id.is_empty() => {}
            Some(id) => self.add(id),
            None => {
                printer::note("error", &format!("line {} of stdin is no id", line.number));
                self.outcome = self.outcome.max(Outcome(2));
            }
        }
    }

    fn add(&mut self, id: String) {
        if let Some(watches) = self.watches.as_ref().filter(|_| self.open.insert(id.clone())) {
            watches.add(id, 0);
        }
    }

    fn hear<W: Write>(&mut self, watched: Watched, printer: &mut Printer<W>) -> Result<(), Error> {
        let Watched { task_id, event, .. } = watched;
        let event = match event {
            Ok(event) => event,
            // All others are told the same: once is enough.
            Err(error) if is_away(&error) => return Err(error.into()),
            Err(error) => {
                self.open.remove(&task_id);
                self.outcome = self.outcome.max(Outcome(exit_code(&error)));
                let message = with_next_step(&error);
                printer::note("error", &format!("{task_id}: {message}"));
                if printer.is_text() {
                    return Ok(());
                }
                let refusal = json::refusal(error.code().map_or(2, i32::from), error.reason_name(), &message);
                return printer.item(|_| String::new(), || json!({ "taskId": task_id, "error": refusal }));
            }
        };
        if let EventKind::Result(result) = &event.kind {
            self.open.remove(&task_id);
            self.outcome = self.outcome.max(Outcome::of_state(result.state));
        } else if printer.is_quiet() {
            return Ok(());
        }
        let quiet = printer.is_quiet();
        printer.item(
            |paint| line(&task_id, &event, quiet, paint),
            || object(&task_id, &event),
        )
    }
}

/// The id, the event, and with the last one the output, all on one line. Quiet: the id and the output.
fn line(task_id: &str, event: &Event, quiet: bool, paint: Paint) -> String {
    let output = match &event.kind {
        EventKind::Result(result) => result.output.as_ref().map(text::brief),
        _ => None,
    };
    match (quiet, output) {
        (true, output) => format!("{task_id} {}", output.unwrap_or_default()),
        (false, Some(output)) if !output.is_empty() => format!("{task_id} {}: {output}", text::event(event, paint)),
        (false, _) => format!("{task_id} {}", text::event(event, paint)),
    }
}

/// WatchResultsResponse.
fn object(task_id: &str, event: &Event) -> Value {
    json!({ "taskId": task_id, "event": json::event(event) })
}

#[cfg(test)]
mod tests {
    use tidemill_client::proto::{Payload, TaskEvent, TaskResult, payload::Content, task_event};

    use super::*;

    #[test]
    fn each_line_has_the_id_and_the_last_one_the_output() {
        let output = Payload {
            content_type: String::new(),
            content: Some(Content::Text("two\nlines".into())),
        };
        let result = TaskResult {
            state: 4,
            output: Some(output),
            error: None,
        };
        let ended = Event::from(TaskEvent {
            sequence: 3,
            attempt: 1,
            time: None,
            event: Some(task_event::Event::Result(result)),
        });
        assert_eq!(line("T1", &ended, false, Paint::PLAIN), "T1 #3 SUCCEEDED: two\\nlines");
        assert_eq!(line("T1", &ended, true, Paint::PLAIN), "T1 two\\nlines");
        assert_eq!(object("T1", &ended)["event"]["sequence"], "3");
    }
}
