//! A whole Tidemill in processes of its own: a private server, three roles, and what is started beside them.

use std::{
    fs::File,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tidemill_test_server::{TestServer, free_port};

use crate::{
    child::{Part, Process},
    cpu::{Clocks, Used},
};

const START_LIMIT: Duration = Duration::from_secs(20);
const FINISH_LIMIT: Duration = Duration::from_secs(600);

/// What an acknowledgement means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Fast,
    Strict,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Strict => "strict",
        }
    }
}

/// A private server with the settings of a mode. It never rewrites its file, so that no figure has half of a rewrite in it.
pub(crate) fn server(mode: Mode) -> TestServer {
    let sync = match mode {
        Mode::Fast => "everysec",
        Mode::Strict => "always",
    };
    TestServer::start_with(&[
        ("appendfsync", sync),
        ("auto-aof-rewrite-percentage", "0"),
        ("maxmemory", "8gb"),
    ])
}

#[derive(Debug)]
struct Role {
    name: &'static str,
    process: Process,
    url: String,
}

/// The roles end before their server.
#[derive(Debug)]
pub(crate) struct System {
    roles: Vec<Role>,
    server: TestServer,
    _logs: TempDir,
}

impl System {
    /// Starts everything, each role with the program that `binary` names for it, and waits until the ports are open.
    pub(crate) fn start_with(mode: Mode, binary: impl Fn(&str) -> std::path::PathBuf) -> Self {
        let server = server(mode);
        let logs = tempfile::tempdir().expect("a folder for logs");
        let start = |name| start_role(name, &binary(name), mode, &server, logs.path());
        let roles = ["gateway", "worker", "results"].map(start).into();
        let system = Self {
            roles,
            server,
            _logs: logs,
        };
        system.roles.iter().for_each(|role| wait_for_port(&role.url));
        system
    }

    pub(crate) fn start(mode: Mode, binary: &Path) -> Self {
        Self::start_with(mode, |_| binary.to_owned())
    }

    pub(crate) fn url(&self, role: &str) -> &str {
        &self.role(role).url
    }

    pub(crate) fn pid(&self, role: &str) -> u32 {
        self.role(role).process.pid()
    }

    fn role(&self, name: &str) -> &Role {
        self.roles
            .iter()
            .find(|role| role.name == name)
            .expect("a role of the system")
    }

    /// Starts a handler process.
    pub(crate) fn handler(&self, credits: usize, hold: usize) -> Part {
        let arguments = ["handler", "--worker", self.url("worker")].map(str::to_owned);
        let numbers = [("--credits", credits), ("--hold", hold)];
        let numbers = numbers.map(|(flag, number)| format!("{flag}={number}"));
        let mut part = Part::start(&[arguments.as_slice(), numbers.as_slice()].concat());
        part.go();
        part
    }

    /// Starts a load client.
    pub(crate) fn load(&self, kind: &str, tasks: usize, more: &[String]) -> Part {
        let mut arguments = vec!["load".to_owned(), kind.to_owned(), format!("--tasks={tasks}")];
        for role in ["gateway", "results", "worker"] {
            arguments.push(format!("--{role}={}", self.url(role)));
        }
        arguments.extend_from_slice(more);
        Part::start(&arguments)
    }

    /// CPU clocks of everything that takes part.
    pub(crate) fn clocks(&self, parts: &[(&'static str, &Part)]) -> Clocks {
        let mut processes = vec![("redis", self.server.pid())];
        processes.extend(self.roles.iter().map(|role| (role.name, role.process.pid())));
        processes.extend(parts.iter().map(|(name, part)| (*name, part.pid())));
        Clocks::read(&processes)
    }

    /// Runs a load client that is ready, with a handler process beside it if there is one. Answers its report and what all have used.
    pub(crate) fn measure<T: serde::de::DeserializeOwned>(&self, load: &mut Part, handler: Option<&Part>) -> (T, Used) {
        let clocks = |load: &Part| {
            let mut parts = vec![("client", load)];
            parts.extend(handler.map(|handler| ("handler", handler)));
            self.clocks(&parts)
        };
        let before = clocks(load);
        load.go();
        let report = load.report();
        let used = before.until(&clocks(load));
        (report, used)
    }

    fn info(&self, section: &str, field: &str) -> u64 {
        let client = redis::Client::open(self.server.url()).expect("an address");
        let mut connection = client.get_connection().expect("a connection");
        let info: String = redis::cmd("INFO").arg(section).query(&mut connection).expect("INFO");
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix(field))
            .expect("a field of INFO");
        line.trim_start_matches(':').trim().parse().expect("a number")
    }

    pub(crate) fn used_memory(&self) -> u64 {
        self.info("memory", "used_memory:")
    }

    /// Commands that clients send within this time; those inside of scripts do not count.
    pub(crate) fn commands_within(&self, time: Duration) -> usize {
        let mut stream = TcpStream::connect(("127.0.0.1", self.server.port())).expect("a connection");
        stream.write_all(b"MONITOR\r\n").expect("the server listens");
        let (begun, mut said, mut buffer) = (Instant::now(), Vec::new(), [0; 4096]);
        while let Some(left) = time.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
            stream.set_read_timeout(Some(left)).expect("a timeout");
            match stream.read(&mut buffer) {
                Ok(read) => said.extend_from_slice(&buffer[..read]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => panic!("MONITOR: {error}"),
            }
        }
        let said = String::from_utf8_lossy(&said);
        said.lines()
            .filter(|line| line.contains(" [") && !line.contains(" lua] "))
            .count()
    }

    /// Waits until so many tasks have finished, looking seldom.
    pub(crate) fn wait_until_finished(&self, tasks: usize) {
        let client = redis::Client::open(self.server.url()).expect("an address");
        let mut connection = client.get_connection().expect("a connection");
        let begun = Instant::now();
        let finished = |connection: &mut redis::Connection| -> usize {
            redis::cmd("ZCARD").arg("tm:{0}:done").query(connection).expect("ZCARD")
        };
        while finished(&mut connection) < tasks {
            assert!(begun.elapsed() < FINISH_LIMIT, "the tasks do not finish");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Name and version of the server.
    pub(crate) fn server_version(&self) -> String {
        let client = redis::Client::open(self.server.url()).expect("an address");
        let mut connection = client.get_connection().expect("a connection");
        let info: String = redis::cmd("INFO").arg("server").query(&mut connection).expect("INFO");
        let of = |field: &str| {
            info.lines()
                .find_map(|line| line.strip_prefix(field))
                .map(str::to_owned)
        };
        of("valkey_version:").map_or_else(
            || format!("Redis {}", of("redis_version:").unwrap_or_default()),
            |version| format!("Valkey {version}"),
        )
    }
}

fn start_role(name: &'static str, binary: &Path, mode: Mode, server: &TestServer, logs: &Path) -> Role {
    let (port, admin) = (free_port(), free_port());
    let log = File::create(logs.join(name)).expect("a log");
    let settings = [
        format!("redis.url={}", server.url()),
        format!("redis.durability={}", mode.name()),
        format!("{name}.listen=127.0.0.1:{port}"),
        format!("{name}.admin_listen=127.0.0.1:{admin}"),
    ];
    let mut command = Command::new(binary);
    command.arg(name).stdout(Stdio::null()).stderr(log);
    for set in settings {
        command.args(["--set", &set]);
    }
    Role {
        name,
        process: Process::spawn(&mut command),
        url: format!("http://127.0.0.1:{port}"),
    }
}

fn wait_for_port(url: &str) {
    let begun = Instant::now();
    let address = url.trim_start_matches("http://");
    while TcpStream::connect(address).is_err() {
        assert!(begun.elapsed() < START_LIMIT, "{url} does not answer");
        thread::sleep(Duration::from_millis(10));
    }
}
