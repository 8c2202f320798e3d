//! Where the next page starts. Opaque to clients: base64url of a version, what is listed, and a position in it. A token of another
//! list, or of another release that writes it differently, is a malformed request and never a wrong page.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tidemill_kit::status::ApiError;
use tidemill_model::{
    id::{Name, TaskId},
    state::TaskState,
};

use crate::error;

const VERSION: u8 = 1;
const QUEUES: u8 = b'q';
const TASKS: u8 = b't';

/// Position in a list of tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TaskCursor {
    /// The store's cursor; 0: the beginning.
    pub(crate) cursor: u64,
    /// If set, the step at the cursor was handed out up to this id.
    pub(crate) after: Option<TaskId>,
}

impl TaskCursor {
    pub(crate) fn is_start(&self) -> bool {
        *self == Self::default()
    }
}

pub(crate) fn write_queues(after: &Name) -> String {
    let mut bytes = vec![VERSION, QUEUES];
    bytes.extend_from_slice(after.as_str().as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `None`: the first page.
pub(crate) fn read_queues(token: &str) -> Result<Option<Name>, ApiError> {
    if token.is_empty() {
        return Ok(None);
    }
    let bytes = decode(token, QUEUES)?;
    let name = std::str::from_utf8(&bytes).ok().and_then(|text| Name::new(text).ok());
    name.map(Some).ok_or_else(malformed)
}

pub(crate) fn write_tasks(queue: &Name, state: TaskState, at: &TaskCursor) -> String {
    let mut bytes = vec![VERSION, TASKS, state as u8];
    bytes.extend_from_slice(&at.cursor.to_be_bytes());
    bytes.push(u8::from(at.after.is_some()));
    bytes.extend_from_slice(at.after.as_ref().map_or(&[], |id| id.as_bytes().as_slice()));
    bytes.extend_from_slice(queue.as_str().as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn read_tasks(token: &str, queue: &Name, state: TaskState) -> Result<TaskCursor, ApiError> {
    if token.is_empty() {
        return Ok(TaskCursor::default());
    }
    let bytes = decode(token, TASKS)?;
    let (head, rest) = bytes.split_first_chunk::<10>().ok_or_else(malformed)?;
    let [listed, cursor @ .., has_after] = *head;
    let (after, rest) = match has_after {
        0 => (None, rest),
        1 => {
            let (id, rest) = rest.split_at_checked(16).ok_or_else(malformed)?;
            (Some(TaskId::from_slice(id).map_err(|_| malformed())?), rest)
        }
        _ => return Err(malformed()),
    };
    if listed != state as u8 || rest != queue.as_str().as_bytes() {
        return Err(malformed());
    }
    Ok(TaskCursor {
        cursor: u64::from_be_bytes(cursor),
        after,
    })
}

fn decode(token: &str, what: u8) -> Result<Vec<u8>, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| malformed())?;
    match bytes.as_slice() {
        [VERSION, found, rest @ ..] if *found == what => Ok(rest.to_vec()),
        _ => Err(malformed()),
    }
}

fn malformed() -> ApiError {
    error::invalid_field(
        "page_token",
        "must be empty or the next_page_token of a page of the same list",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_as_they_went() {
        let (queue, state) = (Name::new("mail").unwrap(), TaskState::Failed);
        for after in [None, Some(TaskId::new(1, 2, 3))] {
            let at = TaskCursor {
                cursor: u64::MAX,
                after,
            };
            let token = write_tasks(&queue, state, &at);
            assert_eq!(read_tasks(&token, &queue, state), Ok(at));
            assert!(read_tasks(&token, &queue, TaskState::Queued).is_err());
            assert!(read_tasks(&token, &Name::default_queue(), state).is_err());
            assert!(read_queues(&token).is_err());
        }
        assert_eq!(read_queues(&write_queues(&queue)), Ok(Some(queue)));
    }

    #[test]
    fn anything_else_is_refused_and_nothing_panics() {
        let queue = Name::default_queue();
        for bytes in [
            &b""[..],
            &[1],
            &[2, b'q', b'a'],
            &[1, b'q'],
            &[1, b'q', b' '],
            &[1, b't', 2],
            &[1, b't', 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7],
            &[1, b't', 2, 0, 0, 0, 0, 0, 0, 0, 0, 9],
        ] {
            let token = URL_SAFE_NO_PAD.encode(bytes);
            assert!(token.is_empty() || read_queues(&token).is_err(), "{bytes:?}");
            assert!(
                token.is_empty() || read_tasks(&token, &queue, TaskState::Queued).is_err(),
                "{bytes:?}"
            );
        }
        assert!(read_queues("not base64!").is_err());
    }
}
