//! The command line.

use std::{path::PathBuf, time::Duration};

pub(crate) const USAGE: &str = "usage: handler --worker URL… --kind KIND… [--queue QUEUE…] --journal FILE [--credits N] [--name NAME] \
     [--grace-ms MS] [--stubborn]";

#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) workers: Vec<String>,
    pub(crate) kinds: Vec<String>,
    pub(crate) queues: Vec<String>,
    pub(crate) credits: i32,
    pub(crate) journal: PathBuf,
    pub(crate) name: String,
    /// How long running tasks may go on after SIGTERM.
    pub(crate) grace: Duration,
    /// Settles even what it was told to drop, to see that it does not count.
    pub(crate) stubborn: bool,
}

impl Options {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self {
            credits: 1,
            ..Self::default()
        };
        while let Some(flag) = words.next() {
            if flag == "--stubborn" {
                options.stubborn = true;
                continue;
            }
            let value = words.next()?;
            match flag.as_str() {
                "--worker" => options.workers.push(value),
                "--kind" => options.kinds.push(value),
                "--queue" => options.queues.push(value),
                "--credits" => options.credits = value.parse().ok()?,
                "--journal" => options.journal = value.into(),
                "--name" => options.name = value,
                "--grace-ms" => options.grace = Duration::from_millis(value.parse().ok()?),
                _ => return None,
            }
        }
        let complete =
            !options.workers.is_empty() && !options.kinds.is_empty() && !options.journal.as_os_str().is_empty();
        complete.then_some(options)
    }
}
