//! `tidemill bench` against a real system.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::Cli;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_loop_finishes_every_task_it_stores() {
    let (cli, mut cluster) = Cli::start().await;
    let args = [
        "bench",
        "--tasks",
        "500",
        "--batch",
        "50",
        "-c",
        "2",
        "--workers",
        "1",
        "-o",
        "json",
    ];
    let report = json(&cli.ok(&args));
    assert_eq!(
        (&report["stored"], &report["finished"]["SUCCEEDED"]),
        (&500.into(), &500.into()),
        "{report}"
    );
    assert_eq!(
        (&report["left"], &report["load"]["loop"]),
        (&0.into(), &"closed".into()),
        "{report}"
    );
    for latency in ["enqueue", "result"] {
        let of = |name: &str| report["latencyMs"][latency][name].as_f64().unwrap();
        assert!(
            0.0 < of("p50") && of("p50") <= of("p99") && of("p99") <= of("max"),
            "{report}"
        );
    }
    let table = cli.ok(&["bench", "--tasks", "20", "--workers", "1", "--unary"]);
    let stored = table.lines().find(|line| line.starts_with("stored ")).unwrap();
    assert!(stored.contains(" 20 "), "{table}");
    assert!(table.contains("P99.9") && table.contains("result "), "{table}");
    cluster.stop().await;
    cluster.check_logs(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_loop_sends_what_is_due_and_says_what_it_leaves() {
    let (cli, mut cluster) = Cli::start().await;
    // The built-in kind serves the queue `default` only.
    let args = [
        "bench", "-k", "echo", "-q", "default", "--rate", "100", "-d", "2s", "-o", "json",
    ];
    let report = json(&cli.ok(&args));
    assert_eq!(
        (&report["stored"], &report["finished"]["SUCCEEDED"]),
        (&200.into(), &200.into()),
        "{report}"
    );
    assert!(report["seconds"].as_f64().unwrap() >= 1.9, "{report}");

    let nobody = cli.run(&[
        "bench", "-k", "nobody", "-n", "5", "-c", "5", "--drain", "200ms", "-o", "json",
    ]);
    let report = json(&nobody.stdout);
    assert_eq!(
        (nobody.code, &report["left"], &report["cancelled"]),
        (Some(5), &5.into(), &5.into()),
        "{nobody:?}"
    );
    assert!(nobody.stderr.contains("5 tasks had not finished in time"), "{nobody:?}");
    assert!(!cli.ok(&["list", "-q", "bench", "--state", "queued"]).contains("nobody"));

    let stored = cli.run(&["bench", "-k", "nobody", "-n", "5", "--no-watch"]);
    assert_eq!(stored.code, Some(0), "{stored:?}");
    assert!(stored.stderr.contains("5 tasks are left"), "{stored:?}");
    cluster.stop().await;
    cluster.check_logs(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_ends_the_load_and_reports_what_was_measured() {
    let (cli, mut cluster) = Cli::start().await;
    let mut command = cli.command(&["bench", "-d", "10m", "-c", "2", "--workers", "1", "-o", "json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Once it has sent something; `timeout`, which wraps it, passes the signal on.
    while !cli.ok(&["queues"]).contains("bench") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let killed = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    let report = json(&String::from_utf8(output.stdout).unwrap());
    assert!(report["stored"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(report["left"], 0, "{report}");
    cluster.stop().await;
    cluster.check_logs(true);
}

#[test]
fn wrong_flags_and_absent_servers_have_their_codes() {
    let away = Cli::of("http://127.0.0.1:1");
    assert_eq!(away.run(&["bench", "--rate", "5", "-c", "5"]).code, Some(2));
    assert_eq!(away.run(&["bench", "--batch", "0"]).code, Some(2));
    let ended = away.run(&["bench", "-n", "1"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(5), ""), "{ended:?}");
}
