//! One stream: registration, settles, its ends.

use std::time::Duration;

use tidemill_model::{id::Namespace, state::TaskState, wire};
use tidemill_proto::v1::{self, TaskState as State, work_request, work_response};
use tonic::Code;

use crate::common::*;

#[tokio::test]
async fn a_task_goes_to_a_handler_and_its_output_is_kept() {
    let fixture = Fixture::start().await;
    let id = fixture.task("in").await;
    let (mut handler, registered) = Handler::register(&mut fixture.client().await, register(1)).await;
    assert!(registered.adopted.is_empty());
    assert_eq!(registered.lease_ttl.unwrap().seconds, 2);
    let task = handler.task().await;
    assert_eq!(
        (task.task_id.as_str(), task.attempt, task.queue.as_str()),
        (id.to_string().as_str(), 1, "default")
    );
    assert_eq!(text_of(task.payload.as_ref()), "in");
    handler.complete(&task.lease_token, "out");
    let settled = handler.settled().await;
    assert_eq!(
        (settled.lease_token.as_str(), settled.state()),
        (task.lease_token.as_str(), State::Succeeded)
    );
    let record = fixture.record(id).await;
    assert_eq!(record.header.state, TaskState::Succeeded);
    assert_eq!(text_of(record.outcome().unwrap().output.as_ref()), "out");
    // Said again it is the same; said otherwise it is too late.
    handler.complete(&task.lease_token, "out");
    assert_eq!(handler.settled().await.state(), State::Succeeded);
    handler.release(&task.lease_token, false);
    assert!(matches!(handler.next().await, work_response::Message::LeaseLost(_)));
    assert_eq!(
        fixture.metric("tidemill_tasks_leased_total{queue=\"default\"}"),
        Some(1.0)
    );
    assert_eq!(fixture.metric("tidemill_work_streams"), Some(1.0));
    assert_eq!(fixture.metric("tidemill_worker_credits_free"), Some(1.0));
}

#[tokio::test]
async fn the_first_message_is_the_registration_and_only_there() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client().await;
    let mut early = Handler::open(&mut client, work_request::Message::Echo(v1::Echo::default())).await;
    let error = early.outcome().await.unwrap_err();
    assert_eq!(
        (error.code(), reason(&error).0.as_str()),
        (Code::FailedPrecondition, "PROTOCOL_VIOLATION")
    );
    let mut wrong = Handler::open(&mut client, work_request::Message::Register(v1::Register::default())).await;
    let error = wrong.outcome().await.unwrap_err();
    assert_eq!(
        (error.code(), reason(&error).0.as_str()),
        (Code::InvalidArgument, "INVALID_REQUEST")
    );
    let (mut twice, _) = Handler::register(&mut client, register(1)).await;
    twice.send(work_request::Message::Register(register(1)));
    let error = twice.outcome().await.unwrap_err();
    assert_eq!(reason(&error).0, "PROTOCOL_VIOLATION");
}

/// What a frozen process is given would be charged with a crash.
#[tokio::test]
async fn a_stream_that_answers_no_ping_gets_no_tasks_until_it_does() {
    let config = tidemill_worker::Config {
        ping_interval: tidemill_kit::config::HumanDuration::from_secs(1),
        ..config()
    };
    let fixture = Fixture::with(config, rules()).await;
    let (mut handler, _) = Handler::register(&mut fixture.client().await, register(1)).await;
    assert_eq!((handler.ping().await, handler.ping().await), (1, 2));
    fixture.task("in").await;
    handler.is_quiet(Duration::from_millis(500)).await;
    handler.send(work_request::Message::Echo(v1::Echo { number: 2 }));
    // Not by the poll, which comes later.
    let task = tokio::time::timeout(LIMIT, handler.task()).await.expect("at once");
    assert_eq!(text_of(task.payload.as_ref()), "in");
}

#[tokio::test]
async fn a_silent_stream_is_ended_with_a_reason_of_its_own() {
    let config = tidemill_worker::Config {
        ping_interval: tidemill_kit::config::HumanDuration(Duration::from_millis(100)),
        ..config()
    };
    let fixture = Fixture::with(config, rules()).await;
    let (mut handler, _) = Handler::register(&mut fixture.client().await, register(1)).await;
    handler.echoes = false;
    let error = handler.outcome().await.unwrap_err();
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Unavailable, ("STREAM_SILENT".into(), "not_applied".into()))
    );
}

#[tokio::test]
async fn a_refusal_names_the_kind_of_message() {
    let fixture = Fixture::start().await;
    let (mut handler, _) = Handler::register(&mut fixture.client().await, register(1)).await;
    let fail = v1::FailTaskRequest {
        lease_token: "nonsense".into(),
        ..Default::default()
    };
    handler.progress("nonsense", 0.5);
    handler.complete("nonsense", "");
    handler.send(work_request::Message::Fail(fail));
    handler.release("nonsense", false);
    for kind in [
        v1::MessageKind::Progress,
        v1::MessageKind::Complete,
        v1::MessageKind::Fail,
        v1::MessageKind::Release,
    ] {
        match handler.next().await {
            work_response::Message::Refused(refused) => assert_eq!(refused.kind(), kind),
            other => panic!("not refused: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_malformed_message_about_a_task_is_refused_and_the_stream_goes_on() {
    let fixture = Fixture::start().await;
    let (mut handler, _) = Handler::register(&mut fixture.client().await, register(1)).await;
    handler.complete("nonsense", "");
    let work_response::Message::Refused(refused) = handler.next().await else {
        panic!("not refused")
    };
    assert_eq!(
        (refused.reason.as_str(), refused.outcome_unknown),
        ("INVALID_REQUEST", false)
    );
    assert_eq!(refused.lease_token, "nonsense");
    fixture.task("in").await;
    handler.task().await;
}

#[tokio::test]
async fn a_failure_is_retried_and_a_permanent_one_is_not() {
    let fixture = Fixture::start().await;
    let id = fixture.task("in").await;
    let (mut handler, _) = Handler::register(&mut fixture.client().await, register(1)).await;
    let fail = |task: &v1::Assignment, permanent| {
        work_request::Message::Fail(v1::FailTaskRequest {
            lease_token: task.lease_token.clone(),
            message: "no".into(),
            permanent,
            retry_after: Some(wire::duration(0)),
            ..Default::default()
        })
    };
    let task = handler.task().await;
    handler.send(fail(&task, false));
    assert_eq!(handler.settled().await.state(), State::Scheduled);
    fixture.tick().await;
    let task = handler.task().await;
    assert_eq!(
        (task.attempt, task.last_error.as_ref().unwrap().message.as_str()),
        (2, "no")
    );
    handler.send(fail(&task, true));
    assert_eq!(handler.settled().await.state(), State::Failed);
    assert_eq!(fixture.record(id).await.header.failures, 2);
}

#[tokio::test]
async fn the_delay_after_a_failure_is_the_policys() {
    let fixture = Fixture::start().await;
    let policy = v1::RetryPolicy {
        initial_backoff: Some(wire::duration(3_600_000)),
        max_backoff: Some(wire::duration(3_600_000)),
        ..Default::default()
    };
    let request = v1::EnqueueRequest {
        retry_policy: Some(policy),
        ..request("work", "in")
    };
    let (stays, by_unary) = (fixture.enqueue(request.clone()).await, fixture.enqueue(request).await);
    let mut client = fixture.client().await;
    let (mut handler, _) = Handler::register(&mut client, register(2)).await;
    let tasks = handler.tasks(2).await;
    let fail = |token: &str| v1::FailTaskRequest {
        lease_token: token.into(),
        ..Default::default()
    };
    handler.send(work_request::Message::Fail(fail(&tasks[0].lease_token)));
    assert_eq!(handler.settled().await.state(), State::Scheduled);
    let answer = client
        .fail_task(fail(&tasks[1].lease_token))
        .await
        .unwrap()
        .into_inner();
    assert!(answer.due_time.is_some());
    for id in [stays, by_unary] {
        // Full jitter below one hour: ten milliseconds or less are a chance of one in 360,000.
        let record = fixture.record(id).await;
        let delay = record.header.deadline_ms - record.events.last().unwrap().time_ms;
        assert!((11..=3_600_000).contains(&delay), "{delay}");
    }
}

#[tokio::test]
async fn a_half_close_gives_back_what_is_left() {
    let fixture = Fixture::start().await;
    let ids = [fixture.task("a").await, fixture.task("b").await];
    let (mut handler, _) = Handler::register(&mut fixture.client().await, register(2)).await;
    let tasks = handler.tasks(2).await;
    // The settle was sent before the end, so it counts.
    handler.complete(&tasks[0].lease_token, "out");
    handler.half_close();
    assert_eq!(handler.settled().await.state(), State::Succeeded);
    assert_eq!(handler.outcome().await.unwrap(), None);
    fixture.reaches(ids[0], TaskState::Succeeded).await;
    let record = fixture.reaches(ids[1], TaskState::Queued).await;
    assert_eq!(
        (record.header.releases, record.header.failures, record.header.crashes),
        (0, 0, 0)
    );
    assert_eq!(fixture.metric("tidemill_worker_credits_free"), Some(0.0));
}

#[tokio::test]
async fn a_broken_stream_gives_nothing_back_and_its_leases_are_adopted() {
    let fixture = Fixture::start().await;
    let id = fixture.task("in").await;
    let mut client = fixture.client().await;
    let (mut handler, _) = Handler::register(&mut client, register(1)).await;
    let task = handler.task().await;
    let _open = handler.break_off();
    while fixture.metric("tidemill_work_streams") != Some(0.0) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(fixture.record(id).await.header.state, TaskState::Running);
    // At another replica, with a second lease that is lost.
    let (mut other, _service, _context) = fixture.replica(config()).await;
    let mut lost: tidemill_model::id::LeaseToken = task.lease_token.parse().unwrap();
    lost.nonce = [7; 16];
    let held = vec![task.lease_token.clone(), lost.to_string()];
    let (mut handler, registered) = Handler::register(&mut other, v1::Register { held, ..register(1) }).await;
    assert_eq!(registered.adopted, std::slice::from_ref(&task.lease_token));
    let work_response::Message::LeaseLost(message) = handler.next().await else {
        panic!("not lost")
    };
    assert_eq!(message.lease_token, lost.to_string());
    // It counts against the credits.
    fixture.task("next").await;
    handler.is_quiet(Duration::from_millis(300)).await;
    handler.complete(&task.lease_token, "out");
    assert_eq!(handler.settled().await.state(), State::Succeeded);
    assert_eq!(text_of(handler.task().await.payload.as_ref()), "next");
}

#[tokio::test]
async fn echoes_keep_leases_alive_and_silence_does_not() {
    let fixture = Fixture::start().await;
    let id = fixture.task("in").await;
    let (mut handler, _) = Handler::register(&mut fixture.client().await, register(1)).await;
    let task = handler.task().await;
    let first = fixture.record(id).await.header.deadline_ms;
    handler.is_quiet(Duration::from_millis(2_500)).await;
    assert!(fixture.record(id).await.header.deadline_ms > first);
    fixture.tick().await;
    assert_eq!(fixture.record(id).await.header.crashes, 0);
    handler.echoes = false;
    tokio::select! {
        _ = handler.outcome() => {}
        () = tokio::time::sleep(Duration::from_millis(2_600)) => {}
    }
    fixture.tick().await;
    assert_eq!(fixture.record(id).await.header.crashes, 1, "{}", task.task_id);
}

#[tokio::test]
async fn a_cancel_request_reaches_the_handler_at_once_with_its_reason() {
    let config = tidemill_worker::Config {
        // No heartbeat may be what tells.
        ping_interval: tidemill_kit::config::HumanDuration::from_secs(600),
        ..config()
    };
    let fixture = Fixture::with(config, rules()).await;
    let id = fixture.task("in").await;
    let (mut handler, _) = Handler::register(&mut fixture.client().await, register(1)).await;
    let task = handler.task().await;
    // The reader of hints starts at the newest one: let it have started.
    tokio::time::sleep(Duration::from_millis(300)).await;
    fixture
        .store
        .cancel(Namespace::default(), id, wire::outcome_cancel("enough"))
        .await
        .unwrap();
    let work_response::Message::CancelRequested(cancel) = handler.next().await else {
        panic!("no cancel")
    };
    assert_eq!(
        (cancel.cause(), cancel.reason.as_str()),
        (v1::CancelCause::Client, "enough")
    );
    handler.release(&task.lease_token, true);
    assert_eq!(handler.settled().await.state(), State::Cancelled);
}

#[tokio::test]
async fn progress_is_merged_and_the_latest_is_stored_before_the_settle() {
    let fixture = Fixture::start().await;
    let id = fixture.task("in").await;
    let (mut handler, _) = Handler::register(&mut fixture.client().await, register(1)).await;
    let task = handler.task().await;
    for step in 1..=100 {
        handler.progress(&task.lease_token, f64::from(step) / 100.0);
    }
    let chunk = |number: u32| {
        let report = v1::report_progress_request::Report::OutputChunk(text(&number.to_string()));
        let report = v1::ReportProgressRequest {
            lease_token: task.lease_token.clone(),
            report: Some(report),
        };
        work_request::Message::Progress(report)
    };
    (0..50).for_each(|number| handler.send(chunk(number)));
    handler.complete(&task.lease_token, "out");
    assert_eq!(handler.settled().await.state(), State::Succeeded);
    let request = tidemill_store::ReadRequest {
        namespace: Namespace::default(),
        id,
        with_body: false,
        after: Some(0),
        most_entries: 1_000,
    };
    let entries = fixture.store.read(request).await.unwrap().unwrap().entries;
    let mut chunks = Vec::new();
    let mut progress = Vec::new();
    for entry in entries {
        match entry.to_event().unwrap().event.unwrap() {
            v1::task_event::Event::OutputChunk(chunk) => chunks.push(text_of(chunk.payload.as_ref()).to_owned()),
            v1::task_event::Event::Progress(one) => progress.push(one.fraction),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(chunks, (0..50).map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(progress.len() < 10, "{progress:?}");
    assert_eq!((progress.first(), progress.last()), (Some(&0.01), Some(&1.0)));
}

#[tokio::test]
async fn a_settle_outlasts_a_restart_of_the_store() {
    let mut fixture = Fixture::start().await;
    let id = fixture.task("in").await;
    let (mut handler, _) = Handler::register(&mut fixture.client().await, register(1)).await;
    let task = handler.task().await;
    fixture.server.kill();
    handler.complete(&task.lease_token, "out");
    tokio::time::sleep(Duration::from_millis(300)).await;
    fixture.server.resume();
    assert_eq!(handler.settled().await.state(), State::Succeeded);
    fixture.reaches(id, TaskState::Succeeded).await;
}
