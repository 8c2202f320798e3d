//! Loops of BatchEnqueue; each waits for all results of its batch, which come over one WatchResults stream for all loops.

use std::{cell::RefCell, collections::HashMap, rc::Rc, time::Instant};

use tidemill_proto::v1::{WatchResultsRequest, WatchTarget, task_event::Event, watch_results_response::Item};
use tokio::{
    sync::{Notify, mpsc},
    task::LocalSet,
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;

use super::{BATCH, Clients, Inputs, Latency, Report, WARM_UP};
use crate::{args::Target, gate};

/// What is waited for.
#[derive(Default)]
struct Waiting {
    /// Which loop a task belongs to.
    owners: RefCell<HashMap<String, usize>>,
    /// Tasks of each loop without a result.
    left: RefCell<Vec<usize>>,
    done: Vec<Notify>,
}

pub(crate) async fn run(target: Target, loops: usize) {
    LocalSet::new().run_until(run_here(target, loops)).await;
}

async fn run_here(target: Target, loops: usize) {
    let mut clients = Clients::connect(&target).await;
    let (watch, watches) = mpsc::unbounded_channel();
    let events = clients
        .results
        .watch_results(UnboundedReceiverStream::new(watches))
        .await;
    let waiting = Rc::new(Waiting {
        left: RefCell::new(vec![0; loops]),
        done: (0..loops).map(|_| Notify::new()).collect(),
        ..Default::default()
    });
    tokio::task::spawn_local(listen(events.expect("a watch").into_inner(), Rc::clone(&waiting)));
    batches(&clients, &watch, &waiting, loops, WARM_UP).await;
    gate::ready().await;
    let begun = Instant::now();
    let times = batches(&clients, &watch, &waiting, loops, target.tasks).await;
    let report = Report {
        tasks: times.len() * BATCH,
        seconds: begun.elapsed().as_secs_f64(),
        latency: Latency::of(times),
    };
    gate::report(&report).await;
}

async fn batches(
    clients: &Clients,
    watch: &mpsc::UnboundedSender<WatchResultsRequest>,
    waiting: &Rc<Waiting>,
    loops: usize,
    tasks: usize,
) -> Vec<std::time::Duration> {
    let mut running = Vec::new();
    for own in 0..loops {
        let (mut clients, watch, waiting) = (clients.clone(), watch.clone(), Rc::clone(waiting));
        running.push(tokio::task::spawn_local(async move {
            let (mut inputs, mut times) = (Inputs::new(), Vec::new());
            for _ in 0..tasks.div_ceil(loops * BATCH) {
                let begun = Instant::now();
                let ids = clients.enqueue_batch(&mut inputs, BATCH).await;
                waiting.left.borrow_mut()[own] = ids.len();
                waiting
                    .owners
                    .borrow_mut()
                    .extend(ids.iter().map(|id| (id.clone(), own)));
                let add = ids.into_iter().map(|task_id| WatchTarget {
                    task_id,
                    after_sequence: 0,
                });
                let request = WatchResultsRequest {
                    add: add.collect(),
                    remove: Vec::new(),
                };
                watch.send(request).expect("the watch is open");
                waiting.done[own].notified().await;
                times.push(begun.elapsed());
            }
            times
        }));
    }
    let mut all = Vec::new();
    for one in running {
        all.extend(one.await.expect("a loop ends"));
    }
    all
}

async fn listen(mut events: Streaming<tidemill_proto::v1::WatchResultsResponse>, waiting: Rc<Waiting>) {
    while let Some(message) = events.message().await.expect("the watch goes on") {
        match message.item {
            Some(Item::Event(event)) if matches!(event.event, Some(Event::Result(_))) => {
                let owner = waiting
                    .owners
                    .borrow_mut()
                    .remove(&message.task_id)
                    .expect("a task of ours");
                let left = &mut waiting.left.borrow_mut()[owner];
                *left -= 1;
                if *left == 0 {
                    waiting.done[owner].notify_one();
                }
            }
            Some(Item::Event(_)) => {}
            other => panic!("{}: {other:?}", message.task_id),
        }
    }
}
