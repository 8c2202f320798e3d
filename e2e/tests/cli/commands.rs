//! What each command prints when all is well.

use std::{fmt::Write, fs};

use serde_json::json;
use tempfile::TempDir;

use crate::Cli;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_from_enqueue_to_its_output() {
    let (cli, mut cluster) = Cli::start().await;
    let folder = TempDir::new().unwrap();

    let watched = cli.ok(&["enqueue", "echo", "--text", "hello", "--watch"]);
    let lines: Vec<&str> = watched.lines().collect();
    assert_eq!(
        lines[1..],
        ["#1 QUEUED", "#2 RUNNING attempt 1", "#3 SUCCEEDED", "hello"]
    );
    assert_eq!(cli.ok(&["watch", lines[0], "--after", "2"]), "#3 SUCCEEDED\nhello\n");

    let input = cli.run_with(&["enqueue", "echo", "-", "--content-type", "text/csv"], b"a,b\n");
    let id = input.stdout.trim();
    let out = folder.path().join("out.csv").display().to_string();
    let got = cli.ok(&["get", id, "--wait", "30s", "--file", &out]);
    assert!(got.starts_with("SUCCEEDED attempt 1, finished "), "{got}");
    assert_eq!(fs::read_to_string(&out).unwrap(), "a,b\n");

    let failed = cli.run(&["enqueue", "fail", "--text", "9", "--max-attempts", "1", "--watch"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    let dead = cli.ok(&["list", "--dead-letters"]);
    assert!(
        dead.contains(" fail FAILED NORMAL") && dead.contains("HANDLER_FAILED: "),
        "{dead}"
    );

    let waiting = cli.enqueue(&["nobody", "--queue", "idle", "--delay", "1h"]);
    assert_eq!(cli.ok(&["cancel", &waiting, "--reason", "not needed"]), "CANCELLED\n");
    cluster.stop().await;
    cluster.check_logs(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_lists_and_health() {
    let (cli, mut cluster) = Cli::start().await;
    assert!(cli.run(&["queues"]).stderr.contains("the first task makes one"));
    for number in 0..3 {
        cli.enqueue(&["nobody", "--queue", "idle", "--text", &number.to_string()]);
    }
    cli.run(&[
        "enqueue",
        "fail",
        "--text",
        "9",
        "--max-attempts",
        "1",
        "--watch",
        "--queue",
        "default",
    ]);

    let queues = cli.run(&["queues"]);
    let first_words: Vec<_> = queues
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(first_words, ["QUEUE", "default", "idle"]);
    assert_eq!(
        queues.stderr,
        "note: 1 dead letter; see `tidemill list --queue default --dead-letters`\n"
    );
    let idle = cli.ok(&["queues", "idle"]);
    let kind: Vec<_> = idle.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(kind[..2], ["nobody", "3"], "{idle}");

    let listed = cli.run(&["list", "--queue", "idle", "--limit", "2"]);
    assert_eq!(listed.stdout.matches(" nobody QUEUED NORMAL").count(), 2, "{listed:?}");
    assert!(listed.stderr.contains("more than 2; see --limit"), "{listed:?}");

    let health = cli.ok(&["health"]);
    let all_serve = health
        .lines()
        .all(|line| line.starts_with("SERVING     http://127.0.0.1:"));
    assert!(
        all_serve && health.lines().count() == 3,
        "one line for each address: {health}"
    );
    let service = cli.run(&["health", "--service", "tidemill.v1.GatewayService"]);
    assert_eq!(service.code, Some(5), "only the gateway has it: {service:?}");
    cluster.stop().await;
    cluster.check_logs(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_is_one_valid_document_of_each_command() {
    let (cli, mut cluster) = Cli::start().await;
    let watched = cli.document(&["enqueue", "echo", "--json", r#"{"a":1}"#, "--watch"]);
    assert_eq!(watched[3]["result"]["output"]["json"], json!({ "a": 1 }));
    let id = watched[0]["taskId"].as_str().unwrap();
    let stored = cli.document(&["enqueue", "nobody", "--key", "k"]);
    assert_eq!(stored["state"], "TASK_STATE_QUEUED");
    let other = stored["taskId"].as_str().unwrap();

    assert_eq!(cli.document(&["get", id])["state"], "TASK_STATE_SUCCEEDED");
    assert_eq!(cli.document(&["watch", id])[0]["sequence"], "1");
    assert_eq!(cli.document(&["cancel", other])["state"], "TASK_STATE_CANCELLED");
    let both = cli.document(&["watch", id, other]);
    let of_other = both
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["taskId"] == other)
        .count();
    assert_eq!((both.as_array().unwrap().len(), of_other), (5, 2));
    assert_eq!(cli.document(&["list", "--state", "cancelled"])[0]["taskId"], other);
    assert_eq!(cli.document(&["queues"])[0]["name"], "default");
    assert_eq!(cli.document(&["queues", "default"])["cancelled"], "1");
    assert_eq!(cli.document(&["health"])[2]["status"], "SERVING");
    // Cut by an error, too.
    let unknown = "01999999-0000-7000-8000-000000000000";
    assert_eq!(cli.document(&["watch", unknown]), json!([]));
    assert_eq!(cli.document(&["watch", unknown, id]).as_array().unwrap().len(), 4);

    let lines = cli.ok(&["watch", id, "-o", "jsonl"]);
    assert_eq!(lines.lines().count(), 3);
    assert!(
        lines
            .lines()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
    );
    cluster.stop().await;
    cluster.check_logs(true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_stores_what_it_can_and_names_the_rest() {
    let (cli, mut cluster) = Cli::start().await;
    let folder = TempDir::new().unwrap();
    let mut lines = String::new();
    for number in 1..=2_500 {
        let line = match number {
            17 => r#"{"qeue":"x"}"#.to_owned(),
            1_900 => r#"{"delay":"soon"}"#.to_owned(),
            _ => format!(r#"{{"payload":{{"text":"n{number}"}}}}"#),
        };
        writeln!(lines, "{line}").unwrap();
    }
    let path = folder.path().join("tasks.jsonl");
    fs::write(&path, lines).unwrap();
    let path = path.display().to_string();
    let run = || cli.run(&["enqueue", "echo", "--batch", &path, "--key-prefix", "run-1"]);

    let first = run();
    let told: Vec<&str> = first.stderr.lines().collect();
    assert_eq!((first.code, told.len()), (Some(2), 3), "{first:?}");
    assert!(told[0].starts_with("error: line 17: unknown field `qeue`"), "{told:?}");
    assert!(
        told[1].starts_with("error: line 1900: delay: `soon` is not a duration"),
        "{told:?}"
    );
    assert_eq!(told[2], "note: 2500 tasks: 2498 stored, 2 refused");
    assert_eq!(first.stdout.lines().count(), 2_498);

    let again = run();
    assert_eq!(again.stdout, first.stdout, "the same tasks");
    assert!(
        again.stderr.contains("2498 stored (2498 of them before), 2 refused"),
        "{again:?}"
    );

    // Their ids go where ids are read from.
    let watched = cli.run_with(&["watch", "-", "--quiet"], first.stdout.as_bytes());
    assert_eq!(
        (watched.code, watched.stdout.lines().count()),
        (Some(0), 2_498),
        "{}",
        watched.stderr
    );
    let last = first.stdout.lines().last().unwrap();
    assert!(watched.stdout.contains(&format!("{last} n2500\n")));
    let from_stdin = cli.run_with(
        &["enqueue", "--batch", "-", "-o", "json"],
        b"{\"kind\":\"echo\"}\n\n{}\n",
    );
    let document: serde_json::Value = serde_json::from_str(&from_stdin.stdout).unwrap();
    assert_eq!(
        (document[0]["response"]["deduplicated"].as_bool(), &document[1]["line"]),
        (Some(false), &json!(3))
    );
    cluster.stop().await;
    cluster.check_logs(true);
}
