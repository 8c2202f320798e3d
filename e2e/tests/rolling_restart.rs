//! A rolling restart of every role, as Kubernetes does it (endpoint removed, SIGTERM, grace, a new process, endpoint added), under a load of
//! 1,000 tasks a second: no task is lost, no attempt is charged, no call of the client fails.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise, and spawns what it drives"
)]

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tidemill_client::{Client, Context, EventKind, Task, TaskState, Worker, WorkerEvent};
use tidemill_e2e::{Cluster, LIMIT, Role, until};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::{interval, timeout},
};

const REPLICAS: usize = 2;
const PRODUCERS: usize = 50;
/// Tasks of one producer every half second: 1,000 a second in all. Ticks that a call outlasts are made up for.
const BATCH: usize = 10;
const TICK: Duration = Duration::from_millis(500);
/// From the end of one replica's restart to the next.
const SETTLE: Duration = Duration::from_secs(1);

/// A Kubernetes Service: new connections go in turn to those replicas that are its endpoints.
struct Balancer {
    port: u16,
    endpoints: Arc<Mutex<Vec<u16>>>,
    accepting: JoinHandle<()>,
}

impl Balancer {
    async fn start(ports: Vec<u16>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let endpoints = Arc::new(Mutex::new(ports));
        let known = Arc::clone(&endpoints);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            let mut turn = 0;
            while let Ok((mut client, _)) = listener.accept().await {
                let target = {
                    let known = known.lock().expect("lock");
                    turn += 1;
                    known.get(turn % known.len().max(1)).copied()
                };
                connections.spawn(async move {
                    let Some(target) = target else { return };
                    if let Ok(mut server) = TcpStream::connect(("127.0.0.1", target)).await {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self {
            port,
            endpoints,
            accepting,
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn remove(&self, port: u16) {
        self.endpoints.lock().expect("lock").retain(|known| *known != port);
    }

    fn add(&self, port: u16) {
        self.endpoints.lock().expect("lock").push(port);
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What handlers ran: attempts by task.
#[derive(Default)]
struct Journal(Mutex<HashMap<String, Vec<i32>>>);

fn produce(client: &Client, over: &Arc<AtomicBool>, stored: &Arc<AtomicUsize>) -> JoinSet<()> {
    let mut producers = JoinSet::new();
    for _ in 0..PRODUCERS {
        let (client, over, stored) = (client.clone(), Arc::clone(over), Arc::clone(stored));
        producers.spawn(async move {
            let mut ticks = interval(TICK);
            while !over.load(Ordering::Relaxed) {
                ticks.tick().await;
                let tasks = (0..BATCH).map(|_| Task::new("quick").queue("load"));
                for outcome in client.enqueue_batch(tasks).await {
                    outcome.expect("no enqueue fails");
                    stored.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    producers
}

/// A caller who enqueues a task, watches it to its end, and asks for its result, over and over.
async fn follow(client: Client, over: Arc<AtomicBool>) -> usize {
    let mut followed = 0;
    while !over.load(Ordering::Relaxed) {
        let id = client
            .enqueue(Task::new("slow").queue("load"))
            .await
            .expect("no enqueue fails")
            .task_id;
        let mut watch = client.watch(&id);
        let mut sequence = 0;
        let mut state = None;
        while let Some(event) = watch.next().await {
            let event = event.expect("no watch fails");
            sequence += 1;
            assert_eq!(event.sequence, sequence, "each number once");
            if let EventKind::Result(result) = event.kind {
                state = Some(result.state);
            }
        }
        assert_eq!(state, Some(TaskState::Succeeded));
        let found = client.result(&id).await.expect("no read fails");
        assert_eq!((found.state, found.attempt), (TaskState::Succeeded, 1));
        followed += 1;
    }
    followed
}

async fn restart(cluster: &mut Cluster, role: Role, balancer: &Balancer) {
    for number in 0..REPLICAS {
        let replica = cluster.get(role, number);
        let port = replica.port;
        balancer.remove(port);
        replica.signal("TERM");
        replica.wait_clean_end().await;
        replica.start();
        replica.wait_ready().await;
        balancer.add(port);
        tokio::time::sleep(SETTLE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_restarts_under_load() {
    let mut cluster = Cluster::of(REPLICAS, REPLICAS, REPLICAS)
        .set("rules.lease_ttl", "10s")
        .set("worker.drain_grace", "5s")
        .start()
        .await;
    let mut balancers = HashMap::new();
    for role in [Role::Gateway, Role::Worker, Role::Results] {
        let ports = (0..REPLICAS).map(|number| cluster.get(role, number).port).collect();
        balancers.insert(role.to_string(), Balancer::start(ports).await);
    }
    let client = Client::builder(balancers["gateway"].url())
        .worker_url(balancers["worker"].url())
        .results_url(balancers["results"].url())
        .build()
        .expect("a client");

    let journal = Arc::new(Journal::default());
    let lost = Arc::new(AtomicUsize::new(0));
    let mut workers = Vec::new();
    for _ in 0..2 {
        let (quick, slow, lost) = (Arc::clone(&journal), Arc::clone(&journal), Arc::clone(&lost));
        let ran = |journal: &Journal, task: &Context| {
            let mut runs = journal.0.lock().expect("lock");
            runs.entry(task.task_id().to_owned()).or_default().push(task.attempt());
        };
        let worker = Worker::builder(&client)
            .queue("load")
            .concurrency(200)
            .on_event(move |event| {
                if matches!(event, WorkerEvent::LeaseLost { .. }) {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            })
            .handle("quick", move |task: Context| {
                ran(&quick, &task);
                async { Ok(()) }
            })
            .handle("slow", move |task: Context| {
                ran(&slow, &task);
                async {
                    // Longer than a replica takes to restart: its lease is handed over.
                    tokio::time::sleep(Duration::from_millis(1_500)).await;
                    Ok(())
                }
            });
        let (stop, stopped) = oneshot::channel::<()>();
        let worker = worker.build().expect("a worker");
        workers.push((stop, tokio::spawn(worker.run(async { drop(stopped.await) }))));
    }

    let (over, stored) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let begun = Instant::now();
    let mut producers = produce(&client, &over, &stored);
    let mut followers = JoinSet::new();
    for _ in 0..20 {
        followers.spawn(follow(client.clone(), Arc::clone(&over)));
    }
    for role in [Role::Gateway, Role::Worker, Role::Results] {
        restart(&mut cluster, role, &balancers[&role.to_string()]).await;
    }
    over.store(true, Ordering::Relaxed);
    while let Some(ended) = producers.join_next().await {
        ended.expect("no producer failed");
    }
    let took = begun.elapsed();
    let mut followed = 0;
    while let Some(count) = timeout(LIMIT, followers.join_next()).await.expect("in time") {
        followed += count.expect("no follower failed");
    }

    let total = stored.load(Ordering::Relaxed) + followed;
    let all_done = async || {
        let queue = client.queue("load").await.expect("no read fails");
        (queue.queued + queue.running + queue.scheduled == 0).then_some(queue)
    };
    let queue = until("all tasks are done", LIMIT, all_done).await;
    let stats = client.stats();
    println!(
        "{total} tasks in {took:?}, {:.0} a second; {followed} watched; {stats:?}; {queue:?}",
        total as f64 / took.as_secs_f64()
    );
    let ended = (queue.succeeded, queue.failed, queue.cancelled, queue.expired);
    assert_eq!(ended, (i64::try_from(total).expect("few"), 0, 0, 0), "none is lost");
    let runs = std::mem::take(&mut *journal.0.lock().expect("lock"));
    assert_eq!(runs.len(), total);
    let charged: Vec<_> = runs.iter().filter(|(_, attempts)| **attempts != [1]).collect();
    assert!(charged.is_empty(), "ran twice, or were charged: {charged:?}");
    assert_eq!(lost.load(Ordering::Relaxed), 0, "no lease was lost");
    for (stop, ended) in workers {
        stop.send(()).expect("it runs");
        ended.await.expect("no panic").expect("in order");
    }
    cluster.check_logs(true);
}
