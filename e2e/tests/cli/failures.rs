//! Every failure has its exit code and one clear line.

use std::{fs, os::unix::fs::symlink, process::Command, time::Instant};

use tempfile::TempDir;
use tidemill_e2e::{Role, binary, free_port};

use crate::{Cli, Ended};

const UNKNOWN: &str = "01999999-0000-7000-8000-000000000000";

#[test]
fn wrong_flags() {
    let cli = Cli::of("");
    for (args, says) in [
        (&["enqueue", "echo", "--frobnicate"][..], "--frobnicate"),
        (
            &["enqueue", "echo", "--delay", "10"],
            "`10` is not a duration; write e.g. 200ms",
        ),
        (&["get"], "<ID>"),
        (&["get", "id", "--cert", "cert.pem"], "--cert-key"),
        (&["list", "--state", "done"], "'done'"),
        (&["watch", "id", "--output", "yaml"], "jsonl"),
    ] {
        let ended = cli.run(args);
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(
            ended.stderr.starts_with("error: ") && ended.stderr.contains(says),
            "{args:?}: {ended:?}"
        );
    }
    cli.run(&["watch", "a", "b", "--after", "1"])
        .refused(2, &["--after is for a single task"]);
    cli.run(&["get", "id", "--ca", "/nowhere"])
        .refused(2, &["cannot read --ca /nowhere: "]);
    cli.run(&["get", "id", "--token-file", "/dev/null"])
        .refused(2, &["--token-file /dev/null is empty"]);
    cli.run(&["get", "id", "--url", "ftp://a"])
        .refused(2, &["`ftp://a`", "http://HOST:PORT"]);
    cli.run(&["enqueue", "echo", "--file", "/nowhere"])
        .refused(2, &["cannot read /nowhere: "]);
    cli.run(&["enqueue", "--batch", "/nowhere"])
        .refused(2, &["cannot read /nowhere: "]);
}

#[test]
fn an_unreachable_server() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let cli = Cli::of(&url);
    let begun = Instant::now();
    for args in [
        &["enqueue", "echo"][..],
        &["get", UNKNOWN, "--wait", "1m"],
        &["watch", UNKNOWN],
        &["watch", UNKNOWN, "other"],
        &["cancel", UNKNOWN],
        &["list"],
        &["queues"],
    ] {
        cli.run(args)
            .refused(5, &[&format!("cannot reach {url}: "), "`tidemill dev`"]);
    }
    assert!(
        begun.elapsed().as_secs() < 15,
        "each is told soon, long before --timeout"
    );
    let health = cli.run(&["health"]);
    assert!(
        health.code == Some(5) && health.stdout.starts_with("NO_ANSWER   http://"),
        "{health:?}"
    );
    let batch = cli.run_with(&["enqueue", "echo", "--batch", "-", "--timeout", "300ms"], b"{}\n{}\n");
    assert_eq!(batch.code, Some(5), "{batch:?}");
    assert!(
        batch
            .stderr
            .starts_with(&format!("error: lines 1-2: cannot reach {url}: ")),
        "{batch:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_refuses() {
    let (cli, mut cluster) = Cli::start().await;
    for args in [&["get", UNKNOWN][..], &["watch", UNKNOWN], &["cancel", UNKNOWN]] {
        cli.run(args)
            .refused(3, &["TASK_NOT_FOUND (NOT_FOUND)", "check the id"]);
    }
    cli.run(&["watch", UNKNOWN, "-"])
        .refused(3, &[&format!("{UNKNOWN}: TASK_NOT_FOUND")]);
    cli.run(&["queues", "nope"])
        .refused(3, &["QUEUE_NOT_FOUND", "`tidemill queues`"]);
    cli.run(&["get", "nonsense"])
        .refused(2, &["INVALID_ARGUMENT", "task_id: "]);
    cli.run(&["enqueue", "no good"]).refused(2, &["kind must match"]);
    let id = cli.enqueue(&["nobody", "--key", "k", "--text", "a"]);
    let reused = cli.run(&["enqueue", "nobody", "--key", "k", "--text", "b"]);
    reused.refused(
        4,
        &[
            "IDEMPOTENCY_KEY_REUSED",
            &format!("use another --key, or see `tidemill get {id}`"),
        ],
    );
    let waited = cli.run(&["get", &id, "--wait", "100ms"]);
    assert_eq!(
        (waited.code, waited.stdout.starts_with("QUEUED, enqueued ")),
        (Some(5), true),
        "{waited:?}"
    );

    cluster.get(Role::Results, 0).kill();
    let id = cli.enqueue(&["echo"]);
    cli.run(&["get", &id]).refused(5, &["cannot reach "]);
    cli.run(&["enqueue", "echo", "--watch"]).refused(5, &["cannot reach "]);
    cluster.get(Role::Results, 0).start();
    cluster.wait_ready().await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_that_nobody_takes() {
    let (cli, mut cluster) = Cli::start().await;
    let folder = TempDir::new().unwrap();
    let big = folder.path().join("input");
    fs::write(&big, "x".repeat(100_000)).unwrap();
    let id = cli.enqueue(&["echo", "--file", &big.display().to_string()]);
    cli.ok(&["get", &id, "--wait", "30s", "--quiet"]);

    // As with `| head -1`: the reader goes away.
    for args in [
        &["list"][..],
        &["get", &id],
        &["watch", &id, "-o", "json"],
        &["config", "defaults"],
    ] {
        let mut command = cli.command(args);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = command.stdout(writer).output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!((ended.status.code(), stderr.as_str()), (Some(141), ""), "{args:?}");
    }
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let ended = cli.command(&["list"]).stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(74), "{ended:?}");

    let link = folder.path().join("link");
    symlink("/dev/full", &link).unwrap();
    for file in ["/dev/full", &link.display().to_string()] {
        for command in ["get", "watch"] {
            let ended = cli.run(&[command, &id, "--file", file]);
            ended.refused(74, &[&format!("cannot write {file}: No space left on device")]);
        }
    }
    cli.run(&["get", &id, "--file", "/nowhere/out"])
        .refused(74, &["cannot write /nowhere/out: No such file or directory"]);
    half_a_file_is_none(&cli, &id);
    cluster.stop().await;
    cluster.check_logs(true);
}

/// A disk that is full after a few KB, as the limit on the size of a file makes one.
fn half_a_file_is_none(cli: &Cli, id: &str) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out");
    fs::write(&path, "earlier").unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"]);
    command.arg(binary("tidemill")).args(["get", id, "--file"]).arg(&path);
    command.envs(cli.urls.iter().map(|(name, url)| (name, url)));
    let ended = Ended::of(command, b"");
    ended.refused(74, &[&format!("cannot write {}: File too large", path.display())]);
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "earlier",
        "what was there is still there"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "and nothing else");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn colour_is_for_terminals_and_may_be_refused() {
    let (cli, mut cluster) = Cli::start().await;
    let id = cli.enqueue(&["echo", "--text", "hello"]);
    cli.ok(&["get", &id, "--wait", "30s"]);
    let colours = |text: &str| text.contains("\x1b[");
    // `script` gives its command a terminal.
    let on_a_terminal = |variables: &[(&str, &str)], flags: &str| {
        let line = format!("{} get {id} {flags}", binary("tidemill").display());
        let mut command = Command::new("script");
        command
            .args(["-qec", &line, "/dev/null"])
            .env_remove("NO_COLOR")
            .env("TERM", "xterm");
        command.envs(cli.urls.iter().map(|(name, url)| (name, url)));
        command.envs(variables.iter().copied());
        let ended = Ended::of(command, b"");
        assert!(ended.stdout.contains("SUCCEEDED") && ended.code == Some(0), "{ended:?}");
        ended.stdout
    };
    assert!(colours(&on_a_terminal(&[], "")));
    assert!(!colours(&on_a_terminal(&[("NO_COLOR", "1")], "")));
    assert!(!colours(&on_a_terminal(&[], "--color never")));
    assert!(!colours(&cli.ok(&["get", &id])), "a pipe is no terminal");
    assert!(colours(&cli.ok(&["get", &id, "--color", "always"])));
    cluster.stop().await;
    cluster.check_logs(true);
}
