//! One attempt: a program is started, fed, heard, and its end is put into words.

use std::{
    ffi::OsString,
    io,
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tidemill_client::{Context, Failure, Payload};
use tokio::process::{Child, Command};

use super::{Ended, group::Groups, pump};
use crate::Error;

/// Signals that a terminal sends, by their numbers on every Unix.
const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGQUIT: i32 = 3;
/// To start a program takes a few milliseconds, on a busy machine some more.
const JUST_STARTED: Duration = Duration::from_millis(500);

/// What is run for each attempt.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) words: Vec<OsString>,
    pub(super) stream: bool,
    pub(super) json: bool,
    pub(super) permanent: Vec<i32>,
    pub(super) groups: Groups,
}

/// What came out.
#[derive(Debug, Default)]
struct Heard {
    output: Vec<u8>,
    tail: Vec<u8>,
    broken: Option<io::Error>,
}

impl Heard {
    fn is_silent(&self) -> bool {
        self.output.is_empty() && self.tail.is_empty()
    }
}

impl Program {
    /// A program that is not there would fail every task: better to say so before the first one.
    pub(super) fn check(&self) -> Result<(), Error> {
        let name = self.words.first().cloned().unwrap_or_default();
        let path = std::path::Path::new(&name);
        let found = if path.components().count() > 1 {
            path.is_file()
        } else {
            let folders = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&folders).any(|folder| folder.join(path).is_file())
        };
        if found {
            Ok(())
        } else {
            let name = path.display();
            Err(Error::Usage(format!(
                "there is no program `{name}`, neither as a path nor on PATH"
            )))
        }
    }

    /// Runs one attempt. A Ctrl-C goes to the terminal's whole process group, and may hit a program that was being started just then and
    /// had no group of its own yet. Nothing of it has run; it is started again, so that the drain charges nothing.
    pub(super) async fn attempt(&self, task: &Context) -> Ended {
        loop {
            let (begun, mut heard) = (Instant::now(), Heard::default());
            let status = self.once(task, &mut heard).await?;
            let terminal = matches!(status.signal(), Some(SIGHUP | SIGINT | SIGQUIT));
            if terminal && begun.elapsed() < JUST_STARTED && heard.is_silent() && task.cancel_request().is_none() {
                continue;
            }
            if !status.success() && task.cancel_request().is_some() {
                return Err(Failure::cancelled());
            }
            return self.judge(status, heard);
        }
    }

    async fn once(&self, task: &Context, heard: &mut Heard) -> Result<ExitStatus, Failure> {
        let mut child = self.start(task).map_err(|error| {
            let name = self.words.first().cloned().unwrap_or_default();
            Failure::new(format!("cannot start `{}`: {error}", name.display())).of_type("spawn")
        })?;
        // Killed with all it started as soon as this attempt is over, however it ends.
        let group = self.groups.enter(&child);
        let status = {
            let run = self.run(&mut child, task, heard);
            let mut run = std::pin::pin!(run);
            tokio::select! {
                status = &mut run => status,
                _ = task.cancelled() => {
                    if let Some(group) = &group {
                        group.terminate();
                    }
                    run.await
                }
            }
        };
        status.map_err(|error| Failure::new(format!("cannot wait for the program: {error}")))
    }

    fn start(&self, task: &Context) -> io::Result<Child> {
        let mut words = self.words.iter();
        let mut command = Command::new(words.next().cloned().unwrap_or_default());
        command
            .args(words)
            // Of the task, or none: this process's own trace is not the task's.
            .env_remove("TRACEPARENT")
            .env_remove("TRACESTATE")
            .envs(environment(task))
            .stdin(pump::input(&task.payload().to_bytes())?)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command.spawn()
    }

    /// Until the program has ended, and what it wrote is read.
    async fn run(&self, child: &mut Child, task: &Context, heard: &mut Heard) -> io::Result<ExitStatus> {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let Heard { output, tail, broken } = heard;
        let (say_ended, ended) = tokio::sync::watch::channel(false);
        let listen = async {
            match stdout {
                Some(stdout) if self.stream => pump::stream(stdout, task, ended.clone()).await,
                Some(stdout) => pump::collect(stdout, output, ended.clone()).await,
                None => Ok(()),
            }
        };
        let pass_on = async {
            match stderr {
                Some(stderr) => pump::pass_on(stderr, tail, ended.clone()).await,
                None => Ok(()),
            }
        };
        let wait = async {
            let status = child.wait().await;
            let _ = say_ended.send(true);
            status
        };
        // A program may close its pipes long before it ends, and something it left behind may keep them open long after.
        let (status, listened, passed) = tokio::join!(wait, listen, pass_on);
        *broken = listened.and(passed).err();
        status
    }

    fn judge(&self, status: ExitStatus, heard: Heard) -> Ended {
        if let Some(error) = heard.broken {
            return Err(Failure::new(format!(
                "the program's output could not be taken: {error}"
            )));
        }
        if !status.success() {
            return Err(self.failure(status, &heard.tail));
        }
        if heard.output.len() > pump::MOST_OUTPUT {
            let message = "an output over 4 MiB: no server takes more than 1 MiB";
            return Err(Failure::permanent(message).of_type("OutputTooLarge"));
        }
        if heard.output.is_empty() {
            return Ok(Payload::empty());
        }
        if !self.json {
            return Ok(pump::text_or_bytes(heard.output));
        }
        let value: Result<Value, _> = serde_json::from_slice(&heard.output);
        value
            .map_err(|error| error.to_string())
            .and_then(|value| Payload::json(&value).map_err(|error| error.to_string()))
            .map_err(|error| Failure::permanent(format!("the output is not JSON: {error}")).of_type("NotJson"))
    }

    fn failure(&self, status: ExitStatus, tail: &[u8]) -> Failure {
        let how = match status.code() {
            Some(code) => format!("exit code {code}"),
            None => status.to_string(),
        };
        let said = String::from_utf8_lossy(tail);
        let message = match said.trim() {
            "" => format!("the program ended with {how}"),
            said => said.to_owned(),
        };
        let failure = Failure::new(message).of_type(how);
        match status.code() {
            Some(code) if self.permanent.contains(&code) => failure.into_permanent(),
            _ => failure,
        }
    }
}

/// What the program is told of its task.
fn environment(task: &Context) -> Vec<(&'static str, String)> {
    let labels = serde_json::to_string(&std::collections::BTreeMap::from_iter(task.labels()));
    let mut variables = vec![
        ("TIDEMILL_TASK_ID", task.task_id().to_owned()),
        ("TIDEMILL_QUEUE", task.queue().to_owned()),
        ("TIDEMILL_KIND", task.kind().to_owned()),
        ("TIDEMILL_ATTEMPT", task.attempt().to_string()),
        ("TIDEMILL_MAX_ATTEMPTS", task.max_attempts().to_string()),
        ("TIDEMILL_FENCE", task.fence().to_string()),
        ("TIDEMILL_CONTENT_TYPE", task.payload().content_type().to_owned()),
        ("TIDEMILL_LABELS", labels.unwrap_or_default()),
        (
            "TIDEMILL_LAST_ERROR",
            task.last_error()
                .map(|error| error.message().to_owned())
                .unwrap_or_default(),
        ),
    ];
    if let Some(trace) = task.trace_context() {
        variables.push(("TRACEPARENT", trace.traceparent));
        variables.push(("TRACESTATE", trace.tracestate));
    }
    // A variable cannot hold a zero byte; the program would not start at all.
    for (_, value) in &mut variables {
        value.retain(|c| c != '\0');
    }
    variables
}
