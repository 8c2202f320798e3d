//! Text for people: one line for each event, task and queue.

use std::fmt::Write;

use prost_types::Timestamp;
use tidemill_proto::v1::{
    CancelTaskResponse, GetResultResponse, Payload, Queue, StateCause, StateChanged, Task, TaskError, TaskEvent,
    payload::Content, task_event::Event,
};

use crate::{names, payload};

/// `#3 RUNNING attempt 1`.
pub(crate) fn event(event: &TaskEvent) -> String {
    let what = match &event.event {
        Some(Event::StateChanged(change)) => state_changed(change, event.attempt),
        Some(Event::Progress(progress)) => {
            format!(
                "progress {:.0} % {}",
                progress.fraction * 100.0,
                one_line(&progress.message)
            )
        }
        Some(Event::OutputChunk(chunk)) => format!("chunk {}", chunk.payload.as_ref().map(brief).unwrap_or_default()),
        Some(Event::Truncated(gap)) => {
            format!(
                "truncated: events {} to {} were cut from the log",
                gap.from_sequence, gap.to_sequence
            )
        }
        Some(Event::Result(result)) => match &result.error {
            Some(error) => format!(
                "{} in attempt {}: {}",
                names::state(result.state),
                event.attempt,
                task_error(error)
            ),
            None => names::state(result.state),
        },
        None => "an event that this version does not know".to_owned(),
    };
    format!("#{} {}", event.sequence, what.trim_end())
}

fn state_changed(change: &StateChanged, attempt: i32) -> String {
    let state = names::state(change.state);
    match StateCause::try_from(change.cause) {
        Ok(StateCause::Leased) => format!("{state} attempt {attempt}"),
        Ok(StateCause::Due) => format!("{state} now due"),
        Ok(StateCause::Retry) => format!("{state} after attempt {attempt} failed"),
        Ok(StateCause::Crashed) => format!("{state} after attempt {attempt} crashed"),
        Ok(StateCause::Released) => format!("{state} after attempt {attempt} was given back"),
        Ok(StateCause::CancelRequested) => format!("{state} attempt {attempt}, asked to cancel"),
        Ok(StateCause::ExpiryRequested) => format!("{state} attempt {attempt}, asked to stop: the task expired"),
        Ok(StateCause::Enqueued | StateCause::Finished | StateCause::Unspecified) | Err(_) => state,
    }
}

/// `HANDLER_FAILED: boom (ValueError)`.
pub(crate) fn task_error(error: &TaskError) -> String {
    let mut line = names::reason(error.reason);
    if !error.message.is_empty() {
        line = format!("{line}: {}", one_line(&error.message));
    }
    match (error.r#type.as_str(), error.permanent) {
        ("", false) => line,
        ("", true) => format!("{line} (permanent)"),
        (kind, false) => format!("{line} ({})", one_line(kind)),
        (kind, true) => format!("{line} ({}, permanent)", one_line(kind)),
    }
}

/// `SUCCEEDED attempt 1, finished 2026-01-01T00:00:00Z`.
pub(crate) fn result(result: &GetResultResponse) -> String {
    let mut line = names::state(result.state);
    let (mut add, finished) = (|text: String| line.push_str(&text), names::is_terminal(result.state));
    if result.attempt > 0 {
        add(format!(" attempt {}", result.attempt));
    }
    match (&result.finish_time, &result.start_time, &result.create_time) {
        (Some(time), _, _) if finished => add(format!(", finished {time}")),
        (_, Some(time), _) => add(format!(", started {time}")),
        (_, _, Some(time)) => add(format!(", enqueued {time}")),
        _ => {}
    }
    if result.cancel_requested && !finished {
        add(", asked to cancel".to_owned());
    }
    if let Some(error) = &result.error {
        add(format!(
            "; {}{}",
            if finished { "" } else { "last error: " },
            task_error(error)
        ));
    }
    line
}

/// `CANCELLED`.
pub(crate) fn cancelled(response: &CancelTaskResponse) -> String {
    let state = names::state(response.state);
    if response.cancel_requested {
        format!("{state}, its handler was asked to stop")
    } else {
        state
    }
}

/// The row above [`queue`] rows.
pub(crate) fn queue_header(width: usize) -> String {
    format!(
        "{:width$} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "QUEUE", "SCHEDULED", "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"
    )
}

/// The counters of a queue.
pub(crate) fn queue(queue: &Queue, width: usize) -> String {
    format!(
        "{:width$} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}{}",
        queue.name,
        queue.scheduled,
        queue.queued,
        queue.running,
        queue.succeeded,
        queue.failed,
        queue.cancelled,
        queue.expired,
        if queue.paused { "  paused" } else { "" }
    )
}

/// `<id> echo SUCCEEDED attempt 1, finished …`.
pub(crate) fn task(task: &Task) -> String {
    let mut line = format!(
        "{} {} {} {}",
        task.task_id,
        task.kind,
        names::state(task.state),
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
        line.push_str(&format!("; {}", task_error(error)));
    }
    line
}

/// `<12 bytes, image/png>`.
pub(crate) fn bytes(content_type: &str, data: &[u8]) -> String {
    let content_type = if content_type.is_empty() {
        "application/octet-stream"
    } else {
        content_type
    };
    format!("<{} bytes, {}>", data.len(), one_line(content_type))
}

/// A payload on one line.
fn brief(payload: &Payload) -> String {
    match &payload.content {
        None => String::new(),
        Some(Content::Text(text)) => one_line(text),
        Some(Content::Json(value)) => payload::from_proto(value).to_string(),
        Some(Content::Data(data)) => bytes(&payload.content_type, data),
    }
}

/// Control characters escaped: one event stays one line, and a handler's text cannot drive the terminal.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, c| {
        if c.is_control() {
            line.extend(c.escape_default())
        } else {
            line.push(c)
        }
        line
    })
}

#[cfg(test)]
mod tests;
