//! Child processes of the rig: this program in another part, or a role.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde::de::DeserializeOwned;

use crate::gate::READY;

/// A process that ends with this value.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing of what it holds is worth an orderly end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// This program as a part that talks over [`crate::gate`].
#[derive(Debug)]
pub(crate) struct Part {
    process: Process,
    name: String,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Part {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(arguments: &[String]) -> Self {
        let mut part = Self::start_unready(arguments);
        assert_eq!(part.line(), READY, "{}", part.name);
        part
    }

    /// Starts it; it says something else first.
    pub(crate) fn start_unready(arguments: &[String]) -> Self {
        let program = std::env::current_exe().expect("the path of this program");
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a part starts");
        let (input, output) = (child.stdin.take(), child.stdout.take());
        Self {
            process: Process(child),
            name: arguments.join(" "),
            input: input.expect("stdin"),
            output: BufReader::new(output.expect("stdout")),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(crate) fn go(&mut self) {
        writeln!(self.input, "go").expect("the part listens");
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.output.read_line(&mut line).expect("the part speaks UTF-8");
        assert!(read > 0, "`{}` has ended early", self.name);
        line.trim_end().to_owned()
    }

    /// Waits for its report.
    pub(crate) fn report<T: DeserializeOwned>(&mut self) -> T {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("`{}` reported {line}: {error}", self.name))
    }
}
