//! One role process.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    http::get,
    process::Process,
    wait::{LIMIT, until},
};

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `tidemill gateway`.
    Gateway,
    /// `tidemill worker`.
    Worker,
    /// `tidemill results`.
    Results,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gateway => "gateway",
            Self::Worker => "worker",
            Self::Results => "results",
        })
    }
}

/// One role process: where it listens stays the same over its lives.
#[derive(Debug)]
pub struct Instance {
    /// What it does.
    pub role: Role,
    /// Its gRPC port.
    pub port: u16,
    /// Its admin port.
    pub admin: u16,
    name: String,
    program: PathBuf,
    variables: Vec<(String, String)>,
    log: PathBuf,
    process: Option<Process>,
}

impl Instance {
    /// Starts the n-th process of a role with this program on these ports (gRPC, admin), with these variables and its log in this folder.
    #[must_use]
    pub fn new(
        program: &Path,
        role: Role,
        number: usize,
        (port, admin): (u16, u16),
        variables: Vec<(String, String)>,
        folder: &Path,
    ) -> Self {
        let name = format!("{role}-{number}");
        let log = folder.join(format!("{name}.log"));
        let process = None;
        let mut instance = Self {
            role,
            port,
            admin,
            name,
            program: program.to_owned(),
            variables,
            log,
            process,
        };
        instance.start();
        instance
    }

    /// Where it serves gRPC.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The role and its number.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it was started and not yet killed or waited for.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Starts it, again if it ended.
    pub fn start(&mut self) {
        let mut command = Command::new(&self.program);
        command.arg(self.role.to_string()).envs(self.variables.iter().cloned());
        self.process = Some(Process::spawn(&self.name, command, &self.log));
    }

    /// Waits until it says that it is ready.
    pub async fn wait_ready(&mut self) {
        let (name, admin) = (self.name.clone(), self.admin);
        until(&format!("{name} is ready"), LIMIT, async || {
            let ended = self.process.as_mut().and_then(Process::ended);
            assert!(
                ended.is_none(),
                "{name} ended while it started: {ended:?}\n{}",
                self.log()
            );
            matches!(get(admin, "/readyz").await, Ok((200, _))).then_some(())
        })
        .await;
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        self.process.as_ref().expect("it runs").signal(name);
    }

    /// Waits for its end and insists on exit code 0.
    pub async fn wait_clean_end(&mut self) {
        let mut process = self.process.take().expect("it runs");
        let status = process.wait(Duration::from_secs(40)).await;
        assert_eq!(
            status.code(),
            Some(0),
            "{} ended with {status}:\n{}",
            self.name,
            self.log()
        );
    }

    /// From its next start on it is this program.
    pub fn replace(&mut self, program: &Path) {
        program.clone_into(&mut self.program);
    }

    /// Its process, while it runs.
    #[must_use]
    pub fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    /// Everything it has logged in all its lives.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}
