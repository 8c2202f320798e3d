//! The private Redis or Valkey server of `tidemill dev`: strict settings, data that survives, and gone with us.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use super::append_log;
use crate::process::Failure;

/// A long append-only file takes a while to load.
const START_LIMIT: Duration = Duration::from_secs(120);
/// Then it is killed: what was acknowledged is on disk anyway.
const STOP_LIMIT: Duration = Duration::from_secs(20);
const DEAF_LIMIT: Duration = Duration::from_millis(500);
/// Unix socket paths are limited to about 107 bytes.
const SOCKET_PATH_MAX: usize = 100;
const POLL: Duration = Duration::from_millis(20);

pub(super) struct PrivateServer {
    child: Child,
    socket: PathBuf,
    log: PathBuf,
    /// Holds the path of the socket while the server runs.
    note: PathBuf,
    _socket_home: Option<TempDir>,
}

impl PrivateServer {
    /// Starts it on the data in `data/redis`; [`Self::ready`] says when it answers.
    pub(super) async fn start(data: &Path, program: Option<&Path>) -> Result<Self, Failure> {
        let failed =
            |what: &str, error: &dyn std::fmt::Display| Failure::Failed(format!("the private server: {what}: {error}"));
        let program = find(program)?;
        let home = data.join("redis");
        fs::create_dir_all(&home).map_err(|e| failed("cannot make its directory", &e))?;
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700))
            .map_err(|e| failed("cannot protect its directory", &e))?;
        let home = home
            .canonicalize()
            .map_err(|e| failed("cannot find its directory", &e))?;
        let (config, note, log) = (
            home.join("server.conf"),
            home.join("server.socket-path"),
            home.join("server.log"),
        );
        let killed = note.exists();
        end_leftover(&note).await?;
        if killed {
            let cut = append_log::cut_half_transaction(&home).map_err(|e| failed("cannot mend its data", &e))?;
            tracing::info!(
                bytes = cut,
                "the last run was killed; cut half a transaction off its data"
            );
        }

        let (socket, socket_home) = socket_path(&home).map_err(|e| failed("cannot make its socket's directory", &e))?;
        fs::write(&config, configuration(&home, &socket)).map_err(|e| failed("cannot write its configuration", &e))?;
        // Before the start: a server that runs must be found by the next `dev`, whatever becomes of this one.
        fs::write(&note, socket.as_os_str().as_encoded_bytes()).map_err(|e| failed("cannot note its socket", &e))?;
        let log_file = fs::OpenOptions::new().create(true).append(true).open(&log);
        let log_file = log_file.map_err(|e| failed("cannot open its log", &e))?;
        let error_file = log_file.try_clone().map_err(|e| failed("cannot open its log", &e))?;
        let child = Command::new(&program)
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log_file)
            .stderr(error_file)
            // Ctrl-C of the terminal is for us: the server must outlive the drain.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| failed(&format!("cannot start {}", program.display()), &e))?;
        tracing::info!(program = %program.display(), log = %log.display(), "private server starts, strict");
        Ok(Self {
            child,
            socket,
            log,
            note,
            _socket_home: socket_home,
        })
    }

    pub(super) fn url(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// Ends when the server does, with how it ended.
    pub(super) async fn died(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// SHUTDOWN over its socket, and SIGKILL if that does not help.
    pub(super) async fn stop(mut self) {
        let heard = say(&self.socket, "SHUTDOWN NOSAVE").await.is_some();
        // One that does not listen yet has acknowledged nothing.
        let limit = if heard { STOP_LIMIT } else { DEAF_LIMIT };
        if timeout(limit, self.child.wait()).await.is_err() {
            tracing::warn!("the private server does not stop; killing it");
            let _ = self.child.kill().await;
        }
        let _ = fs::remove_file(&self.note);
    }

    /// Waits until it answers, which takes as long as loading its data.
    pub(super) async fn ready(&mut self) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Failure::Failed(format!(
                    "the private server ended at once ({status}); see {}",
                    self.log.display()
                )));
            }
            // While it loads its data it answers -LOADING.
            if say(&self.socket, "PING")
                .await
                .is_some_and(|reply| reply.starts_with("+PONG"))
            {
                return Ok(());
            }
            if begun.elapsed() > START_LIMIT {
                return Err(Failure::Failed(format!(
                    "the private server does not answer; see {}",
                    self.log.display()
                )));
            }
            sleep(POLL).await;
        }
    }
}

/// One command, and the beginning of its answer. `None`: nobody answers.
async fn say(socket: &Path, command: &str) -> Option<String> {
    let mut stream = UnixStream::connect(socket).await.ok()?;
    stream.write_all(format!("{command}\r\n").as_bytes()).await.ok()?;
    let mut buffer = [0; 64];
    let read = timeout(Duration::from_secs(2), stream.read(&mut buffer))
        .await
        .ok()?
        .ok()?;
    Some(String::from_utf8_lossy(buffer.get(..read)?).into_owned())
}

/// Ends a server that an earlier, killed `dev` left on this data. We hold the lock of the data, so whoever listens on the socket that the
/// note names is that server. Two servers on one append-only file would ruin it: if it does not end, we do not start.
async fn end_leftover(note: &Path) -> Result<(), Failure> {
    let Ok(socket) = fs::read_to_string(note).map(|text| PathBuf::from(text.trim())) else {
        return Ok(());
    };
    if say(&socket, "PING").await.is_none() {
        return Ok(());
    }
    tracing::warn!(socket = %socket.display(), "ending a private server that an earlier run left behind");
    let begun = Instant::now();
    while say(&socket, "PING").await.is_some() {
        if begun.elapsed() > STOP_LIMIT {
            return Err(Failure::Failed(format!(
                "a server that an earlier run left behind does not end; it listens on {}",
                socket.display()
            )));
        }
        say(&socket, "SHUTDOWN NOSAVE").await;
        sleep(POLL).await;
    }
    Ok(())
}

fn socket_path(home: &Path) -> std::io::Result<(PathBuf, Option<TempDir>)> {
    let socket = home.join("server.sock");
    if socket.as_os_str().len() <= SOCKET_PATH_MAX {
        return Ok((socket, None));
    }
    let directory = tempfile::Builder::new().prefix("tidemill-").tempdir()?;
    Ok((directory.path().join("server.sock"), Some(directory)))
}

fn configuration(home: &Path, socket: &Path) -> String {
    let (home, socket) = (home.display(), socket.display());
    format!(
        "# Written by `tidemill dev` at every start.\nport 0\nunixsocket \"{socket}\"\nunixsocketperm 700\ndaemonize no\n\
         dir \"{home}\"\nappendonly yes\nappendfsync always\nno-appendfsync-on-rewrite no\nsave \"\"\nmaxmemory 1gb\n\
         maxmemory-policy noeviction\n"
    )
}

/// The named program, else one on the search path, else one that `tools/get-server.sh` has fetched.
fn find(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(program) = named {
        return Ok(program.to_owned());
    }
    let path = tidemill_kit::config::process_environment();
    let path = path
        .iter()
        .find(|(name, _)| name == "PATH")
        .map_or("", |(_, value)| value.as_str());
    let on_path = ["valkey-server", "redis-server"]
        .into_iter()
        .flat_map(|name| path.split(':').map(move |directory| Path::new(directory).join(name)));
    let fetched = ["valkey-server", "redis-server"].map(|name| Path::new(".tools/server").join(name));
    on_path.chain(fetched).find(|program| program.is_file()).ok_or_else(|| {
        Failure::Failed(
            "no redis-server or valkey-server found: install one (apt install redis-server), name one with --redis-server, or use a \
             running one with --redis-url"
                .into(),
        )
    })
}
