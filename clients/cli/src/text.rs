//! Text for people: one line for each event, task and queue.

use std::{fmt::Write, time::SystemTime};

use prost_types::Timestamp;
use serde_json::Value;
use tidemill_client::{
    Cancelled, Event, EventKind, Payload, StateCause, TaskError, TaskResult, TaskSnapshot, TaskState,
    proto::{KindDepth, Queue, Task, payload::Content},
};

use crate::{duration, names, paint::Paint};

/// `#3 RUNNING attempt 1`.
pub(crate) fn event(event: &Event, paint: Paint) -> String {
    let what = match &event.kind {
        EventKind::StateChanged { state, cause } => state_changed(*state, *cause, event.attempt, paint),
        EventKind::Progress { fraction, message } => {
            format!("progress {:.0} % {}", fraction * 100.0, one_line(message))
        }
        EventKind::OutputChunk(chunk) => format!("chunk {}", brief(chunk)),
        EventKind::Truncated {
            from_sequence,
            to_sequence,
        } => format!("truncated: events {from_sequence} to {to_sequence} were cut from the log"),
        EventKind::Result(result) => ended(result, event.attempt, paint),
        _ => "an event that this version does not know".to_owned(),
    };
    format!("{} {}", paint.dim(&format!("#{}", event.sequence)), what.trim_end())
}

fn ended(result: &TaskResult, attempt: i32, paint: Paint) -> String {
    let state = paint.state(result.state);
    match &result.error {
        Some(error) => format!("{state} in attempt {attempt}: {}", task_error(error)),
        None => state,
    }
}

fn state_changed(state: TaskState, cause: StateCause, attempt: i32, paint: Paint) -> String {
    let state = paint.state(state);
    match cause {
        StateCause::Leased => format!("{state} attempt {attempt}"),
        StateCause::Due => format!("{state} now due"),
        StateCause::Retry => format!("{state} after attempt {attempt} failed"),
        StateCause::Crashed => format!("{state} after attempt {attempt} crashed"),
        StateCause::Released => format!("{state} after attempt {attempt} was given back"),
        StateCause::CancelRequested => format!("{state} attempt {attempt}, asked to cancel"),
        StateCause::ExpiryRequested => format!("{state} attempt {attempt}, asked to stop: the task expired"),
        StateCause::Enqueued | StateCause::Finished | StateCause::Unspecified => state,
    }
}

/// `HANDLER_FAILED: boom (ValueError)`.
pub(crate) fn task_error(error: &TaskError) -> String {
    let mut line = error.reason_name();
    if !error.message().is_empty() {
        line = format!("{line}: {}", one_line(error.message()));
    }
    match (error.type_name(), error.is_permanent()) {
        ("", false) => line,
        ("", true) => format!("{line} (permanent)"),
        (kind, false) => format!("{line} ({})", one_line(kind)),
        (kind, true) => format!("{line} ({}, permanent)", one_line(kind)),
    }
}

/// `SUCCEEDED attempt 1, finished 2026-01-01T00:00:00Z`.
pub(crate) fn result(result: &TaskSnapshot, paint: Paint) -> String {
    let mut line = paint.state(result.state);
    let (mut add, finished) = (|text: String| line.push_str(&text), result.state.is_terminal());
    if result.attempt > 0 {
        add(format!(" attempt {}", result.attempt));
    }
    match (result.finish_time, result.start_time, result.create_time) {
        (Some(at), _, _) if finished => add(format!(", finished {}", time(at))),
        (_, Some(at), _) => add(format!(", started {}", time(at))),
        (_, _, Some(at)) => add(format!(", enqueued {}", time(at))),
        _ => {}
    }
    if result.cancel_requested && !finished {
        add(", asked to cancel".to_owned());
    }
    if let Some(error) = &result.error {
        let label = if finished { "" } else { "last error: " };
        add(format!("; {label}{}", task_error(error)));
    }
    line
}

fn time(time: SystemTime) -> Timestamp {
    Timestamp::from(time)
}

/// `CANCELLED`.
pub(crate) fn cancelled(answer: Cancelled, paint: Paint) -> String {
    let state = paint.state(answer.state);
    if answer.cancel_requested {
        format!("{state}, its handler was asked to stop")
    } else {
        state
    }
}

/// The row above [`queue`] rows.
pub(crate) fn queue_header(width: usize, paint: Paint) -> String {
    paint.bold(&format!(
        "{:width$} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "QUEUE", "SCHEDULED", "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"
    ))
}

/// The counters of a queue.
pub(crate) fn queue(queue: &Queue, width: usize, paint: Paint) -> String {
    let failed = format!("{:>9}", queue.failed);
    format!(
        "{:width$} {:>9} {:>9} {:>9} {:>9} {} {:>9} {:>9}{}",
        queue.name,
        queue.scheduled,
        queue.queued,
        queue.running,
        queue.succeeded,
        if queue.failed > 0 { paint.bad(&failed) } else { failed },
        queue.cancelled,
        queue.expired,
        if queue.paused { "  paused" } else { "" }
    )
}

/// The row above [`kind`] rows.
pub(crate) fn kind_header(width: usize, paint: Paint) -> String {
    paint.bold(&format!("{:width$} {:>9} {:>9}", "KIND", "QUEUED", "OLDEST"))
}

/// The ready tasks of one kind.
pub(crate) fn kind(kind: &KindDepth, width: usize) -> String {
    let age = kind.oldest_age.as_ref().map(duration::age).unwrap_or_default();
    format!("{:width$} {:>9} {:>9}", kind.kind, kind.queued, age)
}

/// `<id> echo SUCCEEDED attempt 1, finished …`.
pub(crate) fn task(task: &Task, paint: Paint) -> String {
    let state = paint.state(TaskState::from_proto(task.state));
    let mut line = format!(
        "{} {} {state} {}",
        task.task_id,
        task.kind,
        names::priority(task.priority)
    );
    let mut add = |label: &str, time: &Option<Timestamp>| {
        if let Some(time) = time {
            // Writing to a String cannot fail.
            let _ = write!(line, ", {label} {time}");
        }
    };
    add("enqueued", &task.create_time);
    add("due", &task.due_time);
    add("finished", &task.finish_time);
    if task.attempt > 0 {
        line.push_str(&format!(", attempt {}", task.attempt));
    }
    if let Some(error) = &task.error {
        line.push_str(&format!("; {}", task_error(&TaskError::from(error.clone()))));
    }
    line
}

/// `<12 bytes, image/png>`.
pub(crate) fn bytes(payload: &Payload, length: usize) -> String {
    format!("<{length} bytes, {}>", one_line(payload.content_type()))
}

/// A payload on one line.
pub(crate) fn brief(payload: &Payload) -> String {
    match &payload.as_proto().content {
        None => String::new(),
        // What a shell script prints ends its line; that end is not part of what it says.
        Some(Content::Text(text)) => one_line(text.strip_suffix('\n').unwrap_or(text)),
        Some(Content::Json(_)) => json_value(payload).to_string(),
        Some(Content::Data(data)) => bytes(payload, data.len()),
    }
}

/// The value of a JSON payload; every such value can be told as JSON.
pub(crate) fn json_value(payload: &Payload) -> Value {
    payload.to_json().unwrap_or_default()
}

/// Control characters escaped: one event stays one line, and a handler's text cannot drive the terminal.
pub(crate) fn one_line(text: &str) -> String {
    escaped(text, |_| false)
}

/// The same for text of several lines.
pub(crate) fn for_terminal(text: &str) -> String {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, but: impl Fn(char) -> bool) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, c| {
        if c.is_control() && !but(c) {
            line.extend(c.escape_default())
        } else {
            line.push(c)
        }
        line
    })
}

#[cfg(test)]
mod tests;
