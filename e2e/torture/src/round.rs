//! One round: a plan from start to verdict.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tidemill_e2e::{Client, text_of};
use tidemill_proto::v1::{GetResultRequest, GetTaskRequest, WatchResultRequest};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tonic::Code;

use crate::{
    check::{self, Verdict},
    clock::unix_ms,
    evidence::{Evidence, MemorySample, Shown},
    faults::{Fault, Injected},
    history::{History, Watched},
    load::{self, LoadOptions, Shared},
    meter::Meter,
    nemesis,
    plans::Plan,
    probes,
    store::Store,
    watchers,
    world::{Durability, World, WorldOptions},
};

/// Watchers with a stream for each task, and with one stream for many.
const SINGLE_WATCHERS: u64 = 40;
const SHARED_WATCHERS: u64 = 2;
/// Two of each sort.
const PROBERS: usize = 6;
/// The load runs this long before the first fault.
const WARM_UP: Duration = Duration::from_secs(2);
/// Everything must be finished so long after the last fault was healed.
const QUIET_LIMIT: Duration = Duration::from_secs(90);
/// Tasks that are looked at again through the contract at the end.
const LOOKED_AT: usize = 400;

/// What is played.
#[derive(Debug, Clone)]
pub struct RoundOptions {
    /// The plan.
    pub plan: Plan,
    /// The system.
    pub world: WorldOptions,
    /// The load.
    pub load: LoadOptions,
    /// For so long.
    pub length: Duration,
    /// Decides everything but the timing.
    pub seed: u64,
}

/// What came out.
#[derive(Debug)]
pub struct Outcome {
    /// Of this plan.
    pub plan: &'static str,
    /// One verdict for each invariant.
    pub verdicts: Vec<Verdict>,
    /// Faults injected.
    pub injected: Vec<Injected>,
    /// Tasks acknowledged.
    pub acknowledged: u64,
    /// Tries of unknown outcome, and tries not applied.
    pub failed_tries: [u64; 2],
    /// Handler starts.
    pub started: u64,
    /// Acknowledged enqueues that the durability mode allowed to be lost, and were.
    pub lost: u64,
    /// Ms from the oldest of them to its fault.
    pub oldest_lost_ms: u64,
    /// Why it proves nothing.
    pub void: Option<String>,
}

/// Plays a round.
pub async fn play(options: &RoundOptions) -> Outcome {
    let world = Arc::new(World::start(&options.world).await);
    let begun = unix_ms();
    let meter = Arc::new(Meter::default());
    let (mut supervisor, mut memory) = (JoinSet::new(), JoinSet::new());
    {
        let (world, meter) = (Arc::clone(&world), Arc::clone(&meter));
        supervisor.spawn(async move { world.supervise(&meter).await });
    }
    {
        let (world, meter) = (Arc::clone(&world), Arc::clone(&meter));
        memory.spawn(async move { sample_memory(&world, &meter).await });
    }
    let shared = Arc::new(Shared {
        client: world.client(),
        meter: Arc::clone(&meter),
        run: format!("{}-{:x}", options.plan.name, options.seed),
        offered: Mutex::default(),
        options: options.load.clone(),
    });
    let mut clients = start_clients(&shared, options.seed);
    let deaf = open_deaf_watchers(&shared, options.plan.deaf_watchers());
    sleep(WARM_UP).await;
    let mut tracks = JoinSet::new();
    for (number, track) in (0_u64..).zip(options.plan.tracks()) {
        let (world, meter) = (Arc::clone(&world), Arc::clone(&meter));
        tracks.spawn(nemesis::play(
            world,
            meter,
            track,
            options.seed ^ (number + 1).wrapping_mul(0x9E37_79B9),
        ));
    }
    let mut void = run_for(options, &meter).await;
    meter.stop();
    let mut injected = Vec::new();
    while let Some(told) = tracks.join_next().await {
        let told = told.expect("a nemesis ended");
        injected.extend(told.injected);
        void = void.or(told.void);
    }
    injected.sort_by_key(|fault| fault.from_ms);
    let healed = unix_ms();
    let mut history = History::default();
    while let Some(told) = clients.join_next().await {
        history.merge(told.expect("a client ended"));
    }
    drop(deaf);
    let evidence = collect(&world, &shared.client, history, injected, (begun, healed)).await;
    meter.close();
    let last_words = supervisor.join_all().await.concat();
    let mut evidence = evidence;
    evidence.memory = memory.join_all().await.concat();
    // A role ends by itself for one reason only: the store is another one, or, at a start, not the one that its configuration names.
    let vanished = options.plan.has(Fault::VanishedStore);
    let refused = |words: &String| words.contains("another identity") || words.contains("redis.store_id pins");
    let unexplained = last_words.into_iter().filter(|words| !(vanished && refused(words)));
    evidence.accidents.extend(unexplained);
    let outcome = judge(options, &meter, evidence, void);
    let violated = outcome.verdicts.iter().any(|verdict| verdict.violations > 0);
    if let Some(world) = Arc::into_inner(world).filter(|_| violated) {
        println!("logs and journal: {}", world.keep().display());
    }
    outcome
}

fn judge(options: &RoundOptions, meter: &Meter, evidence: Evidence, void: Option<String>) -> Outcome {
    let [_, unknown, not_applied] = meter.counts();
    let (verdicts, loss) = check::judge(&evidence);
    let acknowledged: std::collections::HashSet<&str> =
        evidence.history.asks.iter().filter_map(|ask| ask.stored()).collect();
    Outcome {
        plan: options.plan.name,
        acknowledged: acknowledged.len() as u64,
        failed_tries: [unknown, not_applied],
        started: evidence.journal.iter().filter(|entry| entry.what == "start").count() as u64,
        lost: loss.lost,
        oldest_lost_ms: loss.oldest_ms,
        verdicts,
        injected: evidence.injected,
        void,
    }
}

/// `Some`: the load was too low although nothing was broken.
async fn run_for(options: &RoundOptions, meter: &Meter) -> Option<String> {
    if options.load.total > 0 {
        let begun = Instant::now();
        while meter.counts()[0] < options.load.total && begun.elapsed() < options.length {
            sleep(Duration::from_millis(100)).await;
        }
        return None;
    }
    let void = !meter.wait_for_load(Duration::from_secs(10)).await;
    sleep(options.length.saturating_sub(WARM_UP)).await;
    void.then(|| format!("the load never reached {} tasks a second", crate::meter::LEAST_LOAD))
}

fn start_clients(shared: &Arc<Shared>, seed: u64) -> JoinSet<History> {
    let mut clients = JoinSet::new();
    let mut rng = fastrand::Rng::with_seed(seed);
    for number in 0..shared.options.enqueuers {
        clients.spawn(load::enqueue(Arc::clone(shared), number, rng.u64(..)));
    }
    if shared.options.plain_batches == 0 {
        for _ in 0..SINGLE_WATCHERS {
            clients.spawn(watchers::watch_singly(Arc::clone(shared), rng.u64(..)));
        }
        for _ in 0..SHARED_WATCHERS {
            clients.spawn(watchers::watch_together(Arc::clone(shared), rng.u64(..)));
        }
        for number in 0..PROBERS {
            clients.spawn(probes::probe(Arc::clone(shared), number, rng.u64(..)));
        }
    }
    clients
}

/// Watchers that open their stream and never read it.
fn open_deaf_watchers(shared: &Arc<Shared>, count: usize) -> JoinSet<()> {
    let mut deaf = JoinSet::new();
    for number in 0..count {
        let shared = Arc::clone(shared);
        deaf.spawn(async move {
            loop {
                let Some(task_id) = shared.take_offer() else {
                    sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let request = WatchResultRequest {
                    task_id,
                    after_sequence: 0,
                };
                let stream = shared.client.results(number).watch_result(request).await;
                sleep(Duration::from_secs(3_600)).await;
                drop(stream);
            }
        });
    }
    deaf
}

async fn sample_memory(world: &World, meter: &Meter) -> Vec<MemorySample> {
    let mut most: HashMap<String, u64> = HashMap::new();
    while !meter.is_closed() {
        for site in &world.sites {
            let name = site.with(|instance| instance.name().to_owned());
            let seen = most.entry(name).or_default();
            *seen = (*seen).max(site.memory().unwrap_or(0));
        }
        sleep(Duration::from_millis(500)).await;
    }
    most.into_iter()
        .map(|(name, most)| MemorySample { name, most })
        .collect()
}

async fn collect(
    world: &World,
    client: &Client,
    history: History,
    injected: Vec<Injected>,
    span: (u64, u64),
) -> Evidence {
    let unquiet = wait_until_quiet(world).await;
    let mut accidents = world.panics();
    let mut mended = 0;
    for site in &world.sites {
        site.wait_ready().await;
        mended += mended_orphans(&site.metrics().await.unwrap_or_default());
    }
    let stored: Vec<&str> = history.asks.iter().filter_map(|ask| ask.stored()).collect();
    let step = (stored.len() / LOOKED_AT).max(1);
    let (mut results, mut tasks, mut replayed) = (HashMap::new(), HashMap::new(), Vec::new());
    for task_id in stored.into_iter().step_by(step) {
        match look(client, task_id).await {
            Ok((result, task, log)) => {
                results.insert(task_id.to_owned(), result);
                tasks.insert(task_id.to_owned(), task);
                replayed.push(log);
            }
            // Whether it may be gone is for I1 to judge.
            Err(status) if status.code() == Code::NotFound && world.options.durability == Durability::Fast => {}
            Err(status) => accidents.push(format!("a look at {task_id}: {status}")),
        }
    }
    let mut store = Store::connect(world.redis_port)
        .await
        .expect("the checker reaches Redis");
    Evidence {
        durability: world.options.durability,
        history,
        journal: world.journal().entries(),
        store: store.read().await.expect("the store is read"),
        results,
        tasks,
        replayed,
        injected,
        unquiet,
        memory: Vec::new(),
        mended,
        accidents,
        span,
    }
}

async fn look(client: &Client, task_id: &str) -> Result<(Shown, Shown, Watched), tonic::Status> {
    let request = GetResultRequest {
        task_id: task_id.to_owned(),
        wait: None,
    };
    let result = client.results(0).get_result(request).await?.into_inner();
    let request = GetTaskRequest {
        task_id: task_id.to_owned(),
    };
    let task = client
        .admin(0)
        .get_task(request)
        .await?
        .into_inner()
        .task
        .unwrap_or_default();
    let log = watchers::replay(client, task_id, 1).await?;
    let shown = |state, output| Shown {
        state,
        output: text_of(output).to_owned(),
    };
    Ok((
        shown(result.state, result.output.as_ref()),
        shown(task.state, task.output.as_ref()),
        log,
    ))
}

/// Waits until no task is unfinished, by the store's own records.
async fn wait_until_quiet(world: &World) -> Option<String> {
    let begun = Instant::now();
    loop {
        let left = unfinished(world).await;
        match left {
            Ok(..=0) => return None,
            left if begun.elapsed() > QUIET_LIMIT => {
                return Some(format!("{left:?} tasks unfinished after {QUIET_LIMIT:?}"));
            }
            _ => sleep(Duration::from_millis(200)).await,
        }
    }
}

async fn unfinished(world: &World) -> redis::RedisResult<i64> {
    let mut store = Store::connect(world.redis_port).await?;
    store.unfinished().await
}

fn mended_orphans(metrics: &str) -> u64 {
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with("tidemill_reconciled_total"));
    let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    values.sum::<f64>() as u64
}
