//! The faults. Each is injected, held and healed in one go; what it did is told, so that the checker knows what to expect.

use std::time::Duration;

use fastrand::Rng;
use tidemill_e2e::{Role, TestServer, signal, signal_if_there};
use tokio::time::sleep;

use crate::{
    clock::unix_ms,
    control::DiskError,
    damage, power,
    world::{LEASE_TTL, Site, World},
};

macro_rules! faults {
    ($($(#[doc = $what:literal])+ $name:ident = $text:literal),+ $(,)?) => {
        /// What can be done to the system; F-numbers are those of the reliability document.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault { $($(#[doc = $what])+ $name),+ }

        impl Fault {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

faults! {
    /// F1, F2: `kill -9` of Redis, started again.
    RedisKill = "redis-kill",
    /// F3, F4: `kill -9` of Redis, its append-only file cut back to the last fdatasync that came back.
    PowerCut = "power-cut",
    /// F26: `kill -9` of Redis, and half a command at the end of its append-only file.
    TornTail = "torn-tail",
    /// F5: each fdatasync takes 300 ms more for a while.
    SlowDisk = "slow-disk",
    /// F5: the same with 2.5 s, and Redis killed in the middle.
    SlowDiskKill = "slow-disk-kill",
    /// F6: fdatasync fails with EIO until Redis is started again.
    DiskIoError = "disk-io-error",
    /// F6: writes fail with ENOSPC for a while.
    DiskFull = "disk-full",
    /// F7: maxmemory falls below what is used, for a while.
    MemoryFull = "memory-full",
    /// F8: Redis is frozen for one to five seconds.
    RedisPause = "redis-pause",
    /// F8: Redis is away for two leases.
    RedisAway = "redis-away",
    /// F9: `kill -9` of a gateway.
    GatewayKill = "gateway-kill",
    /// F10: `kill -9` of a worker role.
    WorkerKill = "worker-kill",
    /// F11, F29: `kill -9` of a results role.
    ResultsKill = "results-kill",
    /// F10: `kill -9` of a handler process.
    HandlerKill = "handler-kill",
    /// F12: a handler process is frozen for three leases.
    HandlerPause = "handler-pause",
    /// F12: a worker role is frozen for two leases.
    WorkerPause = "worker-pause",
    /// F14: replies of Redis are lost after it did what it was asked.
    LostReply = "lost-reply",
    /// F16: every connection to Redis, or to a role, is cut.
    CutLinks = "cut-links",
    /// F17: the way to Redis or to the roles takes 50 to 200 ms.
    SlowLink = "slow-link",
    /// F22: Redis forgets all scripts.
    ScriptFlush = "script-flush",
    /// F23: the clock of Redis jumps by minutes, or half a second to and fro.
    RedisClock = "redis-clock",
    /// F24: the clocks of all roles jump.
    RoleClock = "role-clock",
    /// F25: members of indexes are deleted by hand.
    Damage = "damage",
    /// F27: an empty Redis stands in the place of the true one for a while.
    VanishedStore = "vanished-store",
    /// F35: a thousand tasks fall due in the same second, while all workers start anew.
    Herd = "herd",
    /// F37: a gateway may open no more files for a while.
    FewFiles = "few-files",
    /// F38: every role is drained and started again, one after the other.
    RollingRestart = "rolling-restart",
}

/// What was done, and when.
#[derive(Debug, Clone)]
pub struct Injected {
    /// What.
    pub fault: Fault,
    /// From, in Unix ms.
    pub from_ms: u64,
    /// To: it was healed.
    pub to_ms: u64,
    /// From the healing to the next acknowledged task; `None`: none came in time.
    pub recovery: Option<Duration>,
    /// The load had ended before anybody could be served.
    pub last: bool,
    /// Process that was killed or frozen, if it ran handlers.
    pub pid: Option<u32>,
    /// What else is worth telling.
    pub note: String,
}

/// What one injection says of itself.
#[derive(Debug, Default)]
pub struct Report {
    /// Process that was killed or frozen, if it ran handlers.
    pub pid: Option<u32>,
    /// What else.
    pub note: String,
}

impl Report {
    fn note(note: impl Into<String>) -> Self {
        Self {
            pid: None,
            note: note.into(),
        }
    }
}

impl Fault {
    /// Whether recovery waits for a loading Redis.
    #[must_use]
    pub fn breaks_redis(self) -> bool {
        use Fault::{
            DiskFull, DiskIoError, PowerCut, RedisAway, RedisClock, RedisKill, RedisPause, SlowDisk, SlowDiskKill,
            TornTail, VanishedStore,
        };
        matches!(
            self,
            RedisKill
                | PowerCut
                | TornTail
                | SlowDisk
                | SlowDiskKill
                | DiskIoError
                | DiskFull
                | RedisPause
                | RedisAway
                | RedisClock
                | VanishedStore
        )
    }

    /// Injects it, holds it and heals it.
    pub async fn inject(self, world: &World, rng: &mut Rng) -> Report {
        match self {
            Self::RedisKill => redis_kill(world, Duration::ZERO).await,
            Self::RedisAway => redis_kill(world, 2 * LEASE_TTL).await,
            Self::PowerCut => power::cut(world).await,
            Self::TornTail => power::tear(world).await,
            Self::SlowDisk => slow_disk(world, 300, false).await,
            Self::SlowDiskKill => slow_disk(world, 2_500, true).await,
            Self::DiskIoError => disk_io_error(world).await,
            Self::DiskFull => disk_full(world).await,
            Self::MemoryFull => memory_full(world).await,
            Self::RedisPause => redis_pause(world, rng).await,
            Self::GatewayKill => kill_one(world, Role::Gateway, rng).await,
            Self::WorkerKill => kill_one(world, Role::Worker, rng).await,
            Self::ResultsKill => kill_one(world, Role::Results, rng).await,
            Self::HandlerKill => handler_kill(world, rng),
            Self::HandlerPause => handler_pause(world, rng).await,
            Self::WorkerPause => worker_pause(world, rng).await,
            Self::LostReply => lost_reply(world, rng).await,
            Self::CutLinks => cut_links(world, rng),
            Self::SlowLink => slow_link(world, rng).await,
            Self::ScriptFlush => script_flush(world).await,
            Self::RedisClock => redis_clock(world, rng).await,
            Self::RoleClock => role_clock(world, rng).await,
            Self::Damage => damage::damage(world, rng).await,
            Self::VanishedStore => vanished_store(world).await,
            Self::Herd => herd(world).await,
            Self::FewFiles => few_files(world, rng).await,
            Self::RollingRestart => rolling_restart(world).await,
        }
    }
}

/// Starts Redis again. Waiting for it blocks a thread, so it is one for that.
pub(crate) fn resume(redis: &mut TestServer) {
    tokio::task::block_in_place(|| {
        power::mend(redis.directory());
        redis.resume();
    });
}

/// `kill -9` of Redis, which is started again at once; returns when it answers.
pub(crate) async fn kill_redis(world: &World) {
    redis_kill(world, Duration::ZERO).await;
}

async fn redis_kill(world: &World, away: Duration) -> Report {
    let mut redis = world.redis.lock().await;
    redis.kill();
    sleep(away).await;
    resume(&mut redis);
    Report::default()
}

async fn slow_disk(world: &World, ms: i64, kill: bool) -> Report {
    let mut redis = world.redis.lock().await;
    world.redis_control.delay_sync(ms);
    sleep(Duration::from_secs(3)).await;
    if kill {
        redis.kill();
    }
    world.redis_control.delay_sync(0);
    if kill {
        resume(&mut redis);
    }
    Report::default()
}

/// In `strict` Redis ends rather than lie; in `fast` it refuses writes.
async fn disk_io_error(world: &World) -> Report {
    let mut redis = world.redis.lock().await;
    world.redis_control.fail_sync(Some(DiskError::Io));
    sleep(Duration::from_millis(1_500)).await;
    let ended = !redis.is_running();
    world.redis_control.fail_sync(None);
    if ended {
        redis.kill();
        resume(&mut redis);
    }
    Report::note(if ended { "Redis ended" } else { "Redis went on" })
}

async fn disk_full(world: &World) -> Report {
    let mut redis = world.redis.lock().await;
    world.redis_control.fail_write(Some(DiskError::Full));
    sleep(Duration::from_millis(1_500)).await;
    let ended = !redis.is_running();
    world.redis_control.fail_write(None);
    if ended {
        redis.kill();
        resume(&mut redis);
    }
    Report::note(if ended { "Redis ended" } else { "Redis went on" })
}

async fn memory_full(world: &World) -> Report {
    let redis = world.redis.lock().await;
    let _ = redis.ask("CONFIG SET maxmemory 1mb");
    sleep(Duration::from_secs(2)).await;
    let refused = redis.ask(&format!("CONFIG SET maxmemory {}", world.options.memory));
    Report::note(format!("{refused:?}"))
}

async fn redis_pause(world: &World, rng: &mut Rng) -> Report {
    let redis = world.redis.lock().await;
    let pid = redis.pid().to_string();
    signal("STOP", &pid);
    let pause = Duration::from_millis(rng.u64(1_000..5_000));
    sleep(pause).await;
    signal("CONT", &pid);
    Report::note(format!("{pause:?}"))
}

async fn kill_one(world: &World, role: Role, rng: &mut Rng) -> Report {
    let sites: Vec<&Site> = world.of_role(role).collect();
    sites[rng.usize(0..sites.len())].crash().await;
    Report::default()
}

fn handler_kill(world: &World, rng: &mut Rng) -> Report {
    let handler = &world.handlers[rng.usize(0..world.handlers.len())];
    let pid = handler.with(|process| {
        let pid = process.pid();
        process.kill();
        pid
    });
    Report {
        pid: Some(pid),
        note: String::new(),
    }
}

async fn handler_pause(world: &World, rng: &mut Rng) -> Report {
    let handler = &world.handlers[rng.usize(0..world.handlers.len())];
    let pid = handler.with(|process| process.pid());
    // A task may have ended the process by itself, before or now.
    let frozen = signal_if_there("STOP", &pid.to_string());
    sleep(3 * LEASE_TTL).await;
    let thawed = signal_if_there("CONT", &pid.to_string());
    Report {
        pid: Some(pid),
        note: if frozen && thawed {
            String::new()
        } else {
            "it had ended".to_owned()
        },
    }
}

async fn worker_pause(world: &World, rng: &mut Rng) -> Report {
    let sites: Vec<&Site> = world.of_role(Role::Worker).collect();
    let site = sites[rng.usize(0..sites.len())];
    site.with(|instance| instance.signal("STOP"));
    sleep(2 * LEASE_TTL).await;
    site.with(|instance| instance.signal("CONT"));
    Report::default()
}

async fn lost_reply(world: &World, rng: &mut Rng) -> Report {
    let mut lost = 0;
    for _ in 0..10 {
        world.store_link.lose_replies(1);
        sleep(Duration::from_millis(rng.u64(50..200))).await;
        lost += 1 - world.store_link.replies_to_lose();
    }
    world.store_link.lose_replies(0);
    Report::note(format!("{lost} replies"))
}

fn cut_links(world: &World, rng: &mut Rng) -> Report {
    let before: usize = world.sites.iter().map(|site| site.link.cuts()).sum();
    if rng.bool() {
        world.store_link.cut();
    } else {
        world.sites.iter().for_each(|site| site.link.cut());
    }
    let after: usize = world.sites.iter().map(|site| site.link.cuts()).sum();
    Report::note(format!("{} connections of clients", after - before))
}

async fn slow_link(world: &World, rng: &mut Rng) -> Report {
    let latency = Duration::from_millis(rng.u64(50..200));
    let to_store = rng.bool();
    let set = |latency: Duration| {
        if to_store {
            world.store_link.delay(latency);
        } else {
            world.sites.iter().for_each(|site| site.link.delay(latency));
        }
    };
    set(latency);
    sleep(Duration::from_secs(3)).await;
    set(Duration::ZERO);
    Report::note(format!("{latency:?}, {}", if to_store { "Redis" } else { "roles" }))
}

async fn script_flush(world: &World) -> Report {
    let redis = world.redis.lock().await;
    for _ in 0..5 {
        let _ = redis.ask("SCRIPT FLUSH");
        sleep(Duration::from_millis(100)).await;
    }
    Report::default()
}

/// Forward for good by ten minutes, back for good by fifteen seconds (what is scheduled waits that much longer), or to and fro.
async fn redis_clock(world: &World, rng: &mut Rng) -> Report {
    let redis = world.redis.lock().await;
    let before = world.redis_control.clock();
    let jump = [600_000, -15_000, 0][rng.usize(0..3)];
    if jump == 0 {
        for _ in 0..6 {
            world.redis_control.shift_clock(before + 500);
            sleep(Duration::from_millis(300)).await;
            world.redis_control.shift_clock(before);
            sleep(Duration::from_millis(300)).await;
        }
    } else {
        world.redis_control.shift_clock(before + jump);
        sleep(Duration::from_secs(3)).await;
    }
    drop(redis);
    Report::note(format!("{jump} ms"))
}

async fn role_clock(world: &World, rng: &mut Rng) -> Report {
    let jump = rng.i64(-3_600_000..3_600_000);
    world.role_control.shift_clock(jump);
    sleep(Duration::from_secs(2)).await;
    world.role_control.shift_clock(0);
    Report::note(format!("{jump} ms"))
}

/// The roles must notice that this is not their store and end, leaving it untouched; an operator brings the true one back and starts them.
async fn vanished_store(world: &World) -> Report {
    let redis = world.redis.lock().await;
    let stranger = tokio::task::block_in_place(TestServer::start);
    world.store_link.lead_to(stranger.port());
    world.store_link.cut();
    // Each role asks for the store's identity every 5 s; until then the scripts refuse every call.
    sleep(Duration::from_secs(8)).await;
    let mut ready = 0;
    for site in &world.sites {
        ready += usize::from(site.is_ready().await);
    }
    let taken = stranger.ask("DBSIZE");
    world.store_link.lead_to(redis.port());
    world.store_link.cut();
    Report::note(format!("{ready} roles ready meanwhile, the stranger holds {taken:?}"))
}

async fn herd(world: &World) -> Report {
    for site in world.of_role(Role::Worker) {
        site.with(|instance| {
            if instance.is_running() {
                instance.kill()
            }
        });
    }
    sleep(Duration::from_secs(1)).await;
    for site in world.of_role(Role::Worker) {
        site.with(tidemill_e2e::Instance::start);
    }
    Report::note(format!("at {}", unix_ms()))
}

/// The limit of open files is lowered to what is open: each further connection fails with EMFILE.
async fn few_files(world: &World, rng: &mut Rng) -> Report {
    let sites: Vec<&Site> = world.of_role(Role::Gateway).collect();
    let site = sites[rng.usize(0..sites.len())];
    let Some(pid) = site.with(|instance| instance.process().map(|process| process.pid())) else {
        return Report::note("it was not there");
    };
    let limit = |soft: &str| {
        let done = std::process::Command::new("prlimit")
            .args(["--pid", &pid.to_string(), &format!("--nofile={soft}:")])
            .output();
        done.is_ok_and(|output| output.status.success())
    };
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(16, Iterator::count);
    let lowered = limit(&open.to_string());
    site.link.cut();
    sleep(Duration::from_secs(2)).await;
    limit("1024");
    Report::note(if lowered {
        format!("{open} files")
    } else {
        "prlimit failed".to_owned()
    })
}

async fn rolling_restart(world: &World) -> Report {
    for site in &world.sites {
        site.restart().await;
    }
    Report::note(format!("{} processes", world.sites.len()))
}
