//! The handlers that every runner has.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tidemill_client::{CancelCause, Context, Failure, Payload, Task, WorkerBuilder};

use crate::{Shared, wrong::wrong};

/// All of them.
pub(crate) const KINDS: [&str; 16] = [
    "conf.echo",
    "conf.fail",
    "conf.permanent",
    "conf.retry_after",
    "conf.flaky",
    "conf.throw",
    "conf.facts",
    "conf.report",
    "conf.wait_cancel",
    "conf.ignore_cancel",
    "conf.deaf",
    "conf.hold",
    "conf.block",
    "conf.stubborn",
    "conf.bad_output",
    "conf.enqueue",
];

const LATER: Duration = Duration::from_millis(600);
/// More than any server takes.
const TOO_LARGE: usize = 5 * 1024 * 1024;

type Ended = Result<Payload, Failure>;

/// Adds the handler of a kind.
pub(crate) fn add(builder: WorkerBuilder, kind: &str, shared: &Arc<Shared>) -> WorkerBuilder {
    let shared = Arc::clone(shared);
    match kind {
        "conf.echo" => builder.handle(kind, async |task: Context| Ok(task.payload().clone())),
        "conf.fail" => builder.handle(kind, fail),
        "conf.permanent" => builder.handle(kind, permanent),
        "conf.retry_after" => builder.handle(kind, retry_after),
        "conf.flaky" => builder.handle(kind, flaky),
        "conf.throw" => builder.handle(kind, throw),
        "conf.facts" => builder.handle(kind, facts),
        "conf.report" => builder.handle(kind, report),
        "conf.wait_cancel" => builder.handle(kind, wait_cancel),
        "conf.ignore_cancel" => builder.handle(kind, ignore_cancel),
        "conf.deaf" => builder.handle(kind, async |_| -> Ended { std::future::pending().await }),
        "conf.hold" => builder.handle(kind, move |task: Context| hold(Arc::clone(&shared), task)),
        "conf.block" => builder.handle(kind, |task| block(task, "blocked")),
        // A future that yields can be ended: only a thread that does not cannot.
        "conf.stubborn" => builder.handle(kind, |task| block(task, "stubborn")),
        "conf.bad_output" => builder.handle(kind, bad_output),
        "conf.enqueue" => builder.handle(kind, move |_| enqueue(Arc::clone(&shared))),
        // Not one of the suite's: a case that names it goes wrong, and says so.
        other => builder.handle(other, async |_| -> Ended { Err(Failure::permanent("no such handler")) }),
    }
}

fn input(task: &Context) -> &str {
    task.payload().as_text().unwrap_or_default()
}

async fn fail(task: Context) -> Ended {
    if wrong("fail-is-fine") {
        return Ok(Payload::empty());
    }
    Err(Failure::new(input(&task)).of_type(if wrong("nameless") { "" } else { "Conf" }))
}

async fn permanent(task: Context) -> Ended {
    if wrong("permanent-is-not") {
        return Err(Failure::new(input(&task)));
    }
    Err(Failure::permanent(input(&task)))
}

async fn retry_after(task: Context) -> Ended {
    if task.attempt() > 1 {
        return Ok("later".into());
    }
    let failure = Failure::new("not yet");
    Err(if wrong("ignore-retry-after") {
        failure
    } else {
        failure.retry_after(LATER)
    })
}

async fn flaky(task: Context) -> Ended {
    if task.attempt() == 1 {
        return Err(Failure::new("too early").of_type("TooEarly"));
    }
    let last = task.last_error().filter(|_| !wrong("no-last-error"));
    Ok(last
        .map(|error| error.type_name().to_owned())
        .unwrap_or_default()
        .into())
}

async fn throw(_: Context) -> Ended {
    if wrong("throw-is-fine") {
        return Ok(Payload::empty());
    }
    panic!("boom");
}

async fn facts(task: Context) -> Ended {
    let trace = task.trace_context().unwrap_or_default();
    let facts = json!({
        "task_id": task.task_id(),
        "queue": task.queue(),
        "kind": task.kind(),
        "attempt": task.attempt(),
        "max_attempts": task.max_attempts(),
        "fence": if wrong("no-fence") { 0 } else { task.fence() },
        "labels": task.labels(),
        "traceparent": trace.traceparent,
        "content_type": task.payload().content_type(),
    });
    Ok(Payload::json(&facts)?)
}

async fn report(task: Context) -> Ended {
    let input: Value = task.payload().to_json()?;
    let chunks = input["chunks"].as_u64().unwrap_or_default();
    if !wrong("no-progress") {
        task.progress(0.5, "half");
    }
    for number in 0..chunks {
        let number = if wrong("chunks-reversed") {
            chunks - 1 - number
        } else {
            number
        };
        task.chunk(format!("piece {number}")).await?;
    }
    Ok("done".into())
}

async fn wait_cancel(task: Context) -> Ended {
    let request = task.cancelled().await;
    if wrong("release-on-timeout") && request.cause == CancelCause::AttemptTimeout {
        return Err(Failure::release());
    }
    if wrong("disagrees") {
        return Ok("no".into());
    }
    Err(Failure::cancelled())
}

async fn ignore_cancel(task: Context) -> Ended {
    task.cancelled().await;
    if wrong("agrees") {
        return Err(Failure::cancelled());
    }
    Ok("anyway".into())
}

async fn hold(shared: Arc<Shared>, task: Context) -> Ended {
    if !wrong("never-holds") {
        shared.hold(task.task_id()).notified().await;
    }
    Ok("kept".into())
}

async fn block(task: Context, output: &'static str) -> Ended {
    let input: Value = task.payload().to_json()?;
    // Not a sleep of the runtime: the thread is not given back.
    std::thread::sleep(Duration::from_millis(input["ms"].as_u64().unwrap_or_default()));
    Ok(output.into())
}

/// Rust's types rule out what cannot be serialised.
async fn bad_output(_: Context) -> Ended {
    if wrong("bad-output-is-tried-again") {
        return Err(Failure::new("cannot be serialised"));
    }
    Ok(vec![0; TOO_LARGE].into())
}

async fn enqueue(shared: Arc<Shared>) -> Ended {
    let client = shared.client().map_err(|_| Failure::permanent("no client"))?;
    let task = Task::new("conf.nobody");
    let enqueued = match wrong("lose-trace") {
        // Outside of the handler's task, which carries the trace.
        true => tokio::spawn(async move { client.enqueue(task).await }).await?,
        false => client.enqueue(task).await,
    };
    Ok(enqueued?.task_id.into())
}
