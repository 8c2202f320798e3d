//! What the operating system says about processes. Linux only.

use std::{collections::BTreeMap, fs, time::Instant};

/// CPU time of named processes at one moment.
#[derive(Debug)]
pub(crate) struct Clocks {
    at: Instant,
    micros: BTreeMap<&'static str, f64>,
}

/// What processes have used between two moments.
#[derive(Debug, Clone)]
pub(crate) struct Used {
    pub(crate) seconds: f64,
    pub(crate) micros: BTreeMap<&'static str, f64>,
}

impl Clocks {
    pub(crate) fn read(processes: &[(&'static str, u32)]) -> Self {
        let micros = processes.iter().map(|(name, pid)| (*name, cpu_micros(*pid))).collect();
        Self {
            at: Instant::now(),
            micros,
        }
    }

    pub(crate) fn until(&self, later: &Self) -> Used {
        let used = self
            .micros
            .iter()
            .map(|(name, before)| (*name, later.micros[name] - before));
        Used {
            seconds: later.at.duration_since(self.at).as_secs_f64(),
            micros: used.collect(),
        }
    }
}

impl Used {
    pub(crate) fn total(&self) -> f64 {
        self.micros.values().sum()
    }

    /// Mean number of cores.
    pub(crate) fn cores(&self) -> f64 {
        self.total() / 1e6 / self.seconds
    }

    /// "redis 7.1, gateway 0.8, …" in µs for each of so many operations.
    pub(crate) fn by_process(&self, operations: usize) -> String {
        let parts = self
            .micros
            .iter()
            .map(|(name, micros)| format!("{name} {:.1}", micros / operations as f64));
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// User and system time of a process, all its threads, in µs. Steps of one tick, usually 10 ms.
fn cpu_micros(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_else(|error| panic!("process {pid}: {error}"));
    // The name, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(") ").expect("/proc/PID/stat");
    let field = |number: usize| -> f64 {
        let text = fields
            .split_ascii_whitespace()
            .nth(number - 3)
            .expect("a field of /proc/PID/stat");
        text.parse().expect("a number")
    };
    (field(14) + field(15)) * 1e6 / rustix::param::clock_ticks_per_second() as f64
}

/// Resident memory of a process in bytes.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("/proc/PID/status");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("VmRSS");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("kB");
    kib * 1024
}

/// What was measured on, in a line.
pub(crate) fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model
        .and_then(|line| line.split_once(": "))
        .map_or("unknown CPU", |(_, name)| name);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0);
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{cores} cores of {model}, {} GiB", kib >> 20)
}

/// The load of the last minute.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_ascii_whitespace().next().unwrap_or("unknown").to_owned()
}
