//! The Rust worker against real roles: every way an attempt can end, what it says on the way, and how it stops.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise, and spawns what it drives"
)]

#[path = "support/worker.rs"]
mod support;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use support::{Running, client};
use tidemill_client::{
    CancelCause, Client, Context, EventKind, Failure, Payload, RetryPolicy, Task, TaskResult, TaskState, TraceContext,
    Worker,
};
use tidemill_e2e::{Cluster, LIMIT, until};
use tokio::time::timeout;

async fn run(client: &Client, task: Task) -> TaskResult {
    let enqueued = client.enqueue(task).await.expect("stored");
    let result = client.watch(enqueued.task_id).result();
    timeout(LIMIT, result).await.expect("it ends").expect("a result")
}

fn fast(attempts: u32) -> RetryPolicy {
    RetryPolicy::default()
        .max_attempts(attempts)
        .initial_backoff(Duration::from_millis(10))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_an_attempt_can_end() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let client = client(&mut cluster, 0);
    let worker = Worker::builder(&client)
        .handle("echo", async |task: Context| Ok(task.payload().clone()))
        .handle("flaky", async |task: Context| match task.attempt() {
            1 => Err(Failure::new("not yet").of_type("TooEarly")),
            _ => Ok(task
                .last_error()
                .map(|error| error.type_name().to_owned())
                .unwrap_or_default()),
        })
        .handle("later", async |task: Context| match task.attempt() {
            1 => Err(Failure::new("busy").retry_after(Duration::from_millis(700))),
            _ => Ok("done"),
        })
        .handle("hopeless", async |_| Err::<(), _>(Failure::permanent("never")))
        .handle("error", async |task: Context| {
            let number: u32 = task.payload().as_text().unwrap_or_default().parse()?;
            Ok(number.to_string())
        })
        .handle("panic", async |task: Context| -> Result<(), Failure> {
            assert!(task.attempt() < 1, "attempt {} is too many", task.attempt());
            Ok(())
        })
        .handle("huge", async |_| Ok(vec![b'x'; 5 * 1024 * 1024]))
        .handle("large", async |_| Ok(vec![b'x'; 300 * 1024]));
    let worker = Running::start(worker);

    let result = run(&client, Task::new("echo").text("hello")).await;
    assert_eq!(
        (result.state, result.output),
        (TaskState::Succeeded, Some(Payload::text("hello")))
    );

    let result = run(&client, Task::new("flaky").retry_policy(fast(2))).await;
    assert_eq!(
        result.output,
        Some(Payload::text("TooEarly")),
        "it sees the error before"
    );

    let begun = Instant::now();
    assert_eq!(run(&client, Task::new("later")).await.state, TaskState::Succeeded);
    assert!(begun.elapsed() >= Duration::from_millis(700), "{:?}", begun.elapsed());

    let error = run(&client, Task::new("hopeless")).await.error.expect("an error");
    assert_eq!((error.message(), error.is_permanent()), ("never", true));

    let error = run(&client, Task::new("error").text("x").retry_policy(fast(2)))
        .await
        .error
        .expect("an error");
    assert!(
        error.message().contains("invalid digit") && error.type_name().contains("ParseIntError"),
        "{error}"
    );

    let error = run(&client, Task::new("panic").retry_policy(fast(2)))
        .await
        .error
        .expect("an error");
    assert_eq!(error.message(), "the handler panicked: attempt 2 is too many");

    let error = run(&client, Task::new("huge")).await.error.expect("an error");
    assert!(error.type_name() == "OutputTooLarge" && error.is_permanent(), "{error}");
    let error = run(&client, Task::new("large")).await.error.expect("an error");
    assert_eq!(error.reason_name(), "OUTPUT_TOO_LARGE");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_chunks_labels_and_the_trace_go_through() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let client = client(&mut cluster, 0);
    let inner = client.clone();
    let worker = Worker::builder(&client).handle("report", move |task: Context| {
        let client = inner.clone();
        async move {
            task.progress(0.5, "half");
            for piece in 0..200 {
                task.chunk(format!("piece {piece}")).await?;
            }
            let too_large = task.chunk(vec![0; 70_000]).await.expect_err("over 64 KiB").to_string();
            assert!(too_large.contains("65536"), "{too_large}");
            let next = client.enqueue(Task::new("nobody")).await?;
            Ok(format!("{} {}", task.labels()["customer"], next.task_id))
        }
    });
    let worker = Running::start(worker);
    let trace = TraceContext::new("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let task = Task::new("report").label("customer", "42").trace_context(trace.clone());
    let mut watch = client.watch(client.enqueue(task).await.expect("stored").task_id);
    let (mut pieces, mut progress) = (Vec::new(), 0);
    let result = loop {
        let event = timeout(LIMIT, watch.next())
            .await
            .expect("in time")
            .expect("a result")
            .expect("an event");
        match event.kind {
            EventKind::OutputChunk(piece) => pieces.push(piece.as_text().expect("text").to_owned()),
            EventKind::Progress { fraction, message } => {
                assert_eq!((fraction, message.as_str()), (0.5, "half"));
                progress += 1;
            }
            EventKind::Result(result) => break result,
            _ => {}
        }
    };
    let all: Vec<String> = (0..200).map(|piece| format!("piece {piece}")).collect();
    assert_eq!((pieces, progress), (all, 1), "in order, none missing");
    let output = result.output.expect("an output");
    let (customer, next) = output
        .as_text()
        .and_then(|text| text.split_once(' '))
        .expect("two words");
    assert_eq!(customer, "42");
    // A worker of its own serves the second task: it must carry the trace of the first.
    let seen = Arc::new(Mutex::new(None));
    let note = Arc::clone(&seen);
    let second = Worker::builder(&client).handle("nobody", move |task: Context| {
        *note.lock().expect("lock") = task.trace_context();
        async { Ok(()) }
    });
    let second = Running::start(second);
    timeout(LIMIT, client.watch(next).result())
        .await
        .expect("in time")
        .expect("a result");
    assert_eq!(*seen.lock().expect("lock"), Some(trace));
    second.stop().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_handler_may_agree_finish_or_be_stopped() {
    let mut cluster = Cluster::of(1, 1, 1).set("rules.timeout_grace", "1s").start().await;
    let client = client(&mut cluster, 0);
    let dropped = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&dropped);
    let worker = Worker::builder(&client)
        .cancel_grace(Duration::from_millis(300))
        .handle("agrees", async |task: Context| {
            let request = task.cancelled().await;
            assert_eq!(
                (request.cause, request.reason.as_str()),
                (CancelCause::Client, "enough")
            );
            Err::<(), _>(Failure::cancelled())
        })
        .handle("finishes", async |task: Context| {
            task.cancelled().await;
            Ok("anyway")
        })
        .handle("deaf", move |_| {
            let guard = CountDrop(Arc::clone(&count));
            async move {
                std::future::pending::<()>().await;
                drop(guard);
                Ok(())
            }
        });
    let worker = Running::start(worker);
    for (kind, end) in [
        ("agrees", TaskState::Cancelled),
        ("finishes", TaskState::Succeeded),
        ("deaf", TaskState::Cancelled),
    ] {
        let id = client.enqueue(Task::new(kind)).await.expect("stored").task_id;
        until("it runs", LIMIT, async || {
            (client.result(&id).await.expect("known").state == TaskState::Running).then_some(())
        })
        .await;
        assert!(client.cancel(&id, "enough").await.expect("known").cancel_requested);
        let result = timeout(LIMIT, client.watch(&id).result())
            .await
            .expect("in time")
            .expect("a result");
        assert_eq!(result.state, end, "{kind}");
    }
    let slow = Task::new("deaf")
        .attempt_timeout(Duration::from_secs(1))
        .retry_policy(fast(2));
    let result = run(&client, slow).await;
    assert_eq!(
        result.state,
        TaskState::Failed,
        "an attempt that runs too long is counted"
    );
    assert_eq!(dropped.load(Ordering::Relaxed), 3, "the futures were dropped");
    worker.stop().await;
}

struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The lease is 2 s. A handler that blocks a thread for 5 s, with only as many threads as handlers, must not lose it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_that_block_keep_their_leases() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let client = client(&mut cluster, 0);
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    let worker = Worker::builder(&client).concurrency(2).handle("block", move |_| {
        let count = Arc::clone(&count);
        async move {
            count.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_secs(5));
            Ok(())
        }
    });
    let worker = Running::start(worker);
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(client.enqueue(Task::new("block")).await.expect("stored").task_id);
    }
    for id in ids {
        let result = timeout(LIMIT, client.watch(id).result())
            .await
            .expect("in time")
            .expect("a result");
        assert_eq!(result.state, TaskState::Succeeded);
    }
    assert_eq!(runs.load(Ordering::Relaxed), 2, "each ran once");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_lets_finish_what_can_and_gives_the_rest_back_uncharged() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let client = client(&mut cluster, 0);
    let worker = Worker::builder(&client)
        .grace(Duration::from_millis(800))
        .handle("short", async |_| {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok(())
        })
        .handle("long", async |_| {
            std::future::pending::<()>().await;
            Ok(())
        });
    let worker = Running::start(worker);
    let short = client.enqueue(Task::new("short")).await.expect("stored").task_id;
    let long = client.enqueue(Task::new("long")).await.expect("stored").task_id;
    let waiting = client
        .enqueue(Task::new("long").queue("other"))
        .await
        .expect("stored")
        .task_id;
    until("both run", LIMIT, async || {
        let states = [client.result(&short).await, client.result(&long).await];
        states
            .iter()
            .all(|found| found.as_ref().expect("known").state == TaskState::Running)
            .then_some(())
    })
    .await;
    worker.stop().await;
    assert_eq!(client.result(&short).await.expect("known").state, TaskState::Succeeded);
    let task = client.task(&long).await.expect("known");
    assert_eq!(TaskState::from_proto(task.state), TaskState::Queued);
    assert_eq!(
        (task.failures, task.crashes, task.releases),
        (0, 0, 0),
        "nothing is charged"
    );
    assert_eq!(client.result(&waiting).await.expect("known").state, TaskState::Queued);

    // Dropping the worker is a shutdown without grace.
    let dropped = Worker::builder(&client).handle("long", async |_| {
        std::future::pending::<()>().await;
        Ok(())
    });
    let Running { stop, ended } = Running::start(dropped);
    until("it runs again", LIMIT, async || {
        (client.result(&long).await.expect("known").state == TaskState::Running).then_some(())
    })
    .await;
    ended.abort();
    until("it was given back", Duration::from_secs(1), async || {
        (client.result(&long).await.expect("known").state == TaskState::Queued).then_some(())
    })
    .await;
    drop(stop);
}

#[tokio::test]
async fn a_setup_that_cannot_work_is_refused_with_a_reason() {
    let client = Client::new("http://127.0.0.1:1").expect("a client");
    let none = Worker::builder(&client).build().expect_err("no handler");
    assert!(none.to_string().contains("at least one kind"), "{none}");
    let echo = async |task: Context| Ok(task.payload().clone());
    let twice = Worker::builder(&client).handle("a", echo).handle("a", echo).build();
    assert!(twice.expect_err("refused").to_string().contains("`a` has two handlers"));
    let many = Worker::builder(&client).handle("a", echo).concurrency(10_001).build();
    assert!(many.expect_err("refused").to_string().contains("between 1 and 10000"));

    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let real = support::client(&mut cluster, 0);
    let bad = Worker::builder(&real)
        .handle("a", echo)
        .queue("not a name")
        .build()
        .expect("not known here");
    let error = timeout(LIMIT, bad.run(std::future::pending()))
        .await
        .expect("at once")
        .expect_err("refused");
    assert!(
        error
            .violations()
            .iter()
            .any(|violation| violation.subject.contains("queues")),
        "{error}"
    );

    let nobody = Worker::builder(&client)
        .handle("a", echo)
        .connect_within(Duration::from_millis(300))
        .build();
    let error = timeout(LIMIT, nobody.expect("a worker").run(std::future::pending())).await;
    assert_eq!(
        error.expect("in time").expect_err("nobody").kind(),
        tidemill_client::ErrorKind::Unreachable
    );
}
