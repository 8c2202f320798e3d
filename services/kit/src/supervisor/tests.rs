use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::oneshot;

use super::*;

const GRACE: Duration = Duration::from_secs(5);
const LOG_WAIT: TaskPolicy = TaskPolicy {
    on_error: OnError::Log,
    on_stop: OnStop::Wait,
};
const LOG_ABORT: TaskPolicy = TaskPolicy {
    on_error: OnError::Log,
    on_stop: OnStop::Abort,
};
const VITAL: TaskPolicy = TaskPolicy {
    on_error: OnError::Shutdown,
    on_stop: OnStop::Wait,
};

fn supervisor() -> (Supervisor, Metrics) {
    let metrics = Metrics::new();
    (Supervisor::new(Shutdown::new(), &metrics), metrics)
}

/// Says when it is dropped.
struct OnDrop(Option<oneshot::Sender<()>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        let _ = self.0.take().unwrap().send(());
    }
}

fn on_drop() -> (OnDrop, oneshot::Receiver<()>) {
    let (sender, receiver) = oneshot::channel();
    (OnDrop(Some(sender)), receiver)
}

#[tokio::test]
async fn a_clean_shutdown_waits_then_aborts() {
    let (supervisor, _) = supervisor();
    let (dropped, mut aborted) = on_drop();
    supervisor.spawn(LOG_ABORT, "loop", async move {
        let _dropped = dropped;
        pending::<()>().await;
    });
    let (done, finished) = oneshot::channel();
    let shutdown = supervisor.shutdown_token().clone();
    supervisor.spawn(LOG_WAIT, "worker", async move {
        shutdown.requested().await;
        tokio::task::yield_now().await;
        // What waits may still need what is aborted later.
        done.send(aborted.try_recv().is_err()).unwrap();
    });
    let report = supervisor.shutdown(GRACE).await;
    assert!(finished.await.unwrap());
    assert_eq!(report, ShutdownReport::default());
    assert!(report.is_clean());
}

#[tokio::test]
async fn a_panic_is_counted_and_ends_only_its_future() {
    let (supervisor, metrics) = supervisor();
    let (dropped, gone) = on_drop();
    supervisor.spawn(LOG_WAIT, "clumsy", async move {
        let _dropped = dropped;
        if supervisor_test_flag() {
            panic!("oops");
        }
    });
    gone.await.unwrap();
    let report = supervisor.shutdown(GRACE).await;
    assert_eq!((report.panics, report.failure), (1, None));
    assert!(
        metrics
            .encode()
            .contains("tidemill_supervisor_panics_total{name=\"clumsy\"} 1\n"),
        "{}",
        metrics.encode()
    );
}

/// Keeps the compiler from seeing that what follows is unreachable.
fn supervisor_test_flag() -> bool {
    std::hint::black_box(true)
}

#[tokio::test]
async fn a_vital_failure_begins_the_shutdown_and_the_first_one_is_reported() {
    let (supervisor, _) = supervisor();
    supervisor.spawn(VITAL, "server", async { Err::<(), _>("port lost") });
    supervisor.shutdown_token().requested().await;
    let shutdown = supervisor.shutdown_token().clone();
    supervisor.spawn(VITAL, "later", async move {
        shutdown.requested().await;
        Err::<(), _>("consequence")
    });
    let report = supervisor.shutdown(GRACE).await;
    assert_eq!(report.failure.as_deref(), Some("server: port lost"));
    assert!(!report.is_clean());
}

#[tokio::test]
async fn a_vital_panic_begins_the_shutdown() {
    let (supervisor, _) = supervisor();
    supervisor.spawn(VITAL, "server", async {
        assert!(!supervisor_test_flag(), "oops");
    });
    supervisor.shutdown_token().requested().await;
    assert_eq!(
        supervisor.shutdown(GRACE).await.failure.as_deref(),
        Some("server: panic: oops")
    );
}

#[tokio::test]
async fn an_error_that_is_only_logged_shuts_nothing_down() {
    let (supervisor, _) = supervisor();
    let (dropped, gone) = on_drop();
    supervisor.spawn(LOG_WAIT, "flaky", async move {
        let _dropped = dropped;
        Err::<(), _>("lost one")
    });
    gone.await.unwrap();
    assert!(!supervisor.shutdown_token().is_requested());
    assert!(supervisor.shutdown(GRACE).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn the_hard_timeout_names_what_is_left_and_does_not_cancel_it() {
    let (supervisor, _) = supervisor();
    let (release, released) = oneshot::channel::<()>();
    let (done, finished) = oneshot::channel();
    supervisor.spawn_detached("batch", async move {
        released.await.unwrap();
        done.send(()).unwrap();
    });
    supervisor.spawn(LOG_WAIT, "stuck", pending::<()>());
    supervisor.spawn(LOG_WAIT, "stuck", pending::<()>());
    let report = supervisor.shutdown(GRACE).await;
    assert_eq!(report.left, ["batch", "stuck"]);
    release.send(()).unwrap();
    finished.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn failures_restart_until_it_ends_well() {
    let (supervisor, _) = supervisor();
    let runs = Arc::new(AtomicUsize::new(0));
    let (dropped, gone) = on_drop();
    let count = Arc::clone(&runs);
    supervisor.spawn_restarting(OnStop::Wait, "reader", move || {
        let _keep = &dropped;
        let run = count.fetch_add(1, Ordering::Relaxed);
        async move {
            match run {
                0 => Err("first"),
                1 => panic!("second"),
                _ => Ok(()),
            }
        }
    });
    gone.await.unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 3);
    assert_eq!(supervisor.panics(), 1);
}

#[tokio::test(start_paused = true)]
async fn restarting_ends_with_the_shutdown() {
    let (supervisor, _) = supervisor();
    supervisor.spawn_restarting(OnStop::Wait, "reader", || async { Err::<(), _>("always") });
    assert!(supervisor.shutdown(GRACE).await.is_clean());
}

#[tokio::test]
async fn what_is_spawned_after_the_end_is_aborted_too() {
    let (supervisor, _) = supervisor();
    assert!(supervisor.shutdown(GRACE).await.is_clean());
    let (dropped, gone) = on_drop();
    supervisor.spawn(LOG_ABORT, "late", async move {
        let _dropped = dropped;
        pending::<()>().await;
    });
    gone.await.unwrap();
}
