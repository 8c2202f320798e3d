//! The handler processes of the tests and the journal of what they ran.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    process::{Process, binary},
    wait::until,
};

/// What a handler process serves; see `src/bin/handler.rs`.
#[derive(Debug, Clone)]
pub struct HandlerOptions {
    /// Kinds.
    pub kinds: Vec<String>,
    /// Queues.
    pub queues: Vec<String>,
    /// Tasks at a time.
    pub credits: u32,
    /// Settles even what it was told to drop.
    pub stubborn: bool,
    /// How long running tasks may go on after SIGTERM before they are released.
    pub grace: Duration,
}

impl HandlerOptions {
    /// Serves these kinds of queue `default`, 16 tasks at a time.
    #[must_use]
    pub fn new(kinds: &[&str]) -> Self {
        Self {
            kinds: kinds.iter().map(|&kind| kind.to_owned()).collect(),
            queues: vec!["default".to_owned()],
            credits: 16,
            stubborn: false,
            grace: Duration::ZERO,
        }
    }

    /// Starts one that tries these worker addresses in turn.
    #[must_use]
    pub fn start(&self, name: &str, urls: &[String], journal: &Path, log: &Path) -> Process {
        let mut command = Command::new(binary("handler"));
        let lists = [
            ("--worker", urls),
            ("--kind", self.kinds.as_slice()),
            ("--queue", self.queues.as_slice()),
        ];
        for (flag, value) in lists
            .iter()
            .flat_map(|(flag, values)| values.iter().map(move |value| (flag, value)))
        {
            command.args([*flag, value.as_str()]);
        }
        let (credits, grace) = (self.credits.to_string(), self.grace.as_millis().to_string());
        command
            .args(["--credits", &credits, "--grace-ms", &grace, "--name", name, "--journal"])
            .arg(journal);
        if self.stubborn {
            command.arg("--stubborn");
        }
        Process::spawn(name, command, log)
    }
}

/// What handler processes wrote down, in the order of writing.
#[derive(Debug, Clone)]
pub struct Journal(PathBuf);

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// `start`, `settle` (about to be said for the first time), `settled`, `lost`, `refused` or `cancel`.
    pub what: String,
    /// The task.
    pub task_id: String,
    /// The attempt.
    pub attempt: i32,
    /// The fence.
    pub fence: i64,
    /// The process that wrote it.
    pub pid: u32,
    /// When, in Unix ms.
    pub time_ms: u64,
    /// More, e.g. the reason of a refusal.
    pub note: String,
}

impl Journal {
    /// The journal in this file.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// All complete lines.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        complete
            .lines()
            .map(|line| parse(line).unwrap_or_else(|| panic!("journal line: {line}")))
            .collect()
    }

    /// All lines of one kind.
    #[must_use]
    pub fn of(&self, what: &str) -> Vec<Entry> {
        let mut entries = self.entries();
        entries.retain(|entry| entry.what == what);
        entries
    }

    /// Waits for the n-th (from 1) line of a kind about a task.
    pub async fn wait_for(&self, what: &str, task_id: &str, n: usize, limit: Duration) -> Entry {
        let found = async || {
            self.of(what)
                .into_iter()
                .filter(|entry| entry.task_id == task_id)
                .nth(n - 1)
        };
        until(
            &format!("`{what}` number {n} of {task_id} in the journal"),
            limit,
            found,
        )
        .await
    }

    /// The executions; panics if one (task, attempt) or (task, fence) was run twice.
    #[must_use]
    pub fn executions(&self) -> Vec<Entry> {
        let starts = self.of("start");
        let (mut attempts, mut fences) = (HashSet::new(), HashSet::new());
        for start in &starts {
            assert!(
                attempts.insert((&start.task_id, start.attempt)),
                "an attempt was run twice: {start:?}"
            );
            assert!(
                fences.insert((&start.task_id, start.fence)),
                "a lease was run twice: {start:?}"
            );
        }
        starts
    }
}

fn parse(line: &str) -> Option<Entry> {
    let mut words = line.splitn(7, ' ');
    let mut next = || words.next();
    Some(Entry {
        what: next()?.to_owned(),
        task_id: next()?.to_owned(),
        attempt: next()?.parse().ok()?,
        fence: next()?.parse().ok()?,
        pid: next()?.parse().ok()?,
        time_ms: next()?.parse().ok()?,
        note: next().unwrap_or_default().to_owned(),
    })
}
