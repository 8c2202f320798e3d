//! The client commands of the real binary against a real system: what each prints, and every failure with its exit code and its line.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test may stop at the first surprise, as a test may"
)]

mod bench;
mod commands;
mod failures;
mod tls;

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;
use tidemill_e2e::{Cluster, LIMIT, Role, binary};

/// The binary, and the addresses that it is told.
struct Cli {
    urls: [(&'static str, String); 3],
}

/// How a command ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Cli {
    /// For a cluster with one process of each role that also runs the built-in kinds.
    async fn start() -> (Self, Cluster) {
        let cluster = Cluster::of(1, 1, 1).set("worker.builtin_kinds", "echo,sleep,fail");
        let mut cluster = cluster.start().await;
        let mut url = |role| cluster.get(role, 0).url();
        let urls = [url(Role::Gateway), url(Role::Results), url(Role::Worker)];
        (Self::at(urls), cluster)
    }

    fn at([gateway, results, worker]: [String; 3]) -> Self {
        Self {
            urls: [
                ("TIDEMILL_URL", gateway),
                ("TIDEMILL_RESULTS_URL", results),
                ("TIDEMILL_WORKER_URL", worker),
            ],
        }
    }

    /// For one address.
    fn of(url: &str) -> Self {
        Self::at([url.to_owned(), String::new(), String::new()])
    }

    fn command(&self, args: &[&str]) -> Command {
        // So that a command that never ends fails the test.
        let mut command = Command::new("timeout");
        command.arg(LIMIT.as_secs().to_string()).arg(binary("tidemill"));
        command.args(args).env_remove("NO_COLOR").env("TERM", "xterm");
        command.envs(self.urls.iter().map(|(name, url)| (name, url)));
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        self.run_with(args, b"")
    }

    fn run_with(&self, args: &[&str], stdin: &[u8]) -> Ended {
        Ended::of(self.command(args), stdin)
    }

    /// Stdout of a command that must succeed.
    fn ok(&self, args: &[&str]) -> String {
        let ended = self.run(args);
        assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
        ended.stdout
    }

    /// The one JSON document of a command.
    fn document(&self, args: &[&str]) -> Value {
        let args = [args, &["--output", "json"]].concat();
        let text = self.run(&args).stdout;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
    }

    /// The id of a new task.
    fn enqueue(&self, args: &[&str]) -> String {
        self.ok(&[&["enqueue", "--quiet"], args].concat()).trim().to_owned()
    }
}

impl Ended {
    fn of(mut command: Command, stdin: &[u8]) -> Self {
        let (input, output) = (Stdio::piped(), Stdio::piped());
        let mut child = command
            .stdin(input)
            .stdout(output)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input may end before all of it was written.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        let ended = child.wait_with_output().unwrap();
        Self {
            code: ended.status.code(),
            stdout: String::from_utf8_lossy(&ended.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&ended.stderr).into_owned(),
        }
    }

    /// Insists on this exit code, and on one line on stderr that has all these words.
    fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "one line: {self:?}");
        assert!(self.stderr.starts_with("error: "), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word} in {self:?}");
        }
    }
}
