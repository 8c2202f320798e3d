use tidemill_proto::v1::Progress;

use super::*;
use crate::testing::{self, Script, TestServer, ended, running};

fn attempts(count: i32, mut end: TaskEvent) -> Script {
    let mut script: Script = Vec::new();
    for attempt in 1..=count {
        script.push(Ok(TaskEvent {
            attempt,
            ..running(i64::from(attempt))
        }));
    }
    (end.sequence, end.attempt) = (i64::from(count) + 1, count);
    script.push(Ok(end));
    script
}

fn stories() -> Vec<Script> {
    let output = Some(Payload {
        content_type: String::new(),
        content: Some(Content::Text("hello".into())),
    });
    let echoed = Event::Result(TaskResult {
        state: TaskState::Succeeded as i32,
        output,
        error: None,
    });
    let half = testing::event(
        2,
        Event::Progress(Progress {
            fraction: 0.5,
            message: String::new(),
        }),
    );
    vec![
        vec![Ok(running(1)), Ok(testing::event(2, echoed))],
        vec![Ok(running(1)), Ok(half), Ok(ended(3, TaskState::Succeeded))],
        attempts(3, ended(0, TaskState::Succeeded)),
        attempts(2, ended(0, TaskState::Failed)),
        vec![Ok(running(1)), Ok(running(2)), Ok(ended(3, TaskState::Cancelled))],
    ]
}

async fn play(stories: Vec<Script>) -> (Result<(), Error>, String, TestServer) {
    let server = TestServer::start(stories).await;
    let mut out = Vec::new();
    let result = demo(&server.url, &mut out).await;
    (result, String::from_utf8(out).expect("UTF-8"), server)
}

#[tokio::test]
async fn shows_the_five_tasks_and_what_to_try_next() {
    let (result, out, server) = play(stories()).await;
    result.expect("as it must be");
    let memory = server.memory();
    let kinds: Vec<_> = memory.enqueued.iter().map(|request| request.kind.as_str()).collect();
    assert_eq!(kinds, ["echo", "sleep", "fail", "fail", "sleep"]);
    assert_eq!(
        memory.enqueued[3].retry_policy.map(|policy| policy.max_attempts),
        Some(2)
    );
    let cancelled: Vec<_> = memory
        .cancelled
        .iter()
        .map(|request| request.task_id.as_str())
        .collect();
    assert_eq!(cancelled, ["T5"], "cancelled once, after its first RUNNING");
    for line in [
        "#2 SUCCEEDED\nhello\n",
        "#2 progress 50 %\n",
        "#3 RUNNING attempt 3\n",
        "#3 FAILED\n",
        "#3 CANCELLED\n",
    ] {
        assert!(out.contains(line), "{line} in {out}");
    }
    assert!(out.contains(&format!("tidemill get T1 --url {}", server.url)), "{out}");
    let grpcurl = r#"grpcurl -plaintext -d '{"kind":"echo","payload":{"text":"hello"}}' localhost:"#;
    assert!(
        out.contains(grpcurl) && out.contains(" tidemill.v1.GatewayService/Enqueue\n"),
        "{out}"
    );
}

#[tokio::test]
async fn fails_if_a_task_does_not_end_as_it_must() {
    let other_end = |step: usize, script: Script| {
        let mut stories = stories();
        stories[step] = script;
        stories
    };
    for (broken, says) in [
        (other_end(0, vec![Ok(ended(1, TaskState::Succeeded))]), "its input"),
        (other_end(1, vec![Ok(ended(1, TaskState::Succeeded))]), "no progress"),
        (
            other_end(2, attempts(1, ended(0, TaskState::Succeeded))),
            "three attempts",
        ),
        (
            other_end(3, attempts(2, ended(0, TaskState::Succeeded))),
            "ended SUCCEEDED, not FAILED",
        ),
        (
            other_end(4, vec![Ok(running(1)), Ok(ended(2, TaskState::Succeeded))]),
            "not CANCELLED",
        ),
    ] {
        let error = play(broken).await.0.expect_err(says);
        assert!(
            matches!(&error, Error::Demo(message) if message.contains(says)),
            "{error}"
        );
    }
}
