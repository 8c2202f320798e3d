//! Who gets what, and when.

use std::{collections::HashSet, time::Duration};

use tidemill_proto::v1::{self, work_request};

use crate::common::*;

#[tokio::test]
async fn a_waiting_stream_is_woken_by_the_bell() {
    let fixture = Fixture::start().await;
    let (mut handler, _) = Handler::register(&mut fixture.client().await, register(10)).await;
    handler.is_quiet(Duration::from_millis(200)).await;
    for number in 0..20 {
        // Polling comes after a minute; whoever gets these in time was woken.
        let id = fixture.task(&number.to_string()).await;
        let task = handler.task().await;
        assert_eq!(task.task_id, id.to_string());
        handler.complete(&task.lease_token, "");
        handler.settled().await;
    }
}

#[tokio::test]
async fn never_more_than_the_credits_and_a_freed_one_is_used_at_once() {
    let fixture = Fixture::start().await;
    for number in 0..10 {
        fixture.task(&number.to_string()).await;
    }
    let (mut handler, _) = Handler::register(&mut fixture.client().await, register(3)).await;
    let tasks = handler.tasks(3).await;
    handler.is_quiet(Duration::from_millis(200)).await;
    handler.complete(&tasks[0].lease_token, "");
    handler.settled().await;
    assert_eq!(text_of(handler.task().await.payload.as_ref()), "3");
    handler.send(work_request::Message::Credits(v1::Credits { credits: 5 }));
    handler.tasks(2).await;
    handler.send(work_request::Message::Credits(v1::Credits { credits: 0 }));
    handler.complete(&tasks[1].lease_token, "");
    handler.settled().await;
    handler.is_quiet(Duration::from_millis(200)).await;
}

#[tokio::test]
async fn streams_of_one_subscription_share_evenly() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client().await;
    let (mut one, _) = Handler::register(&mut client, register(0)).await;
    let (mut two, _) = Handler::register(&mut client, register(0)).await;
    for number in 0..40 {
        fixture.task(&number.to_string()).await;
    }
    one.send(work_request::Message::Credits(v1::Credits { credits: 20 }));
    two.send(work_request::Message::Credits(v1::Credits { credits: 20 }));
    let (first, second) = (one.tasks(20).await, two.tasks(20).await);
    let ids: HashSet<_> = first.iter().chain(&second).map(|task| task.task_id.clone()).collect();
    assert_eq!(ids.len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_over_many_queues_and_streams_are_each_done_once() {
    let fixture = Fixture::start().await;
    let (client, other) = (fixture.client().await, fixture.replica(config()).await);
    let mut wanted = HashSet::new();
    for number in 0..300 {
        let queue = format!("q{}", number % 5);
        wanted.insert(
            fixture
                .enqueue(v1::EnqueueRequest {
                    queue,
                    ..request("work", "in")
                })
                .await
                .to_string(),
        );
    }
    let mut handlers = Vec::new();
    for number in 0..6 {
        let queues = (0..5).map(|queue| format!("q{}", (queue + number) % 5)).collect();
        let client = if number % 2 == 0 { &client } else { &other.0 };
        let (handler, _) = Handler::register(&mut client.clone(), v1::Register { queues, ..register(7) }).await;
        handlers.push(handler);
    }
    let (done, mut count) = tokio::sync::mpsc::unbounded_channel();
    for mut handler in handlers {
        let done = done.clone();
        fixture.context.supervisor.spawn_detached("test handler", async move {
            use tidemill_proto::v1::work_response::Message;
            while let Ok(Some(message)) = handler.outcome().await {
                match message {
                    Message::Assignments(assignments) => {
                        assignments
                            .assignments
                            .iter()
                            .for_each(|task| handler.complete(&task.lease_token, ""));
                        assignments
                            .assignments
                            .into_iter()
                            .for_each(|task| drop(done.send(task.task_id)));
                    }
                    Message::Settled(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        });
    }
    for _ in 0..300 {
        let id = tokio::time::timeout(LIMIT, count.recv()).await.unwrap().unwrap();
        assert!(wanted.remove(&id), "{id} was handed out twice");
    }
}

#[tokio::test]
async fn a_bell_that_nobody_here_can_answer_is_passed_on() {
    let fixture = Fixture::start().await;
    let (mut first, _) = Handler::register(&mut fixture.client().await, register(1)).await;
    // It waits for the bell, and then takes no more tasks without being looked at again.
    fixture.blocked("blpop", 1).await;
    first.send(work_request::Message::Credits(v1::Credits { credits: 0 }));
    let (mut client, _service, _context) = fixture.replica(config()).await;
    let (mut second, _) = Handler::register(&mut client, register(1)).await;
    fixture.blocked("blpop", 2).await;
    let id = fixture.task("in").await;
    assert_eq!(second.task().await.task_id, id.to_string());
    first.is_quiet(Duration::from_millis(100)).await;
}

#[tokio::test]
async fn an_idle_role_asks_nothing() {
    // A stream whose pings nobody answers would get no tasks: then it is no wonder that nothing is asked.
    let config = tidemill_worker::Config {
        ping_interval: tidemill_kit::config::HumanDuration::from_secs(600),
        ..config()
    };
    let fixture = Fixture::with(config, rules()).await;
    let mut client = fixture.client().await;
    let (handler, _) = Handler::register(&mut client, register(1)).await;
    fixture.blocked("blpop", 1).await;
    // A stream without credits waits for nothing; without streams nobody does.
    drop(handler);
    fixture.blocked("blpop", 0).await;
    falls_silent(&fixture).await;
    let (_handler, _) = Handler::register(&mut client, register(1)).await;
    fixture.blocked("blpop", 1).await;
    falls_silent(&fixture).await;
}

/// A whole second passes in which the store is asked nothing. What the change before it set off, e.g. the bell that is passed on, may still
/// be under way when this begins.
async fn falls_silent(fixture: &Fixture) {
    let asked = |text: &str| {
        let of = |command: &str| text.lines().any(|line| line.starts_with(command));
        of("cmdstat_evalsha:") || of("cmdstat_blpop:")
    };
    let silent = async {
        loop {
            fixture.ask("CONFIG RESETSTAT");
            tokio::time::sleep(Duration::from_secs(1)).await;
            if !asked(&fixture.ask("INFO commandstats")) {
                return;
            }
        }
    };
    tokio::time::timeout(LIMIT, silent).await.expect("a silent second");
}
