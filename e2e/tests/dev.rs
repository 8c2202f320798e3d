//! `tidemill dev`: every role in one process with a private server; nothing is left behind but the data.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test may stop at the first surprise, as a test may"
)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;
use tidemill_e2e::{Client, LIMIT, Process, binary, free_port, get, request, signal, text_of, until};
use tidemill_proto::v1::TaskState;

/// A `tidemill dev` on some data.
struct Dev {
    process: Process,
    port: u16,
    admin: u16,
    children: Vec<u32>,
}

impl Dev {
    fn launch(folder: &Path, data: &Path, server: &Path, flags: &[&str]) -> Self {
        let (port, admin) = (free_port(), free_port());
        let mut command = Command::new(binary("tidemill"));
        command
            .arg("dev")
            .arg("--data")
            .arg(data)
            .arg("--redis-server")
            .arg(server)
            .args(flags);
        // The address is a matter of configuration like any other.
        command.env("TIDEMILL_GATEWAY_LISTEN", format!("127.0.0.1:{port}"));
        command.env("TIDEMILL_GATEWAY_ADMIN_LISTEN", format!("127.0.0.1:{admin}"));
        let process = Process::spawn_group("dev", command, &folder.join(format!("dev-{port}.log")));
        Self {
            process,
            port,
            admin,
            children: Vec::new(),
        }
    }

    async fn start(folder: &Path, data: &Path, flags: &[&str]) -> Self {
        let mut dev = Self::launch(folder, data, tidemill_test_server::binary(), flags);
        let admin = dev.admin;
        until("dev is ready", LIMIT, async || {
            assert_eq!(dev.process.ended(), None, "{}", dev.process.log());
            matches!(get(admin, "/readyz").await, Ok((200, _))).then_some(())
        })
        .await;
        dev.children = children(dev.process.pid());
        assert_eq!(dev.children.len(), 1, "dev has one child, its private server");
        dev
    }

    /// All services are on one port.
    fn client(&self) -> Client {
        Client::new(&[self.port], &[self.port], &[self.port])
    }

    /// As Ctrl-C in a terminal: the whole foreground group gets the signal.
    async fn interrupt(&mut self) {
        self.end_by_interrupt().await;
        let left = self.left();
        assert!(left.is_empty(), "dev left its private server behind: {left:?}");
    }

    async fn end_by_interrupt(&mut self) {
        self.process.signal_group("INT");
        let status = self.process.wait(LIMIT).await;
        let log = self.process.log();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
    }

    /// Children that still run.
    fn left(&self) -> Vec<u32> {
        self.children.iter().copied().filter(|pid| is_alive(*pid)).collect()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        for pid in self.left() {
            signal("KILL", &pid.to_string());
        }
    }
}

fn proc_stat(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // 1234 (name, with spaces) S 1 …
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
    Some((rest.next()?.chars().next()?, rest.next()?.parse().ok()?))
}

fn is_alive(pid: u32) -> bool {
    proc_stat(pid).is_some_and(|(state, _)| state != 'Z')
}

fn children(parent: u32) -> Vec<u32> {
    let pids = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| proc_stat(*pid).is_some_and(|(state, of)| of == parent && state != 'Z'))
        .collect()
}

fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    (folder, data)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_survive_a_restart() {
    let (folder, data) = folder();
    let mut first = Dev::start(folder.path(), &data, &[]).await;
    let client = first.client();
    let task_id = client.enqueue(request("echo", "remember me", "dev")).await.task_id;
    assert_eq!(client.result(&task_id).await.state(), TaskState::Succeeded);
    first.interrupt().await;

    let mut second = Dev::start(folder.path(), &data, &[]).await;
    let result = second.client().result(&task_id).await;
    assert_eq!(
        (result.state(), text_of(result.output.as_ref())),
        (TaskState::Succeeded, "remember me")
    );
    let again = second.client().enqueue(request("echo", "remember me", "dev")).await;
    assert!(
        again.deduplicated && again.task_id == task_id,
        "the key is remembered, too"
    );
    second.interrupt().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_dev_leaves_nothing_that_the_next_cannot_take_over() {
    let (folder, data) = folder();
    let mut first = Dev::start(folder.path(), &data, &[]).await;
    let client = first.client();
    let task_id = client.enqueue(request("echo", "hello", "dev")).await.task_id;
    assert_eq!(client.result(&task_id).await.state(), TaskState::Succeeded);
    first.process.kill();

    let mut second = Dev::start(folder.path(), &data, &[]).await;
    assert_eq!(second.client().result(&task_id).await.state(), TaskState::Succeeded);
    let orphan = first.children[0];
    assert!(!is_alive(orphan), "the private server of the killed one was ended");
    second.interrupt().await;
}

/// Redis 7.0 itself would keep the whole commands of it, and apply them at the start after next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_transaction_of_a_killed_server_is_never_applied() {
    let (folder, data) = folder();
    let mut first = Dev::start(folder.path(), &data, &[]).await;
    let client = first.client();
    let task_id = client.enqueue(request("echo", "hello", "dev")).await.task_id;
    assert_eq!(client.result(&task_id).await.state(), TaskState::Succeeded);
    signal("KILL", &first.children[0].to_string());
    first.process.kill();
    // The server died in the middle of a write. Its last transaction would undo all that was said.
    let file = appended_file(&data);
    let mut torn = fs::read(&file).unwrap();
    let length = torn.len();
    torn.extend(b"*1\r\n$5\r\nMULTI\r\n*1\r\n$8\r\nFLUSHALL\r\n*3\r\n$3\r\nSET\r\n$10\r\nha");
    fs::write(&file, torn).unwrap();

    let mut second = Dev::start(folder.path(), &data, &[]).await;
    let mended = fs::read(&file).unwrap();
    assert!(
        !mended[length..].windows(8).any(|bytes| bytes == b"FLUSHALL"),
        "what was torn is gone from the file"
    );
    let later = second
        .client()
        .enqueue(request("echo", "later", "dev-later"))
        .await
        .task_id;
    assert_eq!(second.client().result(&later).await.state(), TaskState::Succeeded);
    second.interrupt().await;

    let mut third = Dev::start(folder.path(), &data, &[]).await;
    for known in [task_id, later] {
        assert_eq!(third.client().result(&known).await.state(), TaskState::Succeeded);
    }
    third.interrupt().await;
}

fn appended_file(data: &Path) -> PathBuf {
    let entries = fs::read_dir(data.join("redis/appendonlydir")).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths
        .find(|path| path.to_string_lossy().ends_with(".incr.aof"))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_during_the_start_ends_it_all() {
    let (folder, data) = folder();
    // A server with much to load: it takes a while to answer.
    let slow = folder.path().join("slow-server");
    let server = tidemill_test_server::binary().display();
    fs::write(&slow, format!("#!/bin/sh\nsleep 2\nexec {server} \"$@\"\n")).unwrap();
    fs::set_permissions(&slow, fs::Permissions::from_mode(0o755)).unwrap();
    let mut dev = Dev::launch(folder.path(), &data, &slow, &[]);
    let pid = dev.process.pid();
    dev.children = until("the private server starts", LIMIT, async || {
        let children = children(pid);
        (!children.is_empty()).then_some(children)
    })
    .await;
    dev.end_by_interrupt().await;
    // What was not up yet is killed, and a killed process takes a moment to go.
    until("the private server is gone", LIMIT, async || {
        dev.left().is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_dev_on_the_same_data_is_refused() {
    let (folder, data) = folder();
    let mut first = Dev::start(folder.path(), &data, &[]).await;
    let mut second = Dev::launch(folder.path(), &data, tidemill_test_server::binary(), &[]);
    let status = second.process.wait(LIMIT).await;
    let (log, pid) = (second.process.log(), first.process.pid().to_string());
    assert!(status.code().is_some_and(|code| code != 0), "{status}");
    assert!(
        log.contains(&pid) && log.contains("--data"),
        "process {pid} and the flag are not named: {log}"
    );

    // On other data, but on a busy port.
    let flag = format!("gateway.listen=127.0.0.1:{}", first.port);
    let mut third = Dev::launch(
        folder.path(),
        &folder.path().join("other"),
        tidemill_test_server::binary(),
        &["--set", &flag],
    );
    let status = third.process.wait(LIMIT).await;
    let log = third.process.log();
    assert!(status.code().is_some_and(|code| code != 0), "{status}");
    assert!(log.contains("gateway.listen"), "the flag is not named: {log}");

    let client = first.client();
    let task_id = client.enqueue(request("echo", "hello", "dev")).await.task_id;
    assert_eq!(
        client.result(&task_id).await.state(),
        TaskState::Succeeded,
        "the first goes on"
    );
    first.interrupt().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_shows_five_endings_and_goes_on_serving() {
    let (folder, data) = folder();
    let mut dev = Dev::start(folder.path(), &data, &["--demo"]).await;
    let shown = async || dev.process.log().contains("All of this really happened").then_some(());
    until("the demo is over", Duration::from_secs(90), shown).await;
    let log = dev.process.log();
    let endings = |state: &str| {
        log.lines()
            .filter(|line| line.starts_with('#') && line.contains(state))
            .count()
    };
    assert_eq!(
        (endings(" SUCCEEDED"), endings(" FAILED"), endings(" CANCELLED")),
        (3, 1, 1),
        "{log}"
    );
    assert!(log.contains("hello") && log.contains("progress"), "{log}");

    let client = dev.client();
    let task_id = client.enqueue(request("echo", "after", "dev")).await.task_id;
    assert_eq!(client.result(&task_id).await.state(), TaskState::Succeeded);
    dev.interrupt().await;
}
