//! Writes data to stdout, in the chosen format.

use std::io::{self, Write};

use serde_json::Value;
use tidemill_proto::v1::{GetResultResponse, Payload, TaskError, TaskEvent, payload::Content, task_event::Event};

use crate::{OutputFormat, command, json, names, payload, text};

/// The output of a command.
#[derive(Debug)]
pub(crate) struct Printer<W> {
    out: W,
    format: OutputFormat,
    /// Bytes are written as they are, not described: nobody reads them on a screen.
    raw: bool,
    /// Only what a script would capture.
    quiet: bool,
}

impl<W: Write> Printer<W> {
    pub(crate) fn new(out: W, format: OutputFormat, raw: bool, quiet: bool) -> Self {
        Self {
            out,
            format,
            raw,
            quiet,
        }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == OutputFormat::Json
    }

    /// A line about the data, on stderr.
    pub(crate) fn note(&self, message: &str) {
        if !self.quiet {
            command::note("note", message);
        }
    }

    /// A line, at once.
    pub(crate) fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }

    /// The same thing in either format.
    pub(crate) fn either(&mut self, line: impl FnOnce() -> String, object: impl FnOnce() -> Value) -> io::Result<()> {
        match self.format {
            OutputFormat::Text => self.line(&line()),
            OutputFormat::Json => self.line(&object().to_string()),
        }
    }

    /// One event, and after the last one the output of the task. Quiet: only the end, as its output.
    pub(crate) fn event(&mut self, event: &TaskEvent) -> io::Result<()> {
        let result = match &event.event {
            Some(Event::Result(result)) => Some(result),
            _ => None,
        };
        if !self.quiet || (self.is_json() && result.is_some()) {
            self.either(|| text::event(event), || json::event(event))?;
        }
        result.map_or(Ok(()), |result| self.end(result.output.as_ref(), result.error.as_ref()))
    }

    /// A result as GetResult answers it.
    pub(crate) fn result(&mut self, result: &GetResultResponse) -> io::Result<()> {
        if !self.quiet || self.is_json() {
            self.either(|| text::result(result), || json::result(result))?;
        }
        let error = result.error.as_ref().filter(|_| names::is_terminal(result.state));
        self.end(result.output.as_ref(), error)
    }

    /// What a person gets from a task besides the lines about it. Quiet leaves the reason of a failure on stderr.
    fn end(&mut self, output: Option<&Payload>, error: Option<&TaskError>) -> io::Result<()> {
        if self.is_json() {
            return Ok(());
        }
        if self.quiet
            && let Some(error) = error
        {
            command::note("error", &text::task_error(error));
        }
        self.payload(output)
    }

    /// Text as it is, JSON pretty, bytes described or raw.
    fn payload(&mut self, payload: Option<&Payload>) -> io::Result<()> {
        match payload.and_then(|payload| Some((payload, payload.content.as_ref()?))) {
            None => Ok(()),
            Some((_, Content::Text(text))) => {
                write!(self.out, "{text}{}", if text.ends_with('\n') { "" } else { "\n" })?;
                self.out.flush()
            }
            Some((_, Content::Json(value))) => self.line(&format!("{:#}", payload::from_proto(value))),
            Some((_, Content::Data(data))) if self.raw => {
                self.out.write_all(data)?;
                self.out.flush()
            }
            Some((payload, Content::Data(data))) => self.line(&text::bytes(&payload.content_type, data)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tidemill_proto::v1::{TaskResult, TaskState};

    use super::*;
    use crate::testing::{self, running};

    fn succeeded(content: Content) -> TaskEvent {
        let output = Some(Payload {
            content_type: String::new(),
            content: Some(content),
        });
        testing::event(
            2,
            Event::Result(TaskResult {
                state: TaskState::Succeeded as i32,
                output,
                error: None,
            }),
        )
    }

    fn printed(format: OutputFormat, raw: bool, quiet: bool, events: &[TaskEvent]) -> String {
        let mut out = Vec::new();
        let mut printer = Printer::new(&mut out, format, raw, quiet);
        events.iter().for_each(|event| printer.event(event).expect("printed"));
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn text_output_follows_the_events() {
        let events = [running(1), succeeded(Content::Text("hello".into()))];
        assert_eq!(
            printed(OutputFormat::Text, false, false, &events),
            "#1 RUNNING attempt 1\n#2 SUCCEEDED\nhello\n"
        );
        assert_eq!(printed(OutputFormat::Text, false, true, &events), "hello\n");
    }

    #[test]
    fn json_output_is_one_object_for_each_line() {
        let events = [running(1), succeeded(Content::Text("hello\n".into()))];
        let lines = printed(OutputFormat::Json, false, false, &events);
        assert_eq!(lines.lines().count(), 2);
        let quiet = printed(OutputFormat::Json, false, true, &events);
        let last: Value = serde_json::from_str(&quiet).expect("one object");
        assert_eq!(last["result"]["output"]["text"], "hello\n");
    }

    #[test]
    fn json_is_pretty_and_bytes_are_described_or_raw() {
        let json = payload::from_proto(&prost_types::Value::from(1.0));
        assert_eq!(json, 1);
        let event = succeeded(Content::Json(prost_types::Value::from(vec![prost_types::Value::from(
            true,
        )])));
        assert_eq!(printed(OutputFormat::Text, false, true, &[event]), "[\n  true\n]\n");
        let event = [succeeded(Content::Data(b"\x01abc".to_vec().into()))];
        assert_eq!(
            printed(OutputFormat::Text, false, true, &event),
            "<4 bytes, application/octet-stream>\n"
        );
        assert_eq!(printed(OutputFormat::Text, true, true, &event), "\x01abc");
    }

    #[test]
    fn a_failed_task_prints_no_output() {
        let error = Some(TaskError {
            reason: 20,
            message: "boom".into(),
            ..Default::default()
        });
        let event = Event::Result(TaskResult {
            state: TaskState::Failed as i32,
            output: None,
            error,
        });
        assert_eq!(printed(OutputFormat::Text, true, true, &[testing::event(3, event)]), "");
    }
}
