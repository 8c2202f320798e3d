//! WatchResults: many tasks over one stream.

use std::collections::{HashMap, HashSet};

use tidemill_model::id::TaskId;
use tidemill_proto::{
    google::rpc,
    v1::{TaskEvent, WatchResultsRequest, WatchResultsResponse, WatchTarget, watch_results_response::Item},
};
use tidemill_results::Config;
use tokio::{sync::mpsc, task::JoinSet, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

use crate::common::*;

struct Many {
    asks: Option<mpsc::Sender<WatchResultsRequest>>,
    answers: Streaming<WatchResultsResponse>,
}

impl Many {
    async fn open(client: &mut Client) -> Self {
        let (asks, requests) = mpsc::channel(8);
        let answers = client
            .watch_results(ReceiverStream::new(requests))
            .await
            .unwrap()
            .into_inner();
        Self {
            asks: Some(asks),
            answers,
        }
    }

    async fn add(&self, targets: impl IntoIterator<Item = (String, i64)>) {
        let add = targets.into_iter().map(|(task_id, after_sequence)| WatchTarget {
            task_id,
            after_sequence,
        });
        self.ask(WatchResultsRequest {
            add: add.collect(),
            remove: vec![],
        })
        .await;
    }

    async fn ask(&self, request: WatchResultsRequest) {
        self.asks.as_ref().unwrap().send(request).await.unwrap();
    }

    fn half_close(&mut self) {
        self.asks = None;
    }

    async fn next(&mut self) -> Option<Result<(String, Item), Status>> {
        match timeout(LIMIT, self.answers.message())
            .await
            .expect("an item or the end")
        {
            Ok(None) => None,
            Ok(Some(answer)) => Some(Ok((answer.task_id, answer.item.unwrap()))),
            Err(status) => Some(Err(status)),
        }
    }

    async fn event(&mut self) -> (String, TaskEvent) {
        match self.next().await.unwrap().unwrap() {
            (id, Item::Event(event)) => (id, event),
            other => panic!("{other:?}"),
        }
    }

    async fn error(&mut self) -> (String, rpc::Status) {
        match self.next().await.unwrap().unwrap() {
            (id, Item::Error(status)) => (id, status),
            other => panic!("{other:?}"),
        }
    }
}

fn reason(status: &rpc::Status) -> (Code, String) {
    let details = prost::Message::encode_to_vec(status).into();
    #[expect(clippy::disallowed_methods, reason = "reads the details of an item")]
    let status = Status::with_details(Code::from_i32(status.code), "", details);
    (
        status.code(),
        status.get_error_details().error_info().unwrap().reason.clone(),
    )
}

#[tokio::test]
async fn two_thousand_tasks_over_one_stream() {
    const TASKS: usize = 2_000;
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut client = replica.client().await;
    let mut ids = HashSet::new();
    for _ in 0..TASKS {
        ids.insert(world.enqueue_to("many", 0).await);
    }
    let mut many = Many::open(&mut client).await;
    let half: Vec<_> = ids.iter().map(|id| (id.to_string(), 0)).collect();
    many.add(half[..TASKS / 2].to_vec()).await;
    let mut workers = JoinSet::new();
    let store = world.store.clone();
    let mut seen: HashMap<String, Vec<TaskEvent>> = HashMap::new();
    let drive = async {
        let mut done = 0;
        while done < TASKS {
            let tokens = world.lease("many", 128).await;
            done += tokens.len();
            for token in tokens {
                let store = store.clone();
                workers.spawn(async move {
                    let payload = tidemill_model::wire::chunk_payload(text("c"));
                    store
                        .report(token, tidemill_store::LogKind::Chunk, payload)
                        .await
                        .unwrap();
                    let outcome = tidemill_model::wire::outcome_output(Some(text("output")));
                    store
                        .settle(token, tidemill_model::op::Settle::Complete { outcome })
                        .await
                        .unwrap();
                });
            }
            while let Some(worker) = workers.join_next().await {
                worker.unwrap();
            }
        }
    };
    let watch = async {
        many.add(half[TASKS / 2..].to_vec()).await;
        many.half_close();
        while let Some(item) = many.next().await {
            match item.unwrap() {
                (id, Item::Event(event)) => seen.entry(id).or_default().push(event),
                (id, Item::Error(status)) => panic!("{id}: {status:?}"),
            }
        }
    };
    tokio::join!(drive, watch);
    assert_eq!(seen.len(), TASKS);
    for (id, events) in &seen {
        assert!(ids.contains(&id.parse::<TaskId>().unwrap()));
        assert_eq!(numbers(events), [1, 2, 3, 4], "{id}");
        assert!(is_result(&events[3]));
    }
    replica.metric("tidemill_watched_tasks", 0).await;
}

#[tokio::test]
async fn errors_of_some_leave_the_others_alone() {
    let world = World::new().await;
    let replica = world
        .replica(Config {
            max_watches_per_stream: 2,
            ..Config::default()
        })
        .await;
    let mut many = Many::open(&mut replica.client().await).await;
    let (good, token) = world.running().await;
    many.add([("nonsense".into(), 0)]).await;
    let (id, status) = many.error().await;
    assert_eq!(
        (id.as_str(), reason(&status)),
        ("nonsense", (Code::InvalidArgument, "INVALID_REQUEST".into()))
    );
    let unknown = TaskId::new(1, 2, 3).to_string();
    many.add([(unknown.clone(), 0)]).await;
    let (id, status) = many.error().await;
    assert_eq!(
        (id, reason(&status)),
        (unknown, (Code::NotFound, "TASK_NOT_FOUND".into()))
    );
    // A task is named as it was in the request.
    let shouted = good.to_string().to_uppercase();
    many.add([(shouted.clone(), 9)]).await;
    let (id, status) = many.error().await;
    assert_eq!(
        (id.as_str(), reason(&status)),
        (shouted.as_str(), (Code::FailedPrecondition, "SEQUENCE_AHEAD".into()))
    );
    many.add([(shouted.clone(), 1)]).await;
    let (id, event) = many.event().await;
    assert_eq!((id.as_str(), event.sequence), (shouted.as_str(), 2));

    let (second, _) = world.running().await;
    many.add([(second.to_string(), 2), (TaskId::new(4, 5, 6).to_string(), 0)])
        .await;
    let (id, status) = many.error().await;
    assert_eq!(
        (id, reason(&status)),
        (
            TaskId::new(4, 5, 6).to_string(),
            (Code::ResourceExhausted, "WATCH_LIMIT".into())
        )
    );

    // Added again, it starts again; removed, it is silent; removing what is not there is no error.
    many.add([(good.to_string(), 0)]).await;
    assert_eq!([many.event().await.1.sequence, many.event().await.1.sequence], [1, 2]);
    many.ask(WatchResultsRequest {
        add: vec![],
        remove: vec![second.to_string(), "nonsense".into()],
    })
    .await;
    many.half_close();
    world.complete(token).await;
    let (id, event) = many.event().await;
    assert_eq!((id, event.sequence), (good.to_string(), 3));
    assert!(is_result(&event));
    assert!(many.next().await.is_none(), "all tasks have left");
}

#[tokio::test]
async fn an_open_stream_without_tasks_waits_for_the_next_and_ends_when_draining() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut many = Many::open(&mut replica.client().await).await;
    let (id, token) = world.running().await;
    world.complete(token).await;
    for _ in 0..2 {
        many.add([(id.to_string(), 2)]).await;
        assert!(is_result(&many.event().await.1));
    }
    let (end, ()) = tokio::join!(many.next(), replica.service.drain());
    assert_reason(&end.unwrap().unwrap_err(), Code::Unavailable, "DRAINING");
}

#[tokio::test]
async fn a_busy_task_does_not_keep_others_waiting() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let (busy, token) = world.running().await;
    for n in 0..200 {
        world.chunk(token, n.to_string()).await;
    }
    let (quiet, _) = world.running().await;
    let mut many = Many::open(&mut replica.client().await).await;
    many.add([(busy.to_string(), 0), (quiet.to_string(), 0)]).await;
    let mut before = 0;
    let mut of_quiet = 0;
    while of_quiet < 2 {
        match many.event().await {
            (id, _) if id == quiet.to_string() => of_quiet += 1,
            _ => before += 1,
        }
    }
    assert!(before <= 20, "{before} events of the busy task came first");
}

#[tokio::test]
async fn without_a_request_half_closing_ends_the_stream() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut many = Many::open(&mut replica.client().await).await;
    many.half_close();
    assert!(many.next().await.is_none());
}

#[tokio::test]
async fn a_long_list_of_bad_ids_is_answered_one_by_one() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut many = Many::open(&mut replica.client().await).await;
    let (id, _) = world.running().await;
    many.add((0..20_000).map(|n| (n.to_string(), 0)).chain([(id.to_string(), 0)]))
        .await;
    for n in 0..20_000 {
        assert_eq!(many.error().await.0, n.to_string());
    }
    let (named, event) = many.event().await;
    assert_eq!((named, event.sequence), (id.to_string(), 1));
}
