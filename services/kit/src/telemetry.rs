//! Logs: one line on stderr for each event, as text for people or JSON for machines.
//!
//! Whatever a caller logs, a line stays a line: control characters, which a client could have put into a name, are escaped, so that
//! nobody forges lines or sends commands to a terminal.

use std::{fmt, panic};

use serde::Deserialize;
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::{Format, JsonFields, Writer},
    },
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::supervisor::panic_message;

/// How lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object for each line.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// How lines look.
    pub format: LogFormat,
    /// A level (`error`, `warn`, `info`, `debug`, `trace`), or levels for each module: `info,tidemill_store=debug`.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: "info".to_owned(),
        }
    }
}

/// The level is not one.
#[derive(Debug, thiserror::Error)]
#[error("`{level}` is no log level such as info or info,tidemill_store=debug: {message}")]
pub struct TelemetryError {
    level: String,
    message: String,
}

/// Starts logging for the whole process, panics included. A second call changes nothing, so tests may call it at will.
pub fn init(config: &LogConfig) -> Result<(), TelemetryError> {
    let started = match config.format {
        LogFormat::Text => text(filter(config)?, std::io::stderr).try_init(),
        LogFormat::Json => json(filter(config)?, std::io::stderr).try_init(),
    };
    if started.is_ok() {
        panic::set_hook(Box::new(|info| {
            let message = panic_message(info.payload());
            let location = info.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(message, location, "panic");
        }));
    }
    Ok(())
}

fn filter(config: &LogConfig) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(&config.level).map_err(|error| TelemetryError {
        level: config.level.clone(),
        message: error.to_string(),
    })
}

fn text<W>(filter: EnvFilter, writer: W) -> impl SubscriberInitExt + Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false)
        .event_format(OneLine(Format::default().with_ansi(false)))
        .finish()
}

fn json<W>(filter: EnvFilter, writer: W) -> impl SubscriberInitExt + Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false)
        .fmt_fields(JsonFields::new())
        .event_format(OneLine(Format::default().json().flatten_event(true)))
        .finish()
}

/// Formats with the inner format, then escapes every control character but the line's own end. The escape is valid in JSON, too.
struct OneLine<F>(F);

impl<S, N, F> FormatEvent<S, N> for OneLine<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::with_capacity(256);
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        let line = line.strip_suffix('\n').unwrap_or(&line);
        for part in line.split_inclusive(is_unsafe) {
            match part.chars().next_back().filter(|c| is_unsafe(*c)) {
                Some(control) => {
                    let visible = part.strip_suffix(control).unwrap_or(part);
                    write!(writer, "{visible}\\u{:04x}", u32::from(control))?;
                }
                None => writer.write_str(part)?,
            }
        }
        writer.write_char('\n')
    }
}

/// Control characters, and the two separators that some viewers take for the end of a line.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests;
