//! What `tidemill dev --demo` shows, against the running server: nothing here is made up, every line is an event that came.

use std::{io::Write, time::Duration};

use tidemill_client::{Client, DEFAULT_URL, Event, EventKind, RetryPolicy, Task, TaskResult, TaskState};
use tokio::time::timeout;

use crate::{
    Error,
    options::OutputFormat,
    printer::{self, Printer, Shape},
};

/// No step takes longer than a few seconds with a free worker.
const STEP_LIMIT: Duration = Duration::from_secs(60);
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// Enqueues a handful of tasks of the built-in kinds at `url`, writes their events to `out` as they arrive, and fails if one of them
/// does not end as it must. Takes about five seconds and leaves its tasks behind, to be looked at.
pub async fn demo(url: &str, out: &mut impl Write) -> Result<(), Error> {
    let client = Client::new(url)?;
    let mut demo = Demo {
        client: &client,
        url,
        printer: Printer::new(out, OutputFormat::Text, Shape::Array, false),
    };
    let hello = demo.echo().await?;
    demo.sleep().await?;
    demo.retry().await?;
    let dead = demo.dead_letter().await?;
    demo.cancel().await?;
    demo.what_next(&hello, &dead)
}

struct Demo<'a, W> {
    client: &'a Client,
    url: &'a str,
    printer: Printer<W>,
}

/// What a watch brought.
#[derive(Debug, Default)]
struct Story {
    task_id: String,
    result: Option<TaskResult>,
    attempts: i32,
    progress: usize,
}

impl<W: Write> Demo<'_, W> {
    async fn echo(&mut self) -> Result<String, Error> {
        self.say("1. A task whose handler answers with its input; its events are pushed, nobody polls")?;
        let story = self.play(task("echo", "hello"), TaskState::Succeeded, false).await?;
        expect(story.output() == Some("hello"), "echo did not answer with its input")?;
        Ok(story.task_id)
    }

    async fn sleep(&mut self) -> Result<(), Error> {
        self.say("2. A handler that works for two seconds and tells how far it has come")?;
        let story = self.play(task("sleep", "2"), TaskState::Succeeded, false).await?;
        expect(story.progress > 0, "sleep reported no progress")
    }

    async fn retry(&mut self) -> Result<(), Error> {
        self.say("3. A handler that fails twice: tried again with backoff and jitter, until it succeeds")?;
        let policy = RetryPolicy::default().initial_backoff(Duration::from_millis(200));
        let task = task("fail", "2").retry_policy(policy);
        let story = self.play(task, TaskState::Succeeded, false).await?;
        expect(story.attempts == 3, "two failures did not make three attempts")
    }

    async fn dead_letter(&mut self) -> Result<String, Error> {
        self.say(
            "4. A handler that never succeeds: after two attempts the task is a dead letter, kept for inspection",
        )?;
        let policy = RetryPolicy::default().initial_backoff(Duration::from_millis(100));
        let task = task("fail", "99").retry_policy(policy.max_attempts(2));
        let story = self.play(task, TaskState::Failed, false).await?;
        expect(story.attempts == 2, "max_attempts 2 did not make two attempts")?;
        Ok(story.task_id)
    }

    async fn cancel(&mut self) -> Result<(), Error> {
        self.say("5. A minute of work, cancelled as soon as it runs: its handler is asked to stop, and agrees")?;
        self.play(task("sleep", "60"), TaskState::Cancelled, true)
            .await
            .map(drop)
    }

    /// Enqueues, follows to the end, and checks the end.
    async fn play(&mut self, task: Task, end: TaskState, cancel: bool) -> Result<Story, Error> {
        let kind = task.as_proto().kind.clone();
        let story = timeout(STEP_LIMIT, self.follow(task, cancel)).await.map_err(|_| {
            let hint = "does a worker run the built-in kinds (worker.builtin_kinds)?";
            Error::Demo(format!("`{kind}` did not end within {STEP_LIMIT:?}; {hint}"))
        })??;
        story.must_end(end, &kind)?;
        Ok(story)
    }

    async fn follow(&mut self, task: Task, mut cancel: bool) -> Result<Story, Error> {
        let task_id = self.client.enqueue(task).await?.task_id;
        self.printer.line(&format!("task {task_id}"))?;
        let watch = self.client.watch(&task_id).give_up_after(GIVE_UP_AFTER);
        let mut watch = watch.on_break(|error| printer::note("note", &error.to_string()));
        let mut story = Story {
            task_id,
            ..Story::default()
        };
        while let Some(event) = watch.next().await {
            let event = event?;
            self.printer.event(&event)?;
            if cancel && is_running(&event) {
                cancel = false;
                self.client.cancel(&story.task_id, "shown by the demo").await?;
            }
            story.add(event);
        }
        Ok(story)
    }

    fn what_next(&mut self, hello: &str, dead: &str) -> Result<(), Error> {
        what_next(self.url, hello, dead)
            .iter()
            .try_for_each(|line| self.printer.line(line))
    }

    fn say(&mut self, line: &str) -> Result<(), Error> {
        self.printer.line(&format!("\n{line}"))
    }
}

impl Story {
    fn add(&mut self, event: Event) {
        self.attempts = self.attempts.max(event.attempt);
        match event.kind {
            EventKind::Progress { .. } => self.progress += 1,
            EventKind::Result(result) => self.result = Some(result),
            _ => {}
        }
    }

    fn output(&self) -> Option<&str> {
        self.result.as_ref()?.output.as_ref()?.as_text()
    }

    fn must_end(&self, must: TaskState, kind: &str) -> Result<(), Error> {
        match self.result.as_ref().map(|result| result.state) {
            Some(is) if is == must => Ok(()),
            Some(is) => Err(Error::Demo(format!(
                "task {} of kind `{kind}` ended {is}, not {must}",
                self.task_id
            ))),
            None => Err(Error::Demo(format!(
                "the log of task {} ended without a result",
                self.task_id
            ))),
        }
    }
}

fn what_next(url: &str, hello: &str, dead: &str) -> [String; 7] {
    let authority = url.trim_start_matches("http://").replacen("127.0.0.1", "localhost", 1);
    let flag = if url == DEFAULT_URL {
        String::new()
    } else {
        format!(" --url {url}")
    };
    [
        "\nAll of this really happened. Try next, in another terminal:".to_owned(),
        format!("  tidemill enqueue echo --text hello --watch{flag}"),
        format!("  tidemill get {hello}{flag}"),
        format!("  tidemill watch {dead}{flag}"),
        format!("  tidemill list --dead-letters{flag}"),
        format!("  tidemill queues{flag}"),
        format!(
            r#"  grpcurl -plaintext -d '{{"kind":"echo","payload":{{"text":"hello"}}}}' {authority} tidemill.v1.GatewayService/Enqueue"#
        ),
    ]
}

fn task(kind: &str, text: &str) -> Task {
    Task::new(kind).text(text).label("from", "demo")
}

fn is_running(event: &Event) -> bool {
    let running = TaskState::Running;
    matches!(&event.kind, EventKind::StateChanged { state, .. } if *state == running)
}

fn expect(ok: bool, otherwise: &str) -> Result<(), Error> {
    if ok {
        Ok(())
    } else {
        Err(Error::Demo(otherwise.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use tidemill_client::proto::{self, TaskEvent, payload::Content, task_event};

    use super::*;

    fn event(attempt: i32, event: task_event::Event) -> Event {
        Event::from(TaskEvent {
            attempt,
            event: Some(event),
            ..TaskEvent::default()
        })
    }

    fn story(state: proto::TaskState) -> Story {
        let output = proto::Payload {
            content_type: String::new(),
            content: Some(Content::Text("hello".into())),
        };
        let result = proto::TaskResult {
            state: state as i32,
            output: Some(output),
            error: None,
        };
        let mut story = Story::default();
        story.add(event(1, task_event::Event::Progress(proto::Progress::default())));
        story.add(event(2, task_event::Event::Result(result)));
        story
    }

    #[test]
    fn a_story_is_what_came() {
        let story = story(proto::TaskState::Succeeded);
        assert_eq!((story.attempts, story.progress, story.output()), (2, 1, Some("hello")));
        assert!(story.must_end(TaskState::Succeeded, "echo").is_ok());
    }

    #[test]
    fn another_end_is_told() {
        let error = story(proto::TaskState::Cancelled)
            .must_end(TaskState::Failed, "fail")
            .expect_err("another end");
        assert!(
            error
                .to_string()
                .ends_with("of kind `fail` ended CANCELLED, not FAILED"),
            "{error}"
        );
        let error = Story::default()
            .must_end(TaskState::Failed, "fail")
            .expect_err("no end");
        assert!(error.to_string().contains("without a result"), "{error}");
    }

    #[test]
    fn what_to_try_next_has_the_address() {
        let lines = what_next("http://127.0.0.1:1", "T1", "T2").join("\n");
        assert!(lines.contains("tidemill get T1 --url http://127.0.0.1:1\n"), "{lines}");
        let grpcurl = r#"grpcurl -plaintext -d '{"kind":"echo","payload":{"text":"hello"}}' localhost:1 tidemill.v1.GatewayService/Enqueue"#;
        assert!(lines.ends_with(grpcurl), "{lines}");
        assert!(!what_next(DEFAULT_URL, "T1", "T2").join("\n").contains("--url"));
    }
}
