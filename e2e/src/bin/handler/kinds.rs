//! What the kinds do.
//!
//! | kind | input | behaviour |
//! |---|---|---|
//! | `quick` | any | output = input |
//! | `slow` | ms | sleeps, output = `attempt <n> pid <pid>` |
//! | `stuck` | – | never ends |
//! | `stuck-once` | – | never ends in its first lease, then like `quick` |
//! | `chunks` | `<n> <ms>` | sends n chunks, one each ms |
//! | `flaky` | n | fails in its first n attempts |
//! | `crash` | – | aborts the process |
//! | `script` | `word=number …` | see [`script`] |

use std::{collections::HashMap, time::Duration};

use tidemill_proto::v1::{
    Assignment, CompleteTaskRequest, FailTaskRequest, Payload, ReleaseTaskRequest, ReportProgressRequest, WorkRequest,
    payload::Content, report_progress_request::Report, work_request::Message,
};
use tokio::{sync::mpsc::UnboundedSender, time::sleep};

/// Runs one attempt; the answer is its settle. `say` takes what is sent on the way.
pub(crate) async fn run(task: Assignment, say: UnboundedSender<WorkRequest>) -> WorkRequest {
    let numbers: Vec<u64> = text(task.payload.as_ref())
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    let number = |index: usize| numbers.get(index).copied().unwrap_or(0);
    match task.kind.as_str() {
        "slow" => {
            sleep(Duration::from_millis(number(0))).await;
            let output = format!("attempt {} pid {}", task.attempt, std::process::id());
            complete(&task, text_payload(output))
        }
        "stuck" => std::future::pending().await,
        "stuck-once" if task.fence <= 1 => std::future::pending().await,
        "chunks" => {
            for piece in 0..number(0) {
                sleep(Duration::from_millis(number(1))).await;
                say_chunk(&task, &say, piece);
            }
            complete(&task, text_payload(format!("{} pieces", number(0))))
        }
        "flaky" if u64::try_from(task.attempt).unwrap_or(0) <= number(0) => {
            let message = format!("attempt {} fails as it shall", task.attempt);
            let lease_token = task.lease_token.clone();
            request(Message::Fail(FailTaskRequest {
                lease_token,
                message,
                r#type: "Flaky".into(),
                ..Default::default()
            }))
        }
        "crash" => std::process::abort(),
        "script" => script(&task, &say).await,
        _ => complete(&task, task.payload.clone().unwrap_or_default()),
    }
}

/// Does what its input says, word by word; a word that is not there is 0. First it sends `chunks` chunks and runs for `ms`. Then it aborts
/// the process in its first `crash` attempts, gives the task back in its first `release` leases, fails in its first `fail` attempts, fails
/// for good if `permanent` is 1; else it succeeds. The output names the fence and the process that made it.
async fn script(task: &Assignment, say: &UnboundedSender<WorkRequest>) -> WorkRequest {
    let words: HashMap<&str, u64> = text(task.payload.as_ref())
        .split(' ')
        .filter_map(|word| word.split_once('='))
        .filter_map(|(name, number)| Some((name, number.parse().ok()?)))
        .collect();
    let of = |name: &str| words.get(name).copied().unwrap_or(0);
    let attempt = u64::try_from(task.attempt).unwrap_or(0);
    for piece in 0..of("chunks") {
        say_chunk(task, say, piece);
    }
    sleep(Duration::from_millis(of("ms"))).await;
    if attempt <= of("crash") {
        std::process::abort();
    }
    let lease_token = task.lease_token.clone();
    if u64::try_from(task.fence).unwrap_or(0) <= of("release") {
        return request(Message::Release(ReleaseTaskRequest {
            lease_token,
            ..Default::default()
        }));
    }
    if attempt <= of("fail") || of("permanent") > 0 {
        return request(Message::Fail(FailTaskRequest {
            lease_token,
            message: format!("fence {} fails as it shall", task.fence),
            r#type: "Script".into(),
            permanent: of("permanent") > 0,
            ..Default::default()
        }));
    }
    let output = format!("{} fence={} pid={}", task.task_id, task.fence, std::process::id());
    complete(task, text_payload(output))
}

fn say_chunk(task: &Assignment, say: &UnboundedSender<WorkRequest>, piece: u64) {
    let report = ReportProgressRequest {
        lease_token: task.lease_token.clone(),
        report: Some(Report::OutputChunk(text_payload(format!("piece {piece}")))),
    };
    // Nobody listens any more only at the process's end.
    let _ = say.send(request(Message::Progress(report)));
}

/// What a settle is called in the journal.
pub(crate) fn name(settle: &WorkRequest) -> &'static str {
    match settle.message {
        Some(Message::Complete(_)) => "complete",
        Some(Message::Fail(_)) => "fail",
        Some(Message::Release(_)) => "release",
        _ => "other",
    }
}

fn complete(task: &Assignment, output: Payload) -> WorkRequest {
    let lease_token = task.lease_token.clone();
    request(Message::Complete(CompleteTaskRequest {
        lease_token,
        output: Some(output),
    }))
}

pub(crate) fn request(message: Message) -> WorkRequest {
    WorkRequest { message: Some(message) }
}

fn text(payload: Option<&Payload>) -> &str {
    match payload.and_then(|payload| payload.content.as_ref()) {
        Some(Content::Text(text)) => text,
        _ => "",
    }
}

fn text_payload(text: String) -> Payload {
    Payload {
        content_type: String::new(),
        content: Some(Content::Text(text)),
    }
}
