//! The log of a task, put together from its record (state events) and its log entries (progress and chunks). Pure.
//!
//! Ordered, Unique, Complete (invariant I11): every number after the cursor arrives as the event that bears it, or within a `Truncated`
//! that names exactly the missing range.

use tidemill_model::{
    record::{Record, RecordError, StateEvent},
    wire::{LogEntry, state_event, truncated_event},
};
use tidemill_proto::v1::TaskEvent;

/// The next events of a log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page {
    /// In order, all after the cursor.
    pub(crate) events: Vec<TaskEvent>,
    /// How many of them stand for a cut part.
    pub(crate) truncated: u32,
    /// The cursor after them.
    pub(crate) cursor: u32,
    /// What comes after them.
    pub(crate) after: After,
}

/// What comes after a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// More may be there already: read again.
    More,
    /// Nothing yet; the task is not finished.
    Live,
    /// Nothing ever: the last event of the page is the result.
    End,
}

/// Why there is no next page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LogError {
    /// The cursor is beyond the last event, which has this number.
    Ahead(u32),
    /// The record or an entry cannot be read.
    Damaged(RecordError),
}

impl From<RecordError> for LogError {
    fn from(error: RecordError) -> Self {
        Self::Damaged(error)
    }
}

/// The events after `cursor`. `entries` are the first log entries after it, read together with the record; if there may be `more`, nothing
/// beyond the last of them is known to be complete.
pub(crate) fn page(record: &Record, entries: &[LogEntry], more: bool, cursor: u32) -> Result<Page, LogError> {
    let last = record.header.sequence;
    if cursor > last {
        return Err(LogError::Ahead(last));
    }
    let horizon = match entries.last() {
        Some(entry) if more => entry.sequence.min(last),
        _ => last,
    };
    let finished = record.header.state.is_terminal();
    // A watcher that has seen the result gets it once more: it is how a watch says that it is over.
    let from = if finished && cursor == last {
        cursor.saturating_sub(1)
    } else {
        cursor
    };
    let mut merge = Merge {
        record,
        events: Vec::new(),
        truncated: 0,
        cursor: from,
    };
    let mut entries = entries
        .iter()
        .filter(|entry| entry.sequence > from && entry.sequence <= horizon)
        .peekable();
    for event in record
        .events
        .iter()
        .filter(|event| event.sequence > from && event.sequence <= horizon)
    {
        while let Some(entry) = entries.next_if(|entry| entry.sequence < event.sequence) {
            merge.entry(entry)?;
        }
        merge.state(event)?;
    }
    for entry in entries {
        merge.entry(entry)?;
    }
    merge.skip_to(horizon.saturating_add(1));
    let after = match horizon < last {
        true => After::More,
        false if finished => After::End,
        false => After::Live,
    };
    Ok(Page {
        events: merge.events,
        truncated: merge.truncated,
        cursor: merge.cursor,
        after,
    })
}

struct Merge<'a> {
    record: &'a Record,
    events: Vec<TaskEvent>,
    truncated: u32,
    cursor: u32,
}

impl Merge<'_> {
    fn entry(&mut self, entry: &LogEntry) -> Result<(), RecordError> {
        self.skip_to(entry.sequence);
        self.events.push(entry.to_event()?);
        self.cursor = entry.sequence;
        Ok(())
    }

    fn state(&mut self, event: &StateEvent) -> Result<(), RecordError> {
        self.skip_to(event.sequence);
        self.events.push(state_event(event, self.record)?);
        self.cursor = event.sequence;
        Ok(())
    }

    /// Names what is missing between the cursor and `next`.
    fn skip_to(&mut self, next: u32) {
        if next > self.cursor.saturating_add(1) {
            self.events.push(truncated_event(self.cursor + 1, next - 1));
            self.truncated += 1;
            self.cursor = next - 1;
        }
    }
}

#[cfg(test)]
mod tests;
