//! `tidemill enqueue --batch`: many tasks from a file, a chunk at a time, so that memory stays bounded whatever its size.

mod field;
mod line;
mod report;

use std::{io::Write, path::PathBuf, time::Duration};

use serde_json::json;
use tidemill_client::{BATCH_LIMIT, Client, Enqueued, Outcome as Unsure, Task, proto::EnqueueRequest};
use tokio::time::timeout;

use crate::{
    Error,
    command::Outcome,
    error::{exit_code, with_next_step},
    json,
    lines::{Line, Lines},
    printer::Printer,
};
use report::Report;

/// No task is larger: 1 MiB of payload, in base64, and the rest of it.
const LONGEST_LINE: usize = 2 * 1024 * 1024;
/// About as much as one call takes; then a chunk is sent, however few lines it has.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Lines that trickle in are not held back for longer until their chunk is full.
const PATIENCE: Duration = Duration::from_millis(100);

/// What to store.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) path: PathBuf,
    /// For what a line does not say.
    pub(crate) defaults: EnqueueRequest,
    pub(crate) key_prefix: Option<String>,
}

/// What became of one line.
struct Settled {
    number: u64,
    outcome: Result<Enqueued, Refused>,
}

/// Why a line was not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refused {
    exit_code: u8,
    /// Of gRPC.
    code: i32,
    reason: String,
    message: String,
}

/// Lines that are sent together.
struct Chunk {
    lines: Vec<(u64, Result<EnqueueRequest, String>)>,
    /// The end of the file, or why it cannot be read further.
    end: Option<Result<(), Error>>,
}

impl Batch {
    /// Sends the first chunks with one client and, once the server has answered, the others with a more patient one.
    pub(crate) async fn run<W: Write>(
        self,
        first: &Client,
        patient: &Client,
        printer: &mut Printer<W>,
    ) -> Result<Outcome, Error> {
        let mut lines = Lines::open(&self.path, LONGEST_LINE).await?;
        let mut report = Report::new(printer.is_quiet());
        loop {
            let chunk = self.read(&mut lines).await;
            let client = if report.answered() { patient } else { first };
            let settled = send(client, chunk.lines).await;
            report.clear();
            for line in &settled {
                print(line, printer)?;
                report.add(line);
            }
            report.chunk_is_over(lines.percent());
            if let Some(end) = chunk.end {
                report.finish();
                return end.map(|()| report.outcome());
            }
            if report.gave_up() {
                report.stopped(self.key_prefix.is_some());
                return Ok(report.outcome());
            }
        }
    }

    async fn read(&self, lines: &mut Lines) -> Chunk {
        let mut chunk = Chunk {
            lines: Vec::new(),
            end: None,
        };
        let mut bytes = 0;
        while chunk.lines.len() < BATCH_LIMIT && bytes < CHUNK_BYTES {
            let next = if chunk.lines.is_empty() {
                lines.next().await
            } else {
                match timeout(PATIENCE, lines.next()).await {
                    Ok(next) => next,
                    Err(_) => break,
                }
            };
            match next {
                Ok(Some(line)) => {
                    bytes += line.bytes.as_ref().map_or(0, Vec::len);
                    let number = line.number;
                    if let Some(request) = self.request(line) {
                        chunk.lines.push((number, request));
                    }
                }
                end => {
                    chunk.end = Some(end.map(drop));
                    break;
                }
            }
        }
        chunk
    }

    /// `None`: an empty line.
    fn request(&self, line: Line) -> Option<Result<EnqueueRequest, String>> {
        let number = line.number;
        let parsed = match line.bytes.as_deref().map(str::from_utf8) {
            None => Err(format!("longer than {LONGEST_LINE} bytes, which no server takes")),
            Some(Err(_)) => Err("not UTF-8".to_owned()),
            Some(Ok(text)) if text.trim().is_empty() => return None,
            Some(Ok(text)) => line::parse(text, &self.defaults),
        };
        Some(parsed.map(|mut request| {
            if let Some(prefix) = self.key_prefix.as_ref().filter(|_| request.idempotency_key.is_empty()) {
                request.idempotency_key = format!("{prefix}-{number}");
            }
            request
        }))
    }
}

async fn send(client: &Client, lines: Vec<(u64, Result<EnqueueRequest, String>)>) -> Vec<Settled> {
    let tasks = lines.iter().filter_map(|(_, request)| request.as_ref().ok());
    let tasks: Vec<Task> = tasks.cloned().map(Task::from).collect();
    let mut answers = client.enqueue_batch(tasks).await.into_iter();
    let settle = |(number, request): (u64, Result<EnqueueRequest, String>)| {
        let outcome = match request {
            Ok(_) => answers.next()?.map_err(|error| Refused::by_server(&error)),
            Err(message) => Err(Refused::here(message)),
        };
        Some(Settled { number, outcome })
    };
    lines.into_iter().filter_map(settle).collect()
}

/// BatchEnqueueOutcome with the number of the line; in text the id, refused lines being told on stderr.
fn print<W: Write>(line: &Settled, printer: &mut Printer<W>) -> Result<(), Error> {
    let number = line.number;
    match &line.outcome {
        Ok(enqueued) => printer.item(
            |_| enqueued.task_id.clone(),
            || json!({ "line": number, "response": json::enqueued(enqueued) }),
        ),
        Err(_) if printer.is_text() => Ok(()),
        Err(refused) => {
            let error = json::refusal(refused.code, &refused.reason, &refused.message);
            printer.item(|_| String::new(), || json!({ "line": number, "error": error }))
        }
    }
}

impl Refused {
    fn here(message: String) -> Self {
        Self {
            exit_code: 2,
            code: 3,
            reason: String::new(),
            message,
        }
    }

    fn by_server(error: &tidemill_client::Error) -> Self {
        let stored = match error.outcome() {
            Unsure::Unknown => "; it may have been stored",
            Unsure::NotApplied => "",
        };
        Self {
            exit_code: exit_code(error),
            code: error.code().map_or(2, i32::from),
            reason: error.reason_name().to_owned(),
            message: format!("{}{stored}", with_next_step(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(key_prefix: Option<&str>) -> Batch {
        Batch {
            path: PathBuf::new(),
            defaults: EnqueueRequest {
                kind: "k".into(),
                ..EnqueueRequest::default()
            },
            key_prefix: key_prefix.map(str::to_owned),
        }
    }

    fn key(batch: &Batch, number: u64, text: &str) -> Option<Result<String, String>> {
        let bytes = Some(text.as_bytes().to_vec());
        let request = batch.request(Line { number, bytes })?;
        Some(request.map(|request| request.idempotency_key))
    }

    #[test]
    fn a_prefix_makes_the_keys_of_lines_that_have_none() {
        let keyed = batch(Some("p"));
        assert_eq!(key(&keyed, 7, "{}"), Some(Ok("p-7".to_owned())));
        assert_eq!(
            key(&keyed, 7, r#"{"idempotencyKey":"own"}"#),
            Some(Ok("own".to_owned()))
        );
        assert_eq!(
            key(&batch(None), 7, "{}"),
            Some(Ok(String::new())),
            "the client makes a fresh one"
        );
    }

    #[test]
    fn empty_lines_are_skipped_and_wrong_ones_are_told() {
        assert_eq!(key(&batch(None), 1, " "), None);
        let too_long = batch(None).request(Line { number: 1, bytes: None });
        assert!(too_long.is_some_and(|line| line.is_err_and(|error| error.starts_with("longer than"))));
        let binary = Some(vec![0xff]);
        let binary = batch(None).request(Line {
            number: 1,
            bytes: binary,
        });
        assert_eq!(binary, Some(Err("not UTF-8".to_owned())));
    }

    #[tokio::test]
    async fn a_file_becomes_chunks_that_a_call_takes() {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(&file, "{}\n".repeat(BATCH_LIMIT + 1)).expect("written");
        let mut lines = Lines::open(file.path(), LONGEST_LINE).await.expect("opened");
        let batch = batch(None);
        let first = batch.read(&mut lines).await;
        assert_eq!((first.lines.len(), first.end.is_none()), (BATCH_LIMIT, true));
        let last = batch.read(&mut lines).await;
        assert_eq!(
            (last.lines.len(), last.lines[0].0, last.end.is_some()),
            (1, 1_001, true)
        );
    }
}
