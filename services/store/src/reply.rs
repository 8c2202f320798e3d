//! Replies of scripts, taken apart. A reply that is not exactly as documented in the script's header is an error, never a default.

use bytes::Bytes;
use redis::Value;
use tidemill_model::{id::TaskId, op::StopRequest, state::TaskState};

use crate::error::StoreError;

/// Fields of one entry's reply, read in order.
pub(crate) struct Fields {
    values: std::vec::IntoIter<Value>,
}

pub(crate) fn unexpected(what: &str) -> StoreError {
    StoreError::Internal(format!("unexpected reply: {what}"))
}

/// The entries of a reply.
pub(crate) fn list(value: Value) -> Result<Vec<Value>, StoreError> {
    match value {
        Value::Array(values) => Ok(values),
        other => Err(unexpected(&format!("{other:?}"))),
    }
}

impl Fields {
    pub(crate) fn new(value: Value) -> Result<Self, StoreError> {
        Ok(Self {
            values: list(value)?.into_iter(),
        })
    }

    /// The entry's first field echoes the task's id; another one means that replies have crossed.
    pub(crate) fn echoing(value: Value, id: &TaskId) -> Result<Self, StoreError> {
        let mut fields = Self::new(value)?;
        if fields.bytes()?.as_ref() == id.as_bytes() {
            Ok(fields)
        } else {
            Err(StoreError::Unknown(CROSSED.into()))
        }
    }

    pub(crate) fn next(&mut self) -> Option<Value> {
        self.values.next()
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, StoreError> {
        match self.next() {
            Some(Value::BulkString(bytes)) => Ok(bytes.into()),
            other => Err(unexpected(&format!("{other:?} instead of bytes"))),
        }
    }

    /// A tag, compared as bytes.
    pub(crate) fn tag(&mut self) -> Result<Bytes, StoreError> {
        self.bytes()
    }

    pub(crate) fn number(&mut self) -> Result<u64, StoreError> {
        match self.next() {
            Some(Value::Int(number)) => u64::try_from(number).map_err(|_| unexpected("negative number")),
            Some(Value::BulkString(bytes)) => std::str::from_utf8(&bytes)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| unexpected("not a number")),
            other => Err(unexpected(&format!("{other:?} instead of a number"))),
        }
    }

    pub(crate) fn small(&mut self) -> Result<u32, StoreError> {
        u32::try_from(self.number()?).map_err(|_| unexpected("number too large"))
    }

    pub(crate) fn state(&mut self) -> Result<TaskState, StoreError> {
        u8::try_from(self.number()?)
            .ok()
            .and_then(TaskState::from_number)
            .ok_or_else(|| unexpected("state"))
    }

    pub(crate) fn task_id(&mut self) -> Result<TaskId, StoreError> {
        TaskId::from_slice(&self.bytes()?).map_err(|_| unexpected("task id"))
    }

    pub(crate) fn stop(&mut self) -> Result<Option<StopRequest>, StoreError> {
        match self.number()? {
            0 => Ok(None),
            1 => Ok(Some(StopRequest::Cancel)),
            2 => Ok(Some(StopRequest::Expiry)),
            _ => Err(unexpected("stop request")),
        }
    }
}

/// Text of the error that makes the caller give up its connection.
pub(crate) const CROSSED: &str = "a reply names another task";

/// An unknown tag.
pub(crate) fn unknown_tag<T>(tag: &[u8]) -> Result<T, StoreError> {
    Err(unexpected(&format!("tag {}", String::from_utf8_lossy(tag))))
}
