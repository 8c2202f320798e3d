use bytes::Bytes;
use prost::Message;
use tidemill_proto::v1::{self, task_event};

use super::time::timestamp;
use crate::record::RecordError;

/// What an entry of a task's log holds. The numbers are stored: frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LogKind {
    /// A [`v1::Progress`].
    Progress = 1,
    /// A [`v1::OutputChunk`].
    Chunk = 2,
}

impl LogKind {
    /// Reads the stored number.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Progress),
            2 => Some(Self::Chunk),
            _ => None,
        }
    }
}

/// An entry of a task's log that is not a change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its number in the log.
    pub sequence: u32,
    /// The attempt that reported it.
    pub attempt: u8,
    /// Unix ms, by the store's clock.
    pub time_ms: u64,
    /// What it is.
    pub kind: LogKind,
    /// The encoded [`v1::Progress`] or [`v1::OutputChunk`].
    pub payload: Bytes,
}

impl LogEntry {
    /// The entry in the contract.
    pub fn to_event(&self) -> Result<v1::TaskEvent, RecordError> {
        let event = match self.kind {
            LogKind::Progress => v1::Progress::decode(self.payload.clone()).map(task_event::Event::Progress),
            LogKind::Chunk => v1::OutputChunk::decode(self.payload.clone()).map(task_event::Event::OutputChunk),
        };
        Ok(v1::TaskEvent {
            sequence: i64::from(self.sequence),
            attempt: i32::from(self.attempt),
            time: Some(timestamp(self.time_ms)),
            event: Some(event.map_err(|_| RecordError::Damaged("log entry"))?),
        })
    }
}

/// What is stored of progress.
pub fn progress_payload(progress: &v1::Progress) -> Bytes {
    progress.encode_to_vec().into()
}

/// What is stored of a chunk.
pub fn chunk_payload(chunk: v1::Payload) -> Bytes {
    v1::OutputChunk { payload: Some(chunk) }.encode_to_vec().into()
}

/// Stands for the events `from` to `to`, both included, which were cut off.
pub fn truncated_event(from: u32, to: u32) -> v1::TaskEvent {
    let truncated = v1::Truncated {
        from_sequence: i64::from(from),
        to_sequence: i64::from(to),
    };
    v1::TaskEvent {
        sequence: i64::from(to),
        event: Some(task_event::Event::Truncated(truncated)),
        ..Default::default()
    }
}
