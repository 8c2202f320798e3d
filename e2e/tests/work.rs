//! `tidemill work`: a shell script as a handler process. What it is told, what becomes of what it says, and that nothing is lost or
//! charged, whatever ends it.

#![expect(clippy::expect_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tidemill_client::{Client, Event, EventKind, Payload, RetryPolicy, Task, TaskResult, TaskState, TraceContext};
use tidemill_e2e::{Cluster, LIMIT, Process, Role, binary, until};
use tokio::time::timeout;

const MANY: usize = 1_000;

/// A cluster, a client of it, and a folder for scripts and what they write.
struct Bench {
    cluster: Cluster,
    client: Client,
    works: usize,
}

impl Bench {
    async fn start() -> Self {
        let cluster = Cluster::of(1, 1, 1).set("rules.timeout_grace", "1s").start().await;
        let client = cluster.rust_client().build().expect("a client");
        let works = 0;
        Self { cluster, client, works }
    }

    fn folder(&self) -> PathBuf {
        self.cluster.folder().to_owned()
    }

    /// An executable script that finds its folder in `$here`.
    fn script(&self, name: &str, lines: &str) -> PathBuf {
        let path = self.folder().join(name);
        let text = format!("#!/bin/sh\nhere={}\n{lines}\n", self.folder().display());
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
        path
    }

    fn work(&mut self, flags: &[&str], program: &Path) -> Process {
        let worker = self.cluster.get(Role::Worker, 0).url();
        let mut command = Command::new(binary("tidemill"));
        command
            .args(["work", "--worker-url", &worker])
            .args(flags)
            .arg("--")
            .arg(program);
        self.works += 1;
        let name = format!("work-{}", self.works);
        Process::spawn_group(&name, command, &self.folder().join(format!("{name}.log")))
    }

    async fn enqueue(&self, kind: &str, count: usize) -> Vec<String> {
        let tasks = (0..count).map(|number| Task::new(kind).text(number.to_string()));
        let stored = self.client.enqueue_batch(tasks).await;
        stored
            .into_iter()
            .map(|outcome| outcome.expect("stored").task_id)
            .collect()
    }

    async fn run(&self, task: Task) -> (TaskResult, Vec<Event>) {
        let id = self.client.enqueue(task).await.expect("stored").task_id;
        let mut watch = self.client.watch(id);
        let mut log = Vec::new();
        while let Some(event) = timeout(LIMIT, watch.next()).await.expect("in time") {
            log.push(event.expect("an event"));
        }
        match log.pop().map(|event| event.kind) {
            Some(EventKind::Result(result)) => (result, log),
            other => panic!("no result: {other:?}"),
        }
    }

    /// All succeed, each with its own answer.
    async fn all_succeed(&self, ids: &[String]) {
        let (watches, mut watch) = self.client.watch_many();
        ids.iter().for_each(|id| watches.add(id, 0));
        drop(watches);
        let mut outputs = HashSet::new();
        while let Some(watched) = timeout(LIMIT, watch.next()).await.expect("in time") {
            if let EventKind::Result(result) = watched.event.expect("an event").kind {
                assert_eq!(result.state, TaskState::Succeeded, "{:?}", result.error);
                outputs.insert(result.output.and_then(|output| output.as_text().map(str::to_owned)));
            }
        }
        assert_eq!(outputs.len(), ids.len(), "each task has an answer of its own");
    }

    fn lines(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.folder().join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tasks() {
    let mut bench = Bench::start().await;
    let script = bench.script(
        "echo.sh",
        "read -r number\necho \"$TIDEMILL_TASK_ID\" >> \"$here/ran\"\necho \"got $number\"",
    );
    let ids = bench.enqueue("echo", MANY).await;
    let mut work = bench.work(&["--kind", "echo", "--concurrency", "8", "--quiet"], &script);
    bench.all_succeed(&ids).await;
    let ran = bench.lines("ran");
    assert_eq!(ran.len(), MANY, "each ran once");
    assert_eq!(ran.iter().collect::<HashSet<_>>(), ids.iter().collect::<HashSet<_>>());
    work.signal("TERM");
    assert_eq!(work.wait(LIMIT).await.code(), Some(0), "{}", work.log());
    assert_eq!(work.log(), "", "quiet");
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_loses_none() {
    let mut bench = Bench::start().await;
    let script = bench.script(
        "slow.sh",
        "read -r number\necho \"$number\" >> \"$here/ran\"\nsleep 0.02\necho \"got $number\"",
    );
    let ids = bench.enqueue("slow", MANY).await;
    let flags = ["--kind", "slow", "--concurrency", "8", "--quiet"];
    for kill in 1..=3 {
        let mut work = bench.work(&flags, &script);
        until("some ran", LIMIT, async || {
            (bench.lines("ran").len() >= kill * 200).then_some(())
        })
        .await;
        work.kill();
    }
    let mut work = bench.work(&flags, &script);
    bench.all_succeed(&ids).await;
    let ran = bench.lines("ran");
    let numbers: HashSet<String> = (0..MANY).map(|number| number.to_string()).collect();
    assert_eq!(
        ran.iter().cloned().collect::<HashSet<_>>(),
        numbers,
        "none is missing, and none ran with a cut input"
    );
    assert!(
        ran.len() <= MANY + 3 * 8,
        "only what ran at a kill ran again: {}",
        ran.len()
    );
    work.signal("TERM");
    assert_eq!(work.wait(LIMIT).await.code(), Some(0), "{}", work.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_drains_and_charges_none() {
    let mut bench = Bench::start().await;
    let script = bench.script(
        "slow.sh",
        "read -r number\necho x >> \"$here/ran\"\nsleep 0.3\necho \"got $number\"",
    );
    let ids = bench.enqueue("slow", 60).await;
    let flags = ["--kind", "slow", "--concurrency", "4", "--grace", "5s"];
    for round in 1..=3 {
        let mut work = bench.work(&flags, &script);
        until("some ran", LIMIT, async || {
            (bench.lines("ran").len() >= round * 10).then_some(())
        })
        .await;
        // As a terminal does it: to the whole foreground group. The programs are in groups of their own and go on.
        work.signal_group("INT");
        assert_eq!(work.wait(LIMIT).await.code(), Some(0), "{}", work.log());
        assert!(work.log().contains("draining"), "{}", work.log());
    }
    let mut work = bench.work(&flags, &script);
    bench.all_succeed(&ids).await;
    for id in &ids {
        let task = bench.client.task(id).await.expect("known");
        assert_eq!(
            (task.attempt, task.failures, task.crashes, task.releases),
            (1, 0, 0, 0),
            "{id}: {:?}",
            task.error
        );
    }
    assert_eq!(
        bench.lines("ran").len(),
        ids.len(),
        "what ran was finished, not given back"
    );

    // Without grace: what runs is given back, still uncharged, and its program is killed.
    let long = bench.script("long.sh", "echo $$ >> \"$here/pids\"\nsleep 600");
    let mut short = bench.work(&["--kind", "long", "--grace", "0"], &long);
    let id = bench.enqueue("long", 1).await.remove(0);
    until("it runs", LIMIT, async || {
        (!bench.lines("pids").is_empty()).then_some(())
    })
    .await;
    short.signal("INT");
    assert_eq!(short.wait(LIMIT).await.code(), Some(0), "{}", short.log());
    let task = bench.client.task(&id).await.expect("known");
    assert_eq!((task.failures, task.crashes, task.releases), (0, 0, 0));
    assert_eq!(TaskState::from_proto(task.state), TaskState::Queued);
    let pid = bench.lines("pids").remove(0);
    let gone = async || (!Path::new("/proc").join(&pid).join("cwd").exists()).then_some(());
    until("the program is gone", LIMIT, gone).await;

    // Twice: ends at once.
    let mut twice = bench.work(&["--kind", "long"], &long);
    until("it runs", LIMIT, async || {
        (bench.lines("pids").len() == 2).then_some(())
    })
    .await;
    twice.signal("INT");
    until("it drains", LIMIT, async || {
        twice.log().contains("draining").then_some(())
    })
    .await;
    // One that comes at once is taken for the same; a person who means it presses again.
    let status = until("it ends", LIMIT, async || {
        let ended = twice.ended();
        if ended.is_none() {
            twice.signal("INT");
        }
        ended
    });
    let status = status.await;
    assert_eq!(status.code(), Some(130), "{}", twice.log());
    work.signal("TERM");
    assert_eq!(work.wait(LIMIT).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_program_is_told_and_what_it_says() {
    let mut bench = Bench::start().await;
    let facts = r#"
cat > "$here/input"
echo "$TIDEMILL_TASK_ID|$TIDEMILL_QUEUE|$TIDEMILL_KIND|$TIDEMILL_ATTEMPT|$TIDEMILL_MAX_ATTEMPTS|$TIDEMILL_FENCE|$TIDEMILL_CONTENT_TYPE|$TIDEMILL_LABELS|$TRACEPARENT" > "$here/facts"
case $(cat "$here/input") in
    permanent) echo "no use" >&2; exit 65 ;;
    later) echo "not now" >&2; exit 3 ;;
    signal) kill -9 $$ ;;
    json) echo '{"a": [1, 2]}' ;;
    bytes) printf '\377\000' ;;
    nothing) ;;
    background) sleep 600 & echo "left one behind" ;;
    deaf) exec < /dev/null; head -c 200000 /dev/zero | tr '\0' x ;;
    *) echo out ;;
esac"#;
    let script = bench.script("facts.sh", facts);
    let mut work = bench.work(&["-k", "facts", "-q", "mail"], &script);
    let task = |text: &str| {
        let once = RetryPolicy::default().max_attempts(1);
        Task::new("facts").queue("mail").text(text).retry_policy(once)
    };
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let told = task("plain")
        .label("b", "2")
        .label("a", "x\"y")
        .trace_context(TraceContext::new(trace));
    let (result, _) = bench.run(told).await;
    assert_eq!(result.output, Some(Payload::text("out\n")));
    let facts = bench.lines("facts").remove(0);
    let (id, rest) = facts.split_once('|').expect("facts");
    assert_eq!(
        rest,
        format!("mail|facts|1|1|1|text/plain|{}|{trace}", r#"{"a":"x\"y","b":"2"}"#)
    );
    assert_eq!(
        bench.client.result(id).await.expect("known").state,
        TaskState::Succeeded
    );

    let error = async |text: &str| bench.run(task(text)).await.0.error.expect("an error");
    let permanent = error("permanent").await;
    assert_eq!(
        (permanent.message(), permanent.type_name(), permanent.is_permanent()),
        ("no use", "exit code 65", true)
    );
    let later = error("later").await;
    assert_eq!(
        (later.message(), later.type_name(), later.is_permanent()),
        ("not now", "exit code 3", false)
    );
    let signal = error("signal").await;
    assert!(signal.message().contains("signal: 9"), "{signal}");

    let output = async |text: &str| bench.run(task(text)).await.0.output.unwrap_or_default();
    assert_eq!(output("bytes").await, Payload::bytes(vec![0xff, 0]));
    assert!(output("nothing").await.is_empty());
    assert_eq!(output("background").await, Payload::text("left one behind\n"));
    assert_eq!(
        output("deaf").await.to_bytes().len(),
        200_000,
        "it did not read its input"
    );
    assert_eq!(
        output("json").await,
        Payload::text("{\"a\": [1, 2]}\n"),
        "without --json it is text"
    );
    work.signal("TERM");
    assert_eq!(work.wait(LIMIT).await.code(), Some(0), "{}", work.log());
    assert!(work.log().contains("no use"), "stderr is passed on: {}", work.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn json_streams_and_cancels() {
    let mut bench = Bench::start().await;
    let json = bench.script("json.sh", "cat");
    let mut work = vec![bench.work(&["-k", "json", "--json", "--quiet"], &json)];
    let (result, _) = bench.run(Task::new("json").text(r#"{"a": [1, 2]}"#)).await;
    let value: serde_json::Value = result.output.expect("an output").to_json().expect("JSON");
    assert_eq!(value, serde_json::json!({ "a": [1, 2] }));
    let (result, _) = bench.run(Task::new("json").text("not json")).await;
    assert_eq!(result.error.expect("an error").type_name(), "NotJson");

    let stream = bench.script(
        "stream.sh",
        "for i in 1 2 3; do echo \"line $i\"; sleep 0.1; done\nprintf last",
    );
    work.push(bench.work(&["-k", "stream", "--stream", "--quiet"], &stream));
    let (result, log) = bench.run(Task::new("stream")).await;
    assert!(
        result.output.unwrap_or_default().is_empty(),
        "the pieces are the output"
    );
    let pieces: Vec<_> = log
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::OutputChunk(piece) => Some((piece.as_text().expect("text"), event.time.expect("a time"))),
            _ => None,
        })
        .collect();
    assert_eq!(
        pieces.iter().map(|piece| piece.0).collect::<Vec<_>>(),
        ["line 1", "line 2", "line 3", "last"]
    );
    let apart = pieces[2].1.duration_since(pieces[0].1).expect("in order");
    assert!(
        apart >= Duration::from_millis(150),
        "they came as they were written: {apart:?}"
    );

    // Far more at once than is on its way at a time, and the program is gone long before it is sent; something it left behind holds
    // the pipe.
    let burst = bench.script("burst.sh", "seq 1 900\nprintf last\nsleep 600 &");
    work.push(bench.work(&["-k", "burst", "--stream", "--quiet"], &burst));
    let (result, log) = bench.run(Task::new("burst")).await;
    assert_eq!(result.state, TaskState::Succeeded);
    let pieces: Vec<String> = log
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::OutputChunk(piece) => piece.as_text().map(str::to_owned),
            _ => None,
        })
        .collect();
    let whole: Vec<String> = (1..=900)
        .map(|line| line.to_string())
        .chain(["last".to_owned()])
        .collect();
    assert_eq!(pieces, whole, "to the last line, and that one without an end");

    // One listens to SIGTERM and tidies up, one does not; a third takes too long.
    let polite = bench.script(
        "polite.sh",
        "trap 'echo tidied >> \"$here/tidied\"; exit 1' TERM\necho x >> \"$here/up\"\nwhile :; do sleep 0.05; done",
    );
    let deaf = bench.script(
        "deaf.sh",
        "trap '' TERM\necho x >> \"$here/up\"\nwhile :; do sleep 0.05; done",
    );
    work.push(bench.work(&["-k", "polite", "--quiet"], &polite));
    work.push(bench.work(&["-k", "deaf", "--cancel-grace", "300ms", "--quiet"], &deaf));
    for (count, kind) in [(1, "polite"), (2, "deaf")] {
        let id = bench.enqueue(kind, 1).await.remove(0);
        until("it is up", LIMIT, async || {
            (bench.lines("up").len() == count).then_some(())
        })
        .await;
        bench.client.cancel(&id, "enough").await.expect("known");
        let result = timeout(LIMIT, bench.client.watch(&id).result())
            .await
            .expect("in time")
            .expect("a result");
        assert_eq!(result.state, TaskState::Cancelled, "{kind}");
    }
    assert_eq!(bench.lines("tidied"), ["tidied"]);
    let slow = Task::new("deaf").attempt_timeout(Duration::from_secs(1));
    let (result, _) = bench
        .run(slow.retry_policy(RetryPolicy::default().max_attempts(1)))
        .await;
    assert_eq!(result.state, TaskState::Failed, "too long is a failure");
    for mut process in work {
        process.signal("TERM");
        assert_eq!(process.wait(LIMIT).await.code(), Some(0), "{}", process.log());
    }
}

/// Freezes `tidemill work` past its lease, so that another process gets the task: what the first one then says must not count, and its
/// program must not go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_lease_kills_the_program() {
    let mut bench = Bench::start().await;
    let script = bench.script(
        "slow.sh",
        "echo \"start $PPID\" >> \"$here/ran\"\nsleep 8\necho \"end $PPID\" >> \"$here/ran\"\necho \"by $PPID\"",
    );
    let first = bench.work(&["-k", "slow"], &script);
    let id = bench.enqueue("slow", 1).await.remove(0);
    until("it runs", LIMIT, async || (bench.lines("ran").len() == 1).then_some(())).await;
    first.signal("STOP");
    let mut second = bench.work(&["-k", "slow"], &script);
    until("it runs again", LIMIT, async || {
        (bench.lines("ran").len() == 2).then_some(())
    })
    .await;
    first.signal("CONT");
    let result = timeout(LIMIT, bench.client.watch(&id).result())
        .await
        .expect("in time")
        .expect("a result");
    let by_second = format!("by {}\n", second.pid());
    assert_eq!(result.output, Some(Payload::text(by_second)));
    assert!(first.log().contains("the lease was lost"), "{}", first.log());
    let ended: Vec<String> = bench
        .lines("ran")
        .into_iter()
        .filter(|line| line.starts_with("end"))
        .collect();
    assert_eq!(ended, [format!("end {}", second.pid())], "the first program was killed");
    second.signal("TERM");
    assert_eq!(second.wait(LIMIT).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = async |number: usize, flags: &[&str]| {
        let mut command = Command::new(binary("tidemill"));
        command.arg("work").args(flags);
        let mut process = Process::spawn("work", command, &folder.path().join(number.to_string()));
        let code = process.wait(LIMIT).await.code();
        (code, process.log())
    };
    let (code, log) = run(1, &["-k", "a", "--", "no-such-program"]).await;
    assert!(
        code == Some(2) && log.contains("no program `no-such-program`"),
        "{code:?} {log}"
    );
    let (code, log) = run(2, &["--", "true"]).await;
    assert!(code == Some(2) && log.contains("--kind"), "{code:?} {log}");
    let (code, log) = run(
        3,
        &[
            "-k",
            "a",
            "--url",
            "http://127.0.0.1:1",
            "--timeout",
            "500ms",
            "--",
            "true",
        ],
    )
    .await;
    assert!(
        code == Some(5) && log.contains("cannot reach http://127.0.0.1:1"),
        "{code:?} {log}"
    );
    let (code, log) = run(4, &["-k", "a", "-k", "a", "--", "true"]).await;
    assert!(
        code == Some(2) && log.contains("`a` has two handlers"),
        "{code:?} {log}"
    );
}
