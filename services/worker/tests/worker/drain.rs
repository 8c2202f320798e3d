//! The end of the role.

use std::time::{Duration, Instant};

use tidemill_kit::config::HumanDuration;
use tidemill_model::state::TaskState;
use tidemill_proto::v1::{self, TaskState as State, work_response};
use tonic::Code;

use crate::common::*;

#[tokio::test]
async fn a_draining_role_sends_everybody_away_and_lets_them_settle() {
    let fixture = Fixture::start().await;
    let ids = [fixture.task("a").await, fixture.task("b").await];
    let mut client = fixture.client().await;
    let (mut handler, _) = Handler::register(&mut client, register(2)).await;
    let tasks = handler.tasks(2).await;
    let service = fixture.service.clone();
    let (done, drained) = tokio::sync::oneshot::channel();
    fixture.context.supervisor.spawn_detached("test drain", async move {
        service.drain().await;
        let _ = done.send(());
    });
    let work_response::Message::Drain(drain) = handler.next().await else {
        panic!("no drain")
    };
    assert_eq!(drain.grace.unwrap().seconds, 1);
    // Neither new streams nor leases, but settles of every kind.
    let refused = client
        .lease_tasks(v1::LeaseTasksRequest {
            kinds: vec!["work".into()],
            ..Default::default()
        })
        .await;
    let error = refused.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(reason(&error), ("DRAINING".into(), "not_applied".into()));
    let refused = client.work(tokio_stream::pending::<v1::WorkRequest>()).await;
    assert_eq!(reason(&refused.unwrap_err()).0, "DRAINING");
    handler.complete(&tasks[0].lease_token, "");
    assert_eq!(handler.settled().await.state(), State::Succeeded);
    // The grace ends; what is held stays held: the client goes on elsewhere.
    let error = handler.outcome().await.unwrap_err();
    assert_eq!(reason(&error).0, "DRAINING");
    tokio::time::timeout(LIMIT, drained).await.unwrap().unwrap();
    assert_eq!(fixture.record(ids[1]).await.header.state, TaskState::Running);
    let complete = v1::CompleteTaskRequest {
        lease_token: tasks[1].lease_token.clone(),
        output: None,
    };
    assert_eq!(
        client.complete_task(complete).await.unwrap().into_inner().state(),
        State::Succeeded
    );
    assert!(
        fixture
            .context
            .supervisor
            .shutdown(Duration::from_secs(5))
            .await
            .is_clean()
    );
}

#[tokio::test]
async fn a_long_poll_ends_with_the_shutdown() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client().await;
    let call = v1::LeaseTasksRequest {
        kinds: vec!["work".into()],
        wait: Some(tidemill_model::wire::duration(60_000)),
        ..Default::default()
    };
    let begun = Instant::now();
    let shutdown = fixture.context.shutdown.clone();
    let (answer, ()) = tokio::join!(client.lease_tasks(call), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        shutdown.begin();
    });
    assert!(answer.unwrap().into_inner().assignments.is_empty());
    assert!(begun.elapsed() < LIMIT);
}

#[tokio::test]
async fn built_in_tasks_finish_within_the_grace_or_go_back() {
    let config = tidemill_worker::Config {
        builtin_kinds: vec!["sleep".into()],
        drain_grace: HumanDuration::from_secs(2),
        ..config()
    };
    let fixture = Fixture::with(config, rules()).await;
    let short = fixture.enqueue(request("sleep", "0.8")).await;
    let long = fixture.enqueue(request("sleep", "60")).await;
    fixture.reaches(short, TaskState::Running).await;
    fixture.reaches(long, TaskState::Running).await;
    tokio::time::timeout(LIMIT, fixture.service.drain()).await.unwrap();
    fixture.reaches(short, TaskState::Succeeded).await;
    let record = fixture.reaches(long, TaskState::Queued).await;
    assert_eq!((record.header.releases, record.header.crashes), (0, 0));
}

/// The client does not have to leave by itself: with nothing held there is nothing to wait for, however long the grace.
#[tokio::test]
async fn a_stream_that_holds_nothing_is_closed_at_once() {
    let long = tidemill_worker::Config {
        drain_grace: HumanDuration::from_secs(3_600),
        ..config()
    };
    let fixture = Fixture::with(long, rules()).await;
    fixture.task("a").await;
    let mut client = fixture.client().await;
    let (mut handler, _) = Handler::register(&mut client, register(1)).await;
    let tasks = handler.tasks(1).await;
    let service = fixture.service.clone();
    let (done, drained) = tokio::sync::oneshot::channel();
    fixture.context.supervisor.spawn_detached("test drain", async move {
        service.drain().await;
        let _ = done.send(());
    });
    let work_response::Message::Drain(_) = handler.next().await else {
        panic!("no drain")
    };
    handler.complete(&tasks[0].lease_token, "");
    assert_eq!(handler.settled().await.state(), State::Succeeded);
    let error = tokio::time::timeout(LIMIT, handler.outcome())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(reason(&error).0, "DRAINING");
    tokio::time::timeout(LIMIT, drained).await.unwrap().unwrap();
}
