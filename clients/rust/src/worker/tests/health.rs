//! A worker that is connected but can no longer receive work must not look healthy.

use std::sync::mpsc::{Receiver, Sender, channel};

use tidemill_proto::v1::{CancelRequested, Drain, Settled};

use super::*;

/// Pings are an hour apart: nothing is silent.
const CALM: Duration = Duration::from_secs(3_600);
/// Three of these are the shortest silence there is, 1 s.
const HASTY: Duration = Duration::from_millis(100);

type Deaf = (WorkerBuilder, Sender<()>);

/// A handler that blocks its thread until it is let go: dropping its future ends nothing.
fn deaf(builder: WorkerBuilder) -> Deaf {
    let (go, gone) = channel();
    let gone: Arc<Mutex<Receiver<()>>> = Arc::new(Mutex::new(gone));
    let builder = builder.handle("work", move |_| {
        let gone = Arc::clone(&gone);
        async move {
            let _ = gone.lock().expect("lock").recv();
            Ok(())
        }
    });
    (builder, go)
}

fn idle(builder: WorkerBuilder) -> WorkerBuilder {
    builder.handle("work", async |_| Ok(()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn from_the_first_connection_to_the_end() {
    let mut role = Role::start().await;
    let worker = run(idle(role.worker()));
    worker.reaches(WorkerStatus::Connecting).await;
    let stream = role.registered(CALM).await;
    worker.reaches(WorkerStatus::Serving).await;
    // The server is away.
    stream.answers.send(Err(Status::unavailable("away"))).expect("sent");
    worker.reaches(WorkerStatus::Connecting).await;
    let stream = role.registered(CALM).await;
    worker.reaches(WorkerStatus::Serving).await;
    // The replica drains: nothing more is assigned over this stream.
    stream.say(Answer::Drain(Drain::default()));
    worker.reaches(WorkerStatus::Connecting).await;
    let mut stream = role.registered(CALM).await;
    worker.reaches(WorkerStatus::Serving).await;
    stream.assign("a");
    assert!(matches!(stream.next().await, Message::Complete(_)));
    worker.stop.send(()).expect("it runs");
    reaches(&worker.handle, WorkerStatus::Draining).await;
    assert_eq!(stream.credits().await, 0);
    stream.say(Answer::Settled(Settled {
        lease_token: "a".to_owned(),
        state: v1::TaskState::Succeeded as i32,
    }));
    drop(stream.answers);
    worker.ended.await.expect("no panic").expect("a clean end");
    assert_eq!(worker.handle.status(), WorkerStatus::Stopped);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_that_ended_in_disorder_has_failed() {
    let mut role = Role::start().await;
    let worker = run(idle(role.worker()));
    let stream = role.opened().await;
    let refused = crate::testing::info("INVALID_REQUEST", &[]);
    let refused = crate::testing::status(tonic::Code::InvalidArgument, "m", vec![refused]);
    stream.answers.send(Err(refused)).expect("sent");
    worker.ended.await.expect("no panic").expect_err("refused");
    assert_eq!(worker.handle.status(), WorkerStatus::Failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn places_kept_by_deaf_handlers_are_not_offered_any_more() {
    let mut role = Role::start().await;
    let (builder, go) = deaf(role.worker());
    let worker = run(builder);
    let mut stream = role.registered(CALM).await;
    stream.assign("a");
    until("it runs", || {
        worker.count(|event| matches!(event, WorkerEvent::Started { .. })) == 1
    })
    .await;
    // Busy is not stuck.
    assert!(worker.handle.is_healthy());
    stream.lose("a");
    worker.reaches(WorkerStatus::Stuck).await;
    assert_eq!(stream.credits().await, 0);
    // On its way before the server heard of it: given back, uncounted.
    stream.assign("b");
    let Message::Release(release) = stream.next().await else {
        panic!("not given back")
    };
    assert_eq!((release.lease_token.as_str(), release.draining), ("b", true));
    // A new stream is told as well.
    stream.answers.send(Err(Status::unavailable("away"))).expect("sent");
    let mut stream = role.opened().await;
    let Message::Register(register) = stream.next().await else {
        panic!("not registered")
    };
    assert_eq!(register.credits, 0);
    stream.say(Answer::Registered(Registered {
        ping_interval: Some(crate::proto_time::duration(CALM)),
        ..Registered::default()
    }));
    worker.reaches(WorkerStatus::Stuck).await;
    until("it is told", || {
        worker.count(|event| matches!(event, WorkerEvent::Stuck { handlers: 1 })) == 1
    })
    .await;
    go.send(()).expect("it waits");
    worker.reaches(WorkerStatus::Serving).await;
    assert_eq!(stream.credits().await, 1);
    assert_eq!(worker.count(|event| matches!(event, WorkerEvent::Stuck { .. })), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_place_is_withdrawn_before_its_lease_is_settled() {
    let mut role = Role::start().await;
    let (builder, go) = deaf(role.worker().concurrency(2).cancel_grace(Duration::ZERO));
    let worker = run(builder);
    let mut stream = role.registered(CALM).await;
    stream.assign("a");
    until("it runs", || {
        worker.count(|event| matches!(event, WorkerEvent::Started { .. })) == 1
    })
    .await;
    stream.say(Answer::CancelRequested(CancelRequested {
        lease_token: "a".to_owned(),
        ..CancelRequested::default()
    }));
    assert_eq!(stream.credits().await, 1);
    assert!(matches!(stream.next().await, Message::Release(release) if release.cancelled));
    // One place is left.
    worker.reaches(WorkerStatus::Serving).await;
    go.send(()).expect("it waits");
    assert_eq!(stream.credits().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_runtime_whose_threads_are_blocked_is_stuck() {
    let mut role = Role::start().await;
    let (builder, go) = deaf(role.worker().concurrency(8));
    let worker = builder.build().expect("a worker");
    let handle = worker.handle();
    let (_stop, stopped) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let _ = runtime.block_on(worker.run(async { drop(stopped.await) }));
    });
    let mut stream = role.registered(CALM).await;
    stream.assign("a");
    stream.assign("b");
    reaches(&handle, WorkerStatus::Stuck).await;
    go.send(()).expect("it waits");
    go.send(()).expect("it waits");
    assert!(matches!(stream.next().await, Message::Complete(_)));
    reaches(&handle, WorkerStatus::Serving).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_silent_stream_is_not_healthy() {
    let mut role = Role::start().await;
    let worker = run(idle(role.worker()));
    let _silent = role.registered(HASTY).await;
    worker.reaches(WorkerStatus::Serving).await;
    worker.reaches(WorkerStatus::Connecting).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_that_does_not_go_on_is_stuck() {
    let mut role = Role::start().await;
    let (go, gone) = channel::<()>();
    let gone = Mutex::new(gone);
    let worker = idle(role.worker()).on_event(move |event| {
        if matches!(event, WorkerEvent::Started { .. }) {
            let _ = gone.lock().expect("lock").recv();
        }
    });
    let worker = worker.build().expect("a worker");
    let handle = worker.handle();
    let (_stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(worker.run(async { drop(stopped.await) }));
    let stream = role.registered(HASTY).await;
    reaches(&handle, WorkerStatus::Serving).await;
    stream.assign("a");
    reaches(&handle, WorkerStatus::Stuck).await;
    go.send(()).expect("it waits");
    let _next = role.registered(CALM).await;
    reaches(&handle, WorkerStatus::Serving).await;
}
