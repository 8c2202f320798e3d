//! One process, its log and its end.

use std::{
    ffi::OsStr,
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    own_group: bool,
}

impl Process {
    /// Starts `command` with both outputs appended to `log`.
    #[must_use]
    pub fn spawn(name: &str, mut command: Command, log: &Path) -> Self {
        let child = Self::start(name, &mut command, log);
        Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            own_group: false,
        }
    }

    /// As [`Process::spawn`], but as the leader of a process group, as a shell starts a foreground job: [`Process::signal_group`] is
    /// then what Ctrl-C does.
    #[must_use]
    pub fn spawn_group(name: &str, mut command: Command, log: &Path) -> Self {
        let child = Self::start(name, command.process_group(0), log);
        Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            own_group: true,
        }
    }

    fn start(name: &str, command: &mut Command, log: &Path) -> Child {
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log is opened");
        let both = file.try_clone().expect("the log is shared");
        let spawned = command.stdin(Stdio::null()).stdout(both).stderr(file).spawn();
        spawned.unwrap_or_else(|error| panic!("{name}: {command:?} does not start: {error}"))
    }

    /// Its id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has written.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal, e.g. `TERM`.
    pub fn signal(&self, name: &str) {
        signal(name, &self.pid().to_string());
    }

    /// Sends a signal to its whole group.
    pub fn signal_group(&self, name: &str) {
        assert!(self.own_group, "{} has no group of its own", self.name);
        signal(name, &format!("-{}", self.pid()));
    }

    /// `kill -9`, and waits for the end.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the process can be asked")
    }

    /// Waits for its end.
    pub async fn wait(&mut self, limit: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(
                begun.elapsed() < limit,
                "{} does not end within {limit:?}:\n{}",
                self.name,
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        if self.own_group {
            let _ = send("KILL", &format!("-{}", self.pid()));
        }
        // Best effort: the test is over either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal with the shell's `kill`.
pub fn signal(name: &str, target: &str) {
    assert!(send(name, target), "kill -{name} {target} failed");
}

/// The same to a process that may have ended meanwhile. Answers whether it was there.
#[must_use]
pub fn signal_if_there(name: &str, target: &str) -> bool {
    send(name, target)
}

fn send(name: &str, target: &str) -> bool {
    let shell = Command::new("sh")
        .args(["-c", "kill -s \"$1\" -- \"$2\"", "sh", name, target])
        .status();
    shell.is_ok_and(|status| status.success())
}

/// A binary of this workspace: `tidemill`, or the `handler` of this crate.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let named = (name == "tidemill").then(test_binary).flatten();
    let path = named.unwrap_or_else(|| {
        let test = std::env::current_exe().expect("the test knows its own path");
        // target/debug/deps/<test> → target/debug/<name>
        let folder = test
            .parent()
            .filter(|folder| folder.file_name() != Some(OsStr::new("deps")));
        folder
            .or_else(|| test.parent()?.parent())
            .expect("a target folder")
            .join(name)
    });
    let package = if name == "tidemill" { "tidemill" } else { "tidemill-e2e" };
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build -p {package}` first",
        path.display()
    );
    path
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's own switch, not configuration of a service"
)]
fn test_binary() -> Option<PathBuf> {
    std::env::var_os("TIDEMILL_TEST_BINARY").map(PathBuf::from)
}
