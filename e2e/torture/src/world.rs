//! The system under torture: Redis, two of each role and the handler processes as processes of their own, with a proxy on each way between
//! them, and the shim before their clocks and disks.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tempfile::TempDir;
use tidemill_e2e::{
    Client, HandlerOptions, Instance, Journal, Process, Proxy, Role, TestServer, environment, free_port, get,
};

use tokio::time::Instant;

use crate::{
    control::{Control, build_shim},
    meter::Meter,
    spec::KIND,
    store::Store,
};

/// How long a lease lasts here.
pub const LEASE_TTL: Duration = Duration::from_secs(2);
/// A killed role or handler process is started again after this long, as a supervisor would.
const RESTART_AFTER: Duration = Duration::from_millis(200);
const READY_LIMIT: Duration = Duration::from_secs(60);

/// What is built.
#[derive(Debug, Clone)]
pub struct WorldOptions {
    /// The program of the roles.
    pub program: PathBuf,
    /// `strict` or `fast`.
    pub durability: Durability,
    /// `maxmemory` of Redis.
    pub memory: String,
    /// Processes that run handlers, and tasks at a time in each.
    pub handlers: usize,
    /// Tasks at a time in each.
    pub credits: u32,
    /// Handlers settle even what they were told to drop.
    pub stubborn: bool,
}

/// What an acknowledgement promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the disk.
    Strict,
    /// On the disk within about two seconds.
    Fast,
}

impl Durability {
    /// As in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Fast => "fast",
        }
    }
}

/// A role process and the way to it.
#[derive(Debug)]
pub struct Site {
    /// The process.
    pub instance: Mutex<Instance>,
    /// What clients connect to.
    pub link: Proxy,
    /// Of the process.
    pub role: Role,
    /// It was told to end.
    leaving: AtomicBool,
    admin: u16,
}

impl Site {
    /// Runs something on the process.
    pub fn with<T>(&self, act: impl FnOnce(&mut Instance) -> T) -> T {
        act(&mut self.instance.lock().expect("no panic while it is held"))
    }

    /// `kill -9`, and started again a moment later.
    pub async fn crash(&self) {
        self.with(|instance| {
            if instance.is_running() {
                instance.kill()
            }
        });
        tokio::time::sleep(RESTART_AFTER).await;
        self.with(Instance::start);
    }

    /// Waits until it says that it is ready.
    pub async fn wait_ready(&self) {
        let begun = Instant::now();
        while !self.is_ready().await {
            let (name, log) = self.with(|instance| (instance.name().to_owned(), instance.log()));
            let last: Vec<&str> = log.lines().rev().take(8).collect();
            assert!(
                begun.elapsed() < READY_LIMIT,
                "{name} is not ready after {READY_LIMIT:?}: {last:#?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether it says that it is ready.
    pub async fn is_ready(&self) -> bool {
        matches!(get(self.admin, "/readyz").await, Ok((200, _)))
    }

    /// Its metrics, if it answers.
    pub async fn metrics(&self) -> Option<String> {
        let (code, text) = get(self.admin, "/metrics").await.ok()?;
        (code == 200).then_some(text)
    }

    /// Starts it again if it has ended by itself; answers its last words then.
    fn start_again_if_ended(&self) -> Option<String> {
        self.with(|instance| {
            let ended = instance.process().is_some_and(|process| process.ended().is_some());
            if !ended || self.leaving.load(Ordering::Relaxed) {
                return None;
            }
            let log = instance.log();
            let last = log.lines().last().unwrap_or_default();
            let words = format!("{} ended by itself: {last}", instance.name());
            instance.start();
            Some(words)
        })
    }

    /// Ends it with SIGTERM, waits for its end, and starts it again.
    pub async fn restart(&self) {
        self.leaving.store(true, Ordering::Relaxed);
        self.with(|instance| {
            if instance.is_running() {
                instance.signal("TERM")
            }
        });
        let begun = Instant::now();
        while !self.with(|instance| instance.process().is_none_or(|process| process.ended().is_some())) {
            assert!(begun.elapsed() < READY_LIMIT, "a draining role does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.with(Instance::start);
        self.leaving.store(false, Ordering::Relaxed);
        self.wait_ready().await;
    }

    /// Resident memory in bytes.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        let pid = self.with(|instance| instance.process().map(|process| process.pid()))?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace()
            .nth(1)?
            .parse::<u64>()
            .ok()
            .map(|kib| kib * 1024)
    }
}

/// A handler process.
#[derive(Debug)]
pub struct HandlerSlot {
    process: Mutex<Process>,
    options: HandlerOptions,
    name: String,
    urls: Vec<String>,
}

/// Everything that runs.
#[derive(Debug)]
pub struct World {
    // Dropped in this order: processes before the folder with their files.
    /// Handler processes.
    pub handlers: Vec<HandlerSlot>,
    /// Gateways, workers, results.
    pub sites: Vec<Site>,
    /// The way from the roles to Redis.
    pub store_link: Proxy,
    /// Redis. Whoever breaks it takes it.
    pub redis: tokio::sync::Mutex<TestServer>,
    /// Its port.
    pub redis_port: u16,
    /// Orders to Redis's shim.
    pub redis_control: Control,
    /// Orders to the shims of all roles.
    pub role_control: Control,
    /// What was built.
    pub options: WorldOptions,
    journal: Journal,
    folder: TempDir,
}

impl World {
    /// Starts everything and waits until it is ready.
    pub async fn start(options: &WorldOptions) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("tidemill-torture-")
            .tempdir()
            .expect("a folder for logs and journal");
        let shim = build_shim(folder.path());
        let redis_control = Control::new(folder.path().join("redis.control"));
        let role_control = Control::new(folder.path().join("roles.control"));
        let redis = start_redis(options, &redis_control.variables(&shim));
        let redis_port = redis.port();
        let store_id = create_store(&redis);
        let store_link = Proxy::start(redis_port).await;
        let mut sites = Vec::new();
        for role in [Role::Gateway, Role::Worker, Role::Results] {
            for number in 0..2 {
                let shim = role_control.variables(&shim);
                sites.push(
                    start_site(
                        options,
                        role,
                        number,
                        (store_link.port, &store_id),
                        &shim,
                        folder.path(),
                    )
                    .await,
                );
            }
        }
        for site in &sites {
            site.wait_ready().await;
        }
        let journal = Journal::new(folder.path().join("journal"));
        let workers: Vec<u16> = of_role(&sites, Role::Worker).map(|site| site.link.port).collect();
        let handlers = (0..options.handlers)
            .map(|number| HandlerSlot::start(options, number, &workers, &journal, folder.path()))
            .collect();
        Self {
            handlers,
            sites,
            store_link,
            redis: tokio::sync::Mutex::new(redis),
            redis_port,
            redis_control,
            role_control,
            options: options.clone(),
            journal,
            folder,
        }
    }

    /// The processes of a role.
    pub fn of_role(&self, role: Role) -> impl Iterator<Item = &Site> {
        of_role(&self.sites, role)
    }

    /// A client of all replicas, through their proxies.
    #[must_use]
    pub fn client(&self) -> Client {
        let ports = |role| -> Vec<u16> { self.of_role(role).map(|site| site.link.port).collect() };
        Client::new(&ports(Role::Gateway), &ports(Role::Worker), &ports(Role::Results))
    }

    /// What the handler processes wrote down.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Leaves logs, journal and the server's files where they are, for a person to look at.
    #[must_use]
    pub fn keep(self) -> PathBuf {
        let mut folder = self.folder;
        folder.disable_cleanup(true);
        self.redis.into_inner().keep(&folder.path().join("server"));
        folder.path().to_owned()
    }

    /// Where logs are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts every process that ended by itself, e.g. a handler process that a task crashed, until the meter is closed. Answers the last
    /// words of roles that did.
    pub async fn supervise(&self, meter: &Meter) -> Vec<String> {
        let mut last_words = Vec::new();
        loop {
            if meter.is_closed() {
                return last_words;
            }
            last_words.extend(self.sites.iter().filter_map(Site::start_again_if_ended));
            for handler in &self.handlers {
                handler.start_again_if_ended(&self.journal, self.folder.path());
            }
            tokio::time::sleep(RESTART_AFTER).await;
        }
    }

    /// Lines of the roles' logs that must never be there.
    #[must_use]
    pub fn panics(&self) -> Vec<String> {
        let logs = self.sites.iter().map(|site| site.with(|instance| instance.log()));
        let lines: Vec<String> = logs
            .flat_map(|log| log.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let bad = |line: &String| line.contains("panicked at") || line.contains("\"message\":\"panic\"");
        lines.into_iter().filter(bad).take(5).collect()
    }
}

fn of_role(sites: &[Site], role: Role) -> impl Iterator<Item = &Site> {
    sites.iter().filter(move |site| site.role == role)
}

/// Gives the empty server an identity that the roles can insist on.
fn create_store(redis: &TestServer) -> String {
    let store_id = "7e5704ed-0000-4000-8000-000000000000";
    let done = redis.ask(&format!(
        "HSET {} store_id {store_id} shards 1 format 1",
        Store::key("meta")
    ));
    assert_eq!(done.as_deref(), Some(":3"), "the store's identity is written");
    store_id.to_owned()
}

fn start_redis(options: &WorldOptions, variables: &[(String, String); 2]) -> TestServer {
    let sync = match options.durability {
        Durability::Strict => "always",
        Durability::Fast => "everysec",
    };
    let settings = [
        ("appendfsync", sync),
        ("maxmemory", options.memory.as_str()),
        // One file to cut: a rewrite while the power goes is another fault.
        ("auto-aof-rewrite-percentage", "0"),
    ];
    let variables: Vec<(&str, &str)> = variables.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    TestServer::start_in(&settings, &variables)
}

async fn start_site(
    options: &WorldOptions,
    role: Role,
    number: usize,
    (store, store_id): (u16, &str),
    shim: &[(String, String); 2],
    folder: &Path,
) -> Site {
    let (port, admin) = (free_port(), free_port());
    let link = Proxy::start(port).await;
    let settings = [
        ("redis.url".to_owned(), format!("redis://127.0.0.1:{store}")),
        // As an operator should: else a role that starts on an empty server makes a new store of it.
        ("redis.store_id".to_owned(), store_id.to_owned()),
        ("redis.durability".to_owned(), options.durability.name().to_owned()),
        ("redis.command_timeout".to_owned(), "3s".to_owned()),
        ("rules.lease_ttl".to_owned(), format!("{}s", LEASE_TTL.as_secs())),
        (format!("{role}.listen"), format!("127.0.0.1:{port}")),
        (format!("{role}.admin_listen"), format!("127.0.0.1:{admin}")),
        ("maintenance.reconcile_interval".to_owned(), "5s".to_owned()),
        ("log.format".to_owned(), "json".to_owned()),
    ];
    let settings = settings.iter().map(|(key, value)| (environment(key), value.clone()));
    let variables = settings.chain(shim.iter().cloned()).collect();
    let instance = Instance::new(&options.program, role, number, (port, admin), variables, folder);
    Site {
        instance: Mutex::new(instance),
        link,
        role,
        leaving: AtomicBool::new(false),
        admin,
    }
}

impl HandlerSlot {
    fn start(options: &WorldOptions, number: usize, workers: &[u16], journal: &Journal, folder: &Path) -> Self {
        let mut handler = HandlerOptions::new(&[KIND]);
        (handler.credits, handler.stubborn) = (options.credits, options.stubborn);
        // A drained process settles what it runs; what takes longer is given back.
        handler.grace = Duration::from_millis(300);
        let turned = workers.iter().cycle().skip(number).take(workers.len());
        let urls: Vec<String> = turned.map(|port| format!("http://127.0.0.1:{port}")).collect();
        let name = format!("handler-{number}");
        let process = handler.start(&name, &urls, journal.path(), &folder.join(format!("{name}.log")));
        Self {
            process: Mutex::new(process),
            options: handler,
            name,
            urls,
        }
    }

    /// Runs something on the process.
    pub fn with<T>(&self, act: impl FnOnce(&mut Process) -> T) -> T {
        act(&mut self.process.lock().expect("no panic while it is held"))
    }

    fn start_again_if_ended(&self, journal: &Journal, folder: &Path) {
        self.with(|process| {
            if process.ended().is_some() {
                let log = folder.join(format!("{}.log", self.name));
                *process = self.options.start(&self.name, &self.urls, journal.path(), &log);
            }
        });
    }
}
