//! What is told of a batch on stderr: progress on a terminal, refused lines, and a summary.

use std::io::{self, IsTerminal, Write};

use super::Settled;
use crate::{command::Outcome, printer::note};

/// Counts, and lines that wait to be told together.
#[derive(Debug)]
pub(super) struct Report {
    stored: u64,
    deduplicated: u64,
    refused: u64,
    worst: Outcome,
    gave_up: bool,
    last_line: u64,
    waiting: Option<Run>,
    quiet: bool,
    /// Progress is drawn.
    terminal: bool,
}

/// Lines in a row that were refused with the same words.
#[derive(Debug)]
struct Run {
    first: u64,
    last: u64,
    message: String,
}

impl Report {
    pub(super) fn new(quiet: bool) -> Self {
        Self {
            stored: 0,
            deduplicated: 0,
            refused: 0,
            worst: Outcome::DONE,
            gave_up: false,
            last_line: 0,
            waiting: None,
            quiet,
            terminal: !quiet && io::stderr().is_terminal(),
        }
    }

    pub(super) fn add(&mut self, line: &Settled) {
        self.last_line = line.number;
        match &line.outcome {
            Ok(enqueued) => {
                self.stored += 1;
                self.deduplicated += u64::from(enqueued.deduplicated);
            }
            Err(refused) => {
                self.refused += 1;
                self.worst = self.worst.max(Outcome(refused.exit_code));
                // Away or full, and tried for as long as was asked for: the next lines would not fare better.
                self.gave_up |= matches!(refused.exit_code, 5 | 6);
                self.refuse(line.number, &refused.message);
            }
        }
    }

    fn refuse(&mut self, number: u64, message: &str) {
        match &mut self.waiting {
            Some(run) if run.last + 1 == number && run.message == message => run.last = number,
            _ => {
                self.tell();
                self.waiting = Some(Run {
                    first: number,
                    last: number,
                    message: message.to_owned(),
                });
            }
        }
    }

    fn tell(&mut self) {
        if let Some(run) = self.waiting.take() {
            note("error", &run.text());
        }
    }

    /// Everything of a chunk is told before the next one is read.
    pub(super) fn chunk_is_over(&mut self, percent: Option<u64>) {
        self.tell();
        if self.terminal {
            let percent = percent.map(|percent| format!(" ({percent} %)")).unwrap_or_default();
            let (stored, refused) = (self.stored, self.refused);
            // Without a terminal any more there is nothing to draw.
            let _ = write!(io::stderr(), "\r\x1b[2K{stored} stored, {refused} refused{percent}");
        }
    }

    /// Takes the progress off the screen.
    pub(super) fn clear(&self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }

    pub(super) fn finish(&self) {
        self.clear();
        if !self.quiet {
            note("note", &self.summary());
        }
    }

    /// The server is away or full: says how to go on.
    pub(super) fn stopped(&self, keyed: bool) {
        self.finish();
        let last = self.last_line;
        let go_on = if keyed {
            "run the same command again: what was stored is not stored twice"
        } else {
            "store the rest with a file of these lines; with --key-prefix the whole could be run again"
        };
        note("error", &format!("stopped after line {last}; {go_on}"));
    }

    /// The server took something.
    pub(super) fn answered(&self) -> bool {
        self.stored > 0
    }

    pub(super) fn gave_up(&self) -> bool {
        self.gave_up
    }

    pub(super) fn outcome(&self) -> Outcome {
        self.worst
    }

    fn summary(&self) -> String {
        let (all, stored, refused) = (self.stored + self.refused, self.stored, self.refused);
        let before = match self.deduplicated {
            0 => String::new(),
            count => format!(" ({count} of them before)"),
        };
        format!("{all} tasks: {stored} stored{before}, {refused} refused")
    }
}

impl Run {
    fn text(&self) -> String {
        let Self { first, last, message } = self;
        if first == last {
            format!("line {first}: {message}")
        } else {
            format!("lines {first}-{last}: {message}")
        }
    }
}

#[cfg(test)]
mod tests {
    use tidemill_client::{Enqueued, proto::EnqueueResponse};

    use super::{super::Refused, *};

    fn stored(number: u64, deduplicated: bool) -> Settled {
        let answer = EnqueueResponse {
            task_id: "T1".into(),
            state: 2,
            deduplicated,
        };
        Settled {
            number,
            outcome: Ok(Enqueued::from(answer)),
        }
    }

    fn refused(number: u64, exit_code: u8) -> Settled {
        let outcome = Err(Refused {
            exit_code,
            ..Refused::here("no".to_owned())
        });
        Settled { number, outcome }
    }

    #[test]
    fn counts_and_the_worst_exit_code() {
        let mut report = Report::new(true);
        [stored(1, false), refused(2, 2), refused(4, 2), stored(5, true)]
            .iter()
            .for_each(|line| report.add(line));
        assert_eq!(report.summary(), "4 tasks: 2 stored (1 of them before), 2 refused");
        assert_eq!((report.outcome(), report.gave_up()), (Outcome(2), false));
        report.add(&refused(6, 5));
        assert_eq!((report.outcome(), report.gave_up()), (Outcome(5), true));
    }

    #[test]
    fn lines_in_a_row_are_told_together() {
        let mut report = Report::new(true);
        [refused(2, 2), refused(3, 2), refused(4, 2)]
            .iter()
            .for_each(|line| report.add(line));
        assert_eq!(report.waiting.as_ref().map(Run::text).as_deref(), Some("lines 2-4: no"));
        report.add(&refused(6, 2));
        assert_eq!(report.waiting.as_ref().map(Run::text).as_deref(), Some("line 6: no"));
    }
}
