//! What `tidemill dev --demo` shows, against the running server: nothing here is made up, every line is an event that came.

use std::{io::Write, time::Duration};

use tidemill_proto::v1::{
    CancelTaskRequest, EnqueueRequest, Payload, RetryPolicy, TaskEvent, TaskResult, TaskState, payload::Content,
    task_event::Event,
};
use tokio::time::timeout;

use crate::{
    ClientOptions, Error, OutputFormat,
    client::Client,
    duration::to_proto,
    enqueue::fresh_key,
    names,
    options::DEFAULT_URL,
    printer::Printer,
    watch::{Resume, Watch},
};

/// No step takes longer than a few seconds with a free worker.
const STEP_LIMIT: Duration = Duration::from_secs(60);
const RESUME: Resume = Resume {
    give_up_after: Duration::from_secs(10),
};

/// Enqueues a handful of tasks of the built-in kinds at `url`, writes their events to `out` as they arrive, and fails if one of them
/// does not end as it must. Takes about five seconds and leaves its tasks behind, to be looked at.
pub async fn demo(url: &str, out: &mut impl Write) -> Result<(), Error> {
    let client = Client::new(&ClientOptions::for_url(url))?;
    let mut demo = Demo {
        client: &client,
        printer: Printer::new(out, OutputFormat::Text, false, false),
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
    printer: Printer<W>,
}

/// What a watch brought.
struct Story {
    task_id: String,
    result: TaskResult,
    attempts: i32,
    progress: usize,
}

impl<W: Write> Demo<'_, W> {
    async fn echo(&mut self) -> Result<String, Error> {
        self.say("1. A task whose handler answers with its input; its events are pushed, nobody polls")?;
        let story = self.play(request("echo", "hello"), TaskState::Succeeded, false).await?;
        let output = story.result.output.and_then(|output| output.content);
        expect(
            output == Some(Content::Text("hello".to_owned())),
            "echo did not answer with its input",
        )?;
        Ok(story.task_id)
    }

    async fn sleep(&mut self) -> Result<(), Error> {
        self.say("2. A handler that works for two seconds and tells how far it has come")?;
        let story = self.play(request("sleep", "2"), TaskState::Succeeded, false).await?;
        expect(story.progress > 0, "sleep reported no progress")
    }

    async fn retry(&mut self) -> Result<(), Error> {
        self.say("3. A handler that fails twice: tried again with backoff and jitter, until it succeeds")?;
        let request = EnqueueRequest {
            retry_policy: policy(0, 200),
            ..request("fail", "2")
        };
        let story = self.play(request, TaskState::Succeeded, false).await?;
        expect(story.attempts == 3, "two failures did not make three attempts")
    }

    async fn dead_letter(&mut self) -> Result<String, Error> {
        self.say(
            "4. A handler that never succeeds: after two attempts the task is a dead letter, kept for inspection",
        )?;
        let request = EnqueueRequest {
            retry_policy: policy(2, 100),
            ..request("fail", "99")
        };
        let story = self.play(request, TaskState::Failed, false).await?;
        expect(story.attempts == 2, "max_attempts 2 did not make two attempts")?;
        Ok(story.task_id)
    }

    async fn cancel(&mut self) -> Result<(), Error> {
        self.say("5. A minute of work, cancelled as soon as it runs: its handler is asked to stop, and agrees")?;
        self.play(request("sleep", "60"), TaskState::Cancelled, true)
            .await
            .map(drop)
    }

    /// Enqueues, follows to the end, and checks the end.
    async fn play(&mut self, request: EnqueueRequest, end: TaskState, cancel: bool) -> Result<Story, Error> {
        let kind = request.kind.clone();
        let story = timeout(STEP_LIMIT, self.follow(request, cancel)).await.map_err(|_| {
            let hint = "does a worker run the built-in kinds (worker.builtin_kinds)?";
            Error::Demo(format!("`{kind}` did not end within {STEP_LIMIT:?}; {hint}"))
        })??;
        let (is, must) = (names::state(story.result.state), names::state(end as i32));
        expect(
            is == must,
            &format!("task {} of kind `{kind}` ended {is}, not {must}", story.task_id),
        )?;
        Ok(story)
    }

    async fn follow(&mut self, request: EnqueueRequest, mut cancel: bool) -> Result<Story, Error> {
        let task_id = self.client.enqueue(request).await?.task_id;
        self.printer.line(&format!("task {task_id}"))?;
        let mut watch = Watch::new(self.client, &task_id, 0, RESUME);
        let (mut attempts, mut progress) = (0, 0);
        loop {
            let event = watch.next(|note| self.printer.note(note)).await?;
            let event = event.ok_or_else(|| Error::Contract("a log without a result".to_owned()))?;
            self.printer.event(&event)?;
            attempts = attempts.max(event.attempt);
            progress += usize::from(matches!(event.event, Some(Event::Progress(_))));
            if cancel && is_running(&event) {
                cancel = false;
                let request = CancelTaskRequest {
                    task_id: task_id.clone(),
                    reason: "shown by the demo".to_owned(),
                };
                self.client.cancel(request).await?;
            }
            if let Some(Event::Result(result)) = event.event {
                return Ok(Story {
                    task_id,
                    result,
                    attempts,
                    progress,
                });
            }
        }
    }

    fn what_next(&mut self, hello: &str, dead: &str) -> Result<(), Error> {
        let address = self.client.url.trim_start_matches("http://");
        let authority = address.replacen("127.0.0.1", "localhost", 1);
        let url = if self.client.url == DEFAULT_URL {
            String::new()
        } else {
            format!(" --url {}", self.client.url)
        };
        let lines = [
            "\nAll of this really happened. Try next, in another terminal:".to_owned(),
            format!("  tidemill enqueue echo --text hello --watch{url}"),
            format!("  tidemill get {hello}{url}"),
            format!("  tidemill watch {dead}{url}"),
            format!("  tidemill list --queue default --state failed{url}"),
            format!("  tidemill queues{url}"),
            format!(
                r#"  grpcurl -plaintext -d '{{"kind":"echo","payload":{{"text":"hello"}}}}' {authority} tidemill.v1.GatewayService/Enqueue"#
            ),
        ];
        lines
            .iter()
            .try_for_each(|line| self.printer.line(line))
            .map_err(Error::from)
    }

    fn say(&mut self, line: &str) -> Result<(), Error> {
        self.printer.line(&format!("\n{line}")).map_err(Error::from)
    }
}

fn request(kind: &str, text: &str) -> EnqueueRequest {
    let payload = Payload {
        content_type: String::new(),
        content: Some(Content::Text(text.to_owned())),
    };
    let labels = [("from".to_owned(), "demo".to_owned())].into();
    EnqueueRequest {
        kind: kind.to_owned(),
        payload: Some(payload),
        idempotency_key: fresh_key(),
        labels,
        ..EnqueueRequest::default()
    }
}

fn policy(max_attempts: i32, initial_backoff_ms: u64) -> Option<RetryPolicy> {
    let initial_backoff = Some(to_proto(Duration::from_millis(initial_backoff_ms)));
    Some(RetryPolicy {
        max_attempts,
        initial_backoff,
        ..RetryPolicy::default()
    })
}

fn is_running(event: &TaskEvent) -> bool {
    matches!(&event.event, Some(Event::StateChanged(change)) if change.state == TaskState::Running as i32)
}

fn expect(ok: bool, otherwise: &str) -> Result<(), Error> {
    if ok {
        Ok(())
    } else {
        Err(Error::Demo(otherwise.to_owned()))
    }
}

#[cfg(test)]
mod tests;
