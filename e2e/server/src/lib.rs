//! A private Redis or Valkey server for one test: on a free port, in a directory of its own, with the settings that Tidemill demands, and
//! gone with the value. For tests only, so every failure is a panic with the reason.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "test support: a server that cannot be had must fail the test loudly"
)]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Longest wait for a server to answer.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A running server.
#[derive(Debug)]
pub struct TestServer {
    port: u16,
    directory: TempDir,
    settings: Vec<(String, String)>,
    variables: Vec<(String, String)>,
    child: Option<Child>,
}

impl TestServer {
    /// Starts one in `strict` mode.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with settings that replace or add to the usual ones.
    #[must_use]
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_in(settings, &[])
    }

    /// The same, with variables in the server's environment.
    #[must_use]
    pub fn start_in(settings: &[(&str, &str)], variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("tidemill-server-")
            .tempdir()
            .expect("a directory for the server");
        let mut all: Vec<(String, String)> = [
            ("appendonly", "yes"),
            ("appendfsync", "always"),
            ("maxmemory", "512mb"),
            ("maxmemory-policy", "noeviction"),
            ("save", ""),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .to_vec();
        for (key, value) in settings {
            all.retain(|(known, _)| known != key);
            all.push(((*key).to_owned(), (*value).to_owned()));
        }
        let mut server = Self {
            port: free_port(),
            directory,
            settings: all,
            variables: variables
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            child: None,
        };
        server.resume();
        server
    }

    /// `redis://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Id of the process, for signals.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Its data directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Ends it and moves its files there, for a person to look at.
    pub fn keep(mut self, to: &Path) {
        self.kill();
        let moved = Command::new("cp").arg("-r").arg(self.directory.path()).arg(to).status();
        assert!(
            moved.is_ok_and(|status| status.success()),
            "the server's files are kept"
        );
    }

    /// Whether the process is there.
    pub fn is_running(&mut self) -> bool {
        let ended = self
            .child
            .as_mut()
            .map(|child| child.try_wait().ok().flatten().is_some());
        ended == Some(false)
    }

    /// `kill -9`. Data stays.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the server can be killed");
            child.wait().expect("the server ends");
        }
    }

    /// Starts it again on the same port and data, and waits until it answers.
    pub fn resume(&mut self) {
        let config = self.directory.path().join("server.conf");
        let mut text = format!(
            "port {}\nbind 127.0.0.1\ndir {}\ndaemonize no\n",
            self.port,
            self.directory.path().display()
        );
        for (key, value) in &self.settings {
            let quoted = if value.is_empty() { "\"\"" } else { value };
            text.push_str(&format!("{key} {quoted}\n"));
        }
        std::fs::write(&config, text).expect("the server's configuration is written");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.directory.path().join("server.log"))
            .expect("the server's log is opened");
        let child = Command::new(binary())
            .arg(&config)
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("log"))
            .stderr(log)
            .spawn()
            .expect("the server starts");
        self.child = Some(child);
        self.wait_until_it_answers();
    }

    /// Sends one inline command and answers the raw reply's first line, for checks that need no client.
    #[must_use]
    pub fn ask(&self, command: &str) -> Option<String> {
        self.reply(command)?.lines().next().map(str::to_owned)
    }

    /// The same with the whole raw reply, up to 4 KiB.
    #[must_use]
    pub fn reply(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        stream.write_all(format!("{command}\r\n").as_bytes()).ok()?;
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(buffer.get(..read)?).into_owned())
    }

    fn wait_until_it_answers(&mut self) {
        let begun = Instant::now();
        while self.ask("PING").as_deref() != Some("+PONG") {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if ended.is_some() || begun.elapsed() > START_LIMIT {
                let log = std::fs::read_to_string(self.directory.path().join("server.log")).unwrap_or_default();
                panic!("the server does not answer ({ended:?}):\n{log}");
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Best effort: the test is over either way.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port that was free a moment ago, and is given out once only. It lies below the range from which the system takes the ports of
/// outgoing connections (32768 and up on Linux): a server that is killed and started again must find its port free.
#[must_use]
pub fn free_port() -> u16 {
    const FIRST: u32 = 10_240;
    const COUNT: u32 = 22_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Tests that run at the same time in other processes start elsewhere.
    let begin = std::process::id().wrapping_mul(97);
    (0..COUNT)
        .map(|_| begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT + FIRST)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// The server's binary: the one named by TIDEMILL_TEST_SERVER, else what `tools/get-server.sh` finds or fetches.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the test run says through the environment which server to use"
)]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(named) = std::env::var_os("TIDEMILL_TEST_SERVER") {
            return named.into();
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/get-server.sh");
        let output = Command::new("bash")
            .arg(script)
            .output()
            .expect("tools/get-server.sh runs");
        assert!(
            output.status.success(),
            "no server to test with: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().into()
    })
}

/// Whether the binary was built with TLS; some packages are not. Asked of the binary itself: told to open a TLS port without a
/// certificate it ends at once, and says why.
#[must_use]
pub fn has_tls() -> bool {
    let output = Command::new(binary())
        .args(["--port", "0", "--tls-port", &free_port().to_string()])
        .output()
        .expect("the server's binary runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    !(said.contains("Bad directive") || said.contains("Failed finding TLS support"))
}
