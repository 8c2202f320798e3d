//! How long nobody is served when Redis is killed under many live tasks: it has to load them first.

use std::{path::PathBuf, time::Duration};

use tidemill_e2e::{Client, Role, payload};
use tidemill_proto::v1::{BatchEnqueueRequest, EnqueueRequest, GetResultRequest, batch_enqueue_outcome::Outcome};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    faults,
    store::Store,
    world::{Durability, World, WorldOptions},
};

const BATCH: u64 = 500;
const FILLERS: u64 = 4;
/// Bytes of the payload of each live task.
const PAYLOAD: usize = 100;
/// A call that is not answered by then is made again.
const PATIENCE: Duration = Duration::from_millis(500);
/// Given up after this long.
const LIMIT: Duration = Duration::from_secs(120);

/// One kill.
#[derive(Debug, Clone, Copy)]
pub struct Reload {
    /// From the kill until a gateway acknowledges a task and a results role knows an old one again.
    pub serving_again: Duration,
    /// Live tasks afterwards that the store has lost.
    pub lost: i64,
}

/// Fills a whole system with tasks that nobody takes, and kills Redis under them some times.
pub async fn play(program: PathBuf, durability: Durability, tasks: u64, kills: usize) -> Vec<Reload> {
    let world = World::start(&WorldOptions {
        program,
        durability,
        memory: "6gb".to_owned(),
        handlers: 0,
        credits: 0,
        stubborn: false,
    })
    .await;
    let known = fill(&world.client(), tasks).await;
    let mut live = unfinished(&world).await;
    assert!(
        live >= i64::try_from(tasks).unwrap_or(i64::MAX),
        "{live} of {tasks} tasks are stored"
    );
    let mut reloads = Vec::new();
    for _ in 0..kills {
        let begun = Instant::now();
        faults::kill_redis(&world).await;
        serving(&world.client(), &known, begun).await;
        let serving_again = begun.elapsed();
        let now = unfinished(&world).await;
        // The task that showed that the gateway serves came on top; its earlier tries may be stored as well.
        reloads.push(Reload {
            serving_again,
            lost: (live + 1 - now).max(0),
        });
        live = now;
        for site in world.of_role(Role::Gateway) {
            site.wait_ready().await;
        }
    }
    reloads
}

async fn fill(client: &Client, tasks: u64) -> String {
    let mut fillers = JoinSet::new();
    for number in 0..FILLERS {
        let client = client.clone();
        let batches = tasks.div_ceil(FILLERS * BATCH);
        fillers.spawn(async move {
            let mut last = None;
            for _ in 0..batches {
                let requests = (0..BATCH).map(|_| waiting()).collect();
                let mut gateway = client.gateway(usize::try_from(number).unwrap_or(0));
                let call = gateway.batch_enqueue(BatchEnqueueRequest { requests });
                let answer = call.await.expect("nothing is broken yet").into_inner();
                last = answer.outcomes.into_iter().last().and_then(|one| one.outcome);
            }
            last
        });
    }
    let last = fillers.join_all().await.pop().flatten();
    let taken = last.and_then(|outcome| match outcome {
        Outcome::Response(response) => Some(response.task_id),
        Outcome::Error(_) => None,
    });
    taken.expect("the last task was taken")
}

/// A task of a kind that no handler here has.
fn waiting() -> EnqueueRequest {
    let text: String = std::iter::repeat_with(fastrand::alphanumeric).take(PAYLOAD).collect();
    EnqueueRequest {
        kind: "waiting".to_owned(),
        payload: payload(&text),
        ..EnqueueRequest::default()
    }
}

/// Waits until a task is taken and an old one is known.
async fn serving(client: &Client, known: &str, begun: Instant) {
    let mut number = 0;
    loop {
        number += 1;
        let (mut gateway, mut results) = (client.gateway(number), client.results(number));
        let known = GetResultRequest {
            task_id: known.to_owned(),
            wait: None,
        };
        let taken = timeout(PATIENCE, gateway.enqueue(waiting())).await;
        let told = timeout(PATIENCE, results.get_result(known)).await;
        if matches!(taken, Ok(Ok(_))) && matches!(told, Ok(Ok(_))) {
            return;
        }
        assert!(
            begun.elapsed() < LIMIT,
            "nobody is served after {LIMIT:?}: {taken:?}, {told:?}"
        );
        sleep(Duration::from_millis(20)).await;
    }
}

async fn unfinished(world: &World) -> i64 {
    let mut store = Store::connect(world.redis_port).await.expect("the store is reached");
    store.unfinished().await.expect("the store is read")
}
