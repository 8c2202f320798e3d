//! Writes data to stdout, in the chosen format.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    sync::OnceLock,
};

use serde_json::Value;
use tidemill_client::{Event, EventKind, Payload, TaskError, TaskSnapshot, TaskState, proto::payload::Content};

use crate::{
    ClientOptions, Error, json,
    options::OutputFormat,
    output_file::OutputFile,
    paint::{Color, Paint},
    text,
};

/// The choice of the one command that this process runs, for its lines on stderr, some of which are written from callbacks.
static COLOR: OnceLock<Color> = OnceLock::new();

/// What the document of a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One object.
    Object,
    /// An array, which is closed even if an error cuts it short.
    Array,
}

/// The output of a command.
#[derive(Debug)]
pub(crate) struct Printer<W> {
    out: W,
    format: OutputFormat,
    /// In the format `json`.
    shape: Shape,
    /// The array has begun.
    begun: bool,
    /// Stdout is a terminal: bytes are described, and text cannot drive it.
    terminal: bool,
    /// Only what a script would capture.
    quiet: bool,
    paint: Paint,
    /// Where the output of the task goes, if not to stdout.
    file: Option<OutputFile>,
}

impl Printer<io::Stdout> {
    pub(crate) fn stdout(options: &ClientOptions, shape: Shape, quiet: bool) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let paint = Paint::new(*COLOR.get_or_init(|| options.color), terminal);
        Self {
            paint,
            terminal,
            ..Self::new(stdout, options.output, shape, quiet)
        }
    }
}

impl<W: Write> Printer<W> {
    /// Without colour, and as for a pipe.
    pub(crate) fn new(out: W, format: OutputFormat, shape: Shape, quiet: bool) -> Self {
        Self {
            out,
            format,
            shape,
            begun: false,
            terminal: false,
            quiet,
            paint: Paint::PLAIN,
            file: None,
        }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    pub(crate) fn is_text(&self) -> bool {
        self.format == OutputFormat::Text
    }

    pub(crate) fn paint(&self) -> Paint {
        self.paint
    }

    /// Sends the output of the task to a file. Opens it: a path that cannot be written is told before anything is waited for.
    pub(crate) fn output_to(&mut self, path: Option<&Path>) -> Result<(), Error> {
        self.file = path.map(OutputFile::open).transpose()?;
        Ok(())
    }

    /// A line about the data, on stderr.
    pub(crate) fn note(&self, message: &str) {
        if !self.quiet {
            note("note", message);
        }
    }

    /// A line, at once.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Error> {
        writeln!(self.out, "{line}")?;
        Ok(self.out.flush()?)
    }

    /// One answer, in either format.
    pub(crate) fn item(
        &mut self,
        line: impl FnOnce(Paint) -> String,
        object: impl FnOnce() -> Value,
    ) -> Result<(), Error> {
        match (self.format, self.shape) {
            (OutputFormat::Text, _) => self.line(&line(self.paint)),
            (OutputFormat::Jsonl, _) | (OutputFormat::Json, Shape::Object) => self.line(&object().to_string()),
            (OutputFormat::Json, Shape::Array) => {
                // The comma comes first, so that each line is complete when it is written.
                let mark = if self.begun { ',' } else { '[' };
                self.begun = true;
                self.line(&format!("{mark}{}", object()))
            }
        }
    }

    /// Ends the document, after an error, too.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        match (self.format, self.shape, self.begun) {
            (OutputFormat::Json, Shape::Array, true) => self.line("]"),
            (OutputFormat::Json, Shape::Array, false) => self.line("[]"),
            _ => Ok(()),
        }
    }

    /// One event, and after the last one the output of the task. Quiet: only the end, as its output.
    pub(crate) fn event(&mut self, event: &Event) -> Result<(), Error> {
        let result = match &event.kind {
            EventKind::Result(result) => Some(result),
            _ => None,
        };
        if !self.quiet || (!self.is_text() && result.is_some()) {
            self.item(|paint| text::event(event, paint), || json::event(event))?;
        }
        result.map_or(Ok(()), |result| {
            self.end(result.state, result.output.as_ref(), result.error.as_ref())
        })
    }

    /// A result as GetResult answers it.
    pub(crate) fn result(&mut self, found: &TaskSnapshot) -> Result<(), Error> {
        if !self.quiet || !self.is_text() {
            self.item(|paint| text::result(found, paint), || json::snapshot(found))?;
        }
        let error = found.error.as_ref().filter(|_| found.state.is_terminal());
        self.end(found.state, found.output.as_ref(), error)
    }

    /// What a person gets from a task besides the lines about it. Quiet leaves the reason of a failure on stderr.
    fn end(&mut self, state: TaskState, output: Option<&Payload>, error: Option<&TaskError>) -> Result<(), Error> {
        if self.quiet
            && self.is_text()
            && let Some(error) = error
        {
            note("error", &text::task_error(error));
        }
        match self.file.take() {
            None if self.is_text() => self.payload(output),
            None => Ok(()),
            Some(file) if state == TaskState::Succeeded => {
                let data = output.map(Payload::to_bytes).unwrap_or_default();
                let path = file.path().to_owned();
                file.save(&data)?;
                self.note(&format!("wrote {} bytes to {}", data.len(), path.display()));
                Ok(())
            }
            Some(file) => {
                self.note(&format!(
                    "there is no output: {} was not written",
                    file.path().display()
                ));
                Ok(())
            }
        }
    }

    /// Text as it is, JSON pretty, bytes described or raw.
    fn payload(&mut self, payload: Option<&Payload>) -> Result<(), Error> {
        let Some(payload) = payload else { return Ok(()) };
        match &payload.as_proto().content {
            None => Ok(()),
            Some(Content::Text(text)) => {
                let end = if text.ends_with('\n') { "" } else { "\n" };
                if self.terminal {
                    write!(self.out, "{}{end}", text::for_terminal(text))?;
                } else {
                    write!(self.out, "{text}{end}")?;
                }
                Ok(self.out.flush()?)
            }
            Some(Content::Json(_)) => self.line(&format!("{:#}", text::json_value(payload))),
            Some(Content::Data(data)) if self.terminal => self.line(&text::bytes(payload, data.len())),
            Some(Content::Data(data)) => {
                self.out.write_all(data)?;
                Ok(self.out.flush()?)
            }
        }
    }
}

/// One line on stderr. A closed stderr is no reason to fail.
pub(crate) fn note(label: &str, message: &str) {
    let mut stderr = io::stderr();
    let paint = Paint::new(COLOR.get().copied().unwrap_or(Color::Auto), stderr.is_terminal());
    let label = match label {
        "error" => paint.bad("error"),
        label => paint.bold(label),
    };
    let _ = writeln!(stderr, "{label}: {}", text::one_line(message));
}

#[cfg(test)]
mod tests;
