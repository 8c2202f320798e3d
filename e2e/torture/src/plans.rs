//! Plans: which faults come together, how the load behaves meanwhile, and what must hold all the same.

use std::{ops::Range, time::Duration};

use crate::{
    faults::Fault,
    load::LoadOptions,
    world::{Durability, WorldOptions},
};

/// Faults that come one after the other, with a pause between them. Tracks of a plan run side by side.
#[derive(Debug, Clone)]
pub struct Track {
    /// One of these each time.
    pub faults: &'static [Fault],
    /// Pause before each, in ms.
    pub pause: Range<u64>,
}

/// A plan.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub what: &'static str,
    tracks: &'static [(&'static [Fault], Range<u64>)],
}

const QUICK: Range<u64> = 200..800;
const CALMER: Range<u64> = 1_000..3_000;

macro_rules! plan {
    ($name:literal, $what:literal, $([$($fault:ident),+] $pause:expr),* $(,)?) => {
        Plan { name: $name, what: $what, tracks: &[$((&[$(Fault::$fault),+], $pause)),*] }
    };
}

/// Every plan, in the order in which a whole run plays them.
pub const PLANS: &[Plan] = &[
    plan!(
        "calm",
        "no fault at all: each task runs exactly as often as it is asked to",
    ),
    plan!("redis-kill", "kill -9 of Redis", [RedisKill] QUICK),
    plan!("power-cut", "power cuts of Redis and torn tails", [PowerCut, PowerCut, TornTail] QUICK),
    plan!("slow-disk", "a disk that takes long, and a kill meanwhile", [SlowDisk, SlowDiskKill] CALMER),
    plan!("disk-error", "a disk that fails and one that is full", [DiskIoError, DiskFull] CALMER),
    plan!("memory-full", "maxmemory reached", [MemoryFull] CALMER),
    plan!("redis-pause", "a Redis that freezes", [RedisPause] CALMER),
    plan!("redis-away", "a Redis that is away for two leases", [RedisAway] CALMER),
    plan!("gateway-kill", "kill -9 of gateways", [GatewayKill] QUICK),
    plan!("worker-kill", "kill -9 of worker roles", [WorkerKill] QUICK),
    plan!("results-kill", "kill -9 of results roles", [ResultsKill] QUICK),
    plan!("handler-kill", "kill -9 of handler processes", [HandlerKill] CALMER),
    plan!("handler-pause", "handler processes that freeze past their leases and settle all the same", [HandlerPause] CALMER),
    plan!("worker-pause", "worker roles that freeze past the leases of their streams", [WorkerPause] CALMER),
    plan!("lost-reply", "replies of Redis that nobody hears", [LostReply] QUICK),
    plan!("cut-links", "connections that break", [CutLinks] QUICK),
    plan!("slow-link", "ways that take long", [SlowLink] CALMER),
    plan!("impatient", "callers that give up in the middle of a call", [CutLinks] CALMER),
    plan!("script-flush", "a Redis that forgets its scripts", [ScriptFlush] QUICK),
    plan!("redis-clock", "a clock of Redis that jumps", [RedisClock] CALMER),
    plan!("role-clock", "clocks of the roles that jump", [RoleClock] QUICK),
    plan!("damage", "indexes damaged by hand", [Damage] 3_000..6_000),
    plan!("vanished-store", "an empty Redis in the place of the true one", [VanishedStore] CALMER),
    plan!("slow-watchers", "watchers that never read", [ResultsKill] 4_000..6_000),
    plan!("herd", "all workers at once, and a thousand tasks due", [Herd] CALMER),
    plan!("few-files", "a gateway out of file descriptors", [FewFiles] CALMER),
    plan!("rolling-restart", "every role drained and started again", [RollingRestart] CALMER),
    plan!("kills", "kills of Redis, power cuts and kills of every role at once",
        [RedisKill, RedisKill, RedisKill, RedisKill, RedisKill, PowerCut] 300..900,
        [GatewayKill] 1_000..2_000, [WorkerKill] 1_000..2_000, [ResultsKill] 1_000..2_000, [HandlerKill] 1_000..2_000),
    plan!("mixed", "everything at once, by the seed",
        [RedisKill, PowerCut, TornTail, SlowDisk, SlowDiskKill, DiskIoError, DiskFull, MemoryFull, RedisPause, RedisAway,
         RedisClock, VanishedStore, ScriptFlush] CALMER,
        [GatewayKill, WorkerKill, ResultsKill, RollingRestart, FewFiles] CALMER,
        [HandlerKill, HandlerPause, WorkerPause, Herd] CALMER,
        [LostReply, CutLinks, SlowLink, RoleClock] CALMER),
];

impl Plan {
    /// The plan of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        PLANS.iter().find(|plan| plan.name == name).copied()
    }

    /// Its tracks.
    #[must_use]
    pub fn tracks(&self) -> Vec<Track> {
        let tracks = self.tracks.iter().cloned();
        tracks.map(|(faults, pause)| Track { faults, pause }).collect()
    }

    /// Whether nothing is broken.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.tracks.is_empty()
    }

    /// Whether it has this fault.
    #[must_use]
    pub fn has(&self, fault: Fault) -> bool {
        self.tracks.iter().any(|(faults, _)| faults.contains(&fault))
    }

    /// How its load behaves.
    #[must_use]
    pub fn load(&self) -> LoadOptions {
        LoadOptions {
            // A handler that crashes is a fault, too.
            crashes: !self.is_calm(),
            impatient: matches!(self.name, "impatient" | "mixed"),
            ..LoadOptions::default()
        }
    }

    /// Watchers that open a stream and never read it.
    #[must_use]
    pub fn deaf_watchers(&self) -> usize {
        if self.name == "slow-watchers" { 500 } else { 0 }
    }

    /// What it runs on.
    #[must_use]
    pub fn world(&self, program: std::path::PathBuf, durability: Durability) -> WorldOptions {
        WorldOptions {
            program,
            durability,
            memory: "1gb".to_owned(),
            handlers: 3,
            credits: 64,
            stubborn: self.has(Fault::HandlerPause) || self.has(Fault::WorkerPause),
        }
    }

    /// How long a whole run plays it, of so many minutes in all.
    #[must_use]
    pub fn share(budget: Duration, plans: usize) -> Duration {
        // Start, quiet and check take about twelve seconds of each.
        const OVERHEAD: Duration = Duration::from_secs(12);
        let each = budget / u32::try_from(plans.max(1)).unwrap_or(u32::MAX);
        each.saturating_sub(OVERHEAD).max(Duration::from_secs(8))
    }
}

#[cfg(test)]
mod tests {
    use super::PLANS;
    use crate::faults::Fault;

    #[test]
    fn every_fault_is_in_the_mixture_or_in_a_plan_of_its_own_and_names_are_unique() {
        for fault in Fault::ALL {
            assert!(PLANS.iter().any(|plan| plan.has(*fault)), "{fault:?} is in no plan");
        }
        let names: std::collections::HashSet<&str> = PLANS.iter().map(|plan| plan.name).collect();
        assert_eq!(names.len(), PLANS.len());
    }
}
