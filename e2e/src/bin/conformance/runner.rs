//! One runner process: what it is told, and what it says.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::Notify,
    time::timeout,
};

use crate::value::short;

/// How long it may take to end after its stdin did.
const LAST_BREATH: Duration = Duration::from_secs(5);
/// What a runner exits with if its language's toolchain is missing.
pub(crate) const SKIPPED: i32 = 69;

/// How a runner is started.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) command: String,
    /// Where its stderr goes.
    pub(crate) log: PathBuf,
}

/// A running runner. Dropping it kills it with all that it started.
#[derive(Debug)]
pub(crate) struct Runner {
    child: Child,
    stdin: Option<ChildStdin>,
    heard: Arc<Heard>,
    next_id: u64,
}

/// What it has said.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    inbox: Mutex<Inbox>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inbox {
    answers: HashMap<u64, Value>,
    /// With a mark for those that a step has waited for.
    events: Vec<(Value, bool)>,
    problem: Option<String>,
    ended: bool,
}

impl Runner {
    pub(crate) fn start(start: &Start) -> Result<Self, String> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&start.log);
        let log = log.map_err(|error| format!("{}: {error}", start.log.display()))?;
        let mut command = Command::new("sh");
        command
            .args(["-c", &start.command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .map_err(|error| format!("`{}`: {error}", start.command))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().ok_or("no stdout")?);
        let heard = Arc::new(Heard::default());
        let ears = Arc::clone(&heard);
        tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                ears.hear(&line);
            }
            ears.lock().ended = true;
            ears.changed.notify_waiters();
        });
        Ok(Self {
            child,
            stdin,
            heard,
            next_id: 0,
        })
    }

    /// Says a command; answers with its id.
    pub(crate) async fn say(&mut self, mut command: Value) -> Result<u64, String> {
        self.next_id += 1;
        command["id"] = self.next_id.into();
        let stdin = self.stdin.as_mut().ok_or("the runner was told to end")?;
        let line = format!("{command}\n");
        let written = async {
            stdin.write_all(line.as_bytes()).await?;
            stdin.flush().await
        };
        written
            .await
            .map_err(|error| format!("the runner takes no commands: {error}"))?;
        Ok(self.next_id)
    }

    pub(crate) fn heard(&self) -> &Heard {
        &self.heard
    }

    /// Ends its stdin and insists that it ends as well, with exit code 0.
    pub(crate) async fn end(mut self) -> Result<(), String> {
        drop(self.stdin.take());
        match timeout(LAST_BREATH, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(format!(
                "after the end of its stdin the runner ended with {status}, not with 0"
            )),
            Ok(Err(error)) => Err(format!("the runner cannot be waited for: {error}")),
            Err(_) => Err(format!(
                "the runner did not end within {LAST_BREATH:?} after its stdin did"
            )),
        }
    }

    /// Sends a signal to the shell and to what it started: they are a process group of their own.
    pub(crate) fn signal(&self, name: &str) {
        let Some(pid) = self.child.id() else { return };
        let mut kill = std::process::Command::new("sh");
        kill.args([
            "-c",
            "kill -s \"$1\" -- \"-$2\" 2>/dev/null",
            "sh",
            name,
            &pid.to_string(),
        ]);
        // Best effort: it may have ended meanwhile.
        let _ = kill.status();
    }

    /// Its exit code, if it has ended by itself.
    pub(crate) async fn exit_code_if_ended(&mut self) -> Option<i32> {
        if !self.heard.lock().ended {
            return None;
        }
        let ended = timeout(Duration::from_millis(500), self.child.wait()).await;
        ended.ok()?.ok()?.code()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.signal("KILL");
    }
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().expect("no panic while it is held")
    }

    fn hear(&self, line: &str) {
        let said: Result<Value, _> = serde_json::from_str(line);
        let mut inbox = self.lock();
        match said {
            Ok(Value::Object(said)) => match said.get("id").and_then(Value::as_u64) {
                Some(id) => {
                    if inbox.answers.insert(id, Value::Object(said)).is_some() {
                        inbox.problem = Some(format!("two answers to command {id}"));
                    }
                }
                None => inbox.events.push((Value::Object(said), false)),
            },
            _ => {
                inbox.problem = Some(format!(
                    "the runner said something that is no JSON object: {}",
                    short(&line.into())
                ))
            }
        }
        drop(inbox);
        self.changed.notify_waiters();
    }

    /// Forgets the events of the case before.
    pub(crate) fn forget(&self) {
        let mut inbox = self.lock();
        inbox.events.clear();
        inbox.problem = None;
    }

    /// The answer to a command.
    pub(crate) async fn answer(&self, id: u64, limit: Duration) -> Result<Value, String> {
        self.wait(limit, |inbox| inbox.answers.remove(&id))
            .await
            .map_err(|end| end.unwrap_or_else(|| format!("no answer within {limit:?}")))
    }

    /// The first event that fits and that no other step has waited for.
    pub(crate) async fn event(&self, limit: Duration, fits: impl Fn(&Value) -> bool) -> Result<Value, String> {
        let take = |inbox: &mut Inbox| {
            let found = inbox.events.iter_mut().find(|(event, taken)| !taken && fits(event))?;
            found.1 = true;
            Some(found.0.clone())
        };
        self.wait(limit, take).await.map_err(|end| {
            let end = end.unwrap_or_else(|| format!("no such event within {limit:?}"));
            format!("{end}; heard: {}", self.told())
        })
    }

    /// Every event of this case.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.lock().events.iter().map(|(event, _)| event.clone()).collect()
    }

    /// Whatever it said that nobody may say.
    pub(crate) fn problem(&self) -> Option<String> {
        self.lock().problem.clone()
    }

    fn told(&self) -> String {
        let events = self.events();
        let last: Vec<String> = events.iter().rev().take(12).rev().map(short).collect();
        if last.is_empty() {
            "nothing".to_owned()
        } else {
            last.join("\n        ")
        }
    }

    /// `Err(None)`: the time is over.
    async fn wait<T>(
        &self,
        limit: Duration,
        mut take: impl FnMut(&mut Inbox) -> Option<T>,
    ) -> Result<T, Option<String>> {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                let mut changed = std::pin::pin!(changed);
                changed.as_mut().enable();
                {
                    let mut inbox = self.lock();
                    if let Some(problem) = &inbox.problem {
                        return Err(Some(problem.clone()));
                    }
                    if let Some(found) = take(&mut inbox) {
                        return Ok(found);
                    }
                    if inbox.ended {
                        return Err(Some("the runner has ended".to_owned()));
                    }
                }
                changed.await;
            }
        };
        timeout(limit, waiting).await.unwrap_or(Err(None))
    }
}

/// The end of a runner's log.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    let last = all.iter().skip(all.len().saturating_sub(lines));
    last.map(|line| format!("      | {line}\n")).collect()
}
