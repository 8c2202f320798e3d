use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

use super::*;
use crate::metrics::Metrics;

const CHILD: &str = "KIT_SHUTDOWN_CHILD";

#[tokio::test]
async fn begins_once_for_every_clone_and_child() {
    let shutdown = Shutdown::new();
    let (clone, child) = (shutdown.clone(), shutdown.child());
    assert!(!clone.is_requested());
    child.begin();
    assert!(child.is_requested() && !shutdown.is_requested());
    let other = shutdown.child();
    clone.begin();
    clone.begin();
    shutdown.requested().await;
    shutdown.requested_owned().await;
    assert!(other.is_requested());
}

/// Not a test by itself: the process that the tests below send signals to. It prints what happens to it, a line each.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing is configured here: it tells the child from the test"
)]
#[tokio::test]
async fn child() {
    if std::env::var(CHILD).is_err() {
        return;
    }
    let shutdown = Shutdown::new();
    let supervisor = Supervisor::new(shutdown.clone(), &Metrics::new());
    listen_for_signals(&shutdown, &supervisor).unwrap();
    println!("\nlistening");
    shutdown.requested().await;
    println!("stopping");
    std::future::pending::<()>().await;
}

struct Signalled {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Signalled {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "shutdown::tests::child", "--nocapture"])
            .env(CHILD, "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut this = Self { child, output };
        this.wait_for("listening");
        this
    }

    fn wait_for(&mut self, wanted: &str) {
        let mut line = String::new();
        while line.trim_end() != wanted {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "ended before `{wanted}`");
        }
    }

    fn send(&self, signal: &str) {
        // No libc call without unsafe code: the shell's builtin does it.
        let command = format!("kill -s {signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }

    fn exit_code(mut self) -> Option<i32> {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        self.child.wait().unwrap().code()
    }
}

#[test]
fn the_second_signal_exits_at_once() {
    for signals in [["TERM", "TERM"], ["INT", "TERM"]] {
        let mut process = Signalled::start();
        process.send(signals[0]);
        process.wait_for("stopping");
        process.send(signals[1]);
        assert_eq!(process.exit_code(), Some(FORCED_EXIT_CODE));
    }
}
