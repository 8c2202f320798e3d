//! The named invariants of Tidemill and checks of those that can be seen in a task's record, its history or a queue's counters.
//!
//! The checks know nothing of how a queue works: they look at what it shows, so that the reference queue, the store and a whole system
//! under faults are held against the same sentences.

use std::collections::BTreeSet;

use tidemill_proto::v1::ErrorReason;

use crate::{
    op::Rules,
    snapshot::{Counters, Snapshot},
    state::{Cause, TaskState},
    transition::is_legal,
};

macro_rules! invariants {
    ($($number:literal $name:ident $sentence:literal),+ $(,)?) => {
        /// What must always hold, under every fault that the durability mode covers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Invariant { $(#[doc = $sentence] $name = $number),+ }

        impl Invariant {
            /// Every invariant, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// What it says.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence),+ }
            }

            /// Its name in the reliability document: `I10`.
            pub fn code(self) -> String {
                format!("I{}", self as u8)
            }
        }
    };
}

invariants! {
    1 NoAckedLoss "An enqueue that was acknowledged is there in the end, in exactly one state, and terminal once all is quiet.",
    2 RanBeforeSuccess "A task succeeded under a fence only if a handler started it under that fence.",
    3 OneTerminal "A task ends at most once, and nothing of it changes after.",
    4 Fencing "Every accepted act of an owner carries the latest granted fence and nonce.",
    5 FenceMonotone "The fences granted for a task strictly rise, and none goes to two holders.",
    6 LeaseExclusion "The leases of one task never overlap, by the order of the store.",
    7 BoundedDuplicates "A task starts at most once more than it failed, lost its lease and was given back.",
    8 Budget "Failures, crashes and counted releases stay within their limits; a task that reaches one is FAILED with the right reason.",
    9 Idempotency "Within its window a key names one task; other content under it is refused without effect.",
    10 LegalEdges "Each transition is an edge of the table and counts one version; events are numbered without holes.",
    11 Watch "A watch is ordered, unique, complete but for what it names as truncated, resumable, and ends with the result.",
    12 Schedule "No task is leased before its time.",
    13 IndexIsRecord "A task is in exactly the index that its state demands, and counters equal a recount.",
    14 TenantIsolation "No byte of one namespace is seen in another.",
    15 Webhook "Every subscribed end of a task is delivered or ends in a list that can be seen.",
    16 HonestRefusal "An answer marked as not applied left no trace.",
    17 BoundedMemory "Memory stays within its limits, and a watcher costs the same however slow it is.",
    18 Recovery "After a fault work goes on and orphans are taken up within the stated time.",
    19 Clock "No jump of any process's clock breaks the other invariants.",
    20 Secrets "No secret and no payload is seen in a log, metric, error, trace or dump.",
}

/// An invariant that does not hold, and where it shows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} ({invariant:?}) is broken: {detail}", invariant.code())]
pub struct Broken {
    /// Which.
    pub invariant: Invariant,
    /// What was seen.
    pub detail: String,
}

type Check = Result<(), Broken>;

fn hold(holds: bool, invariant: Invariant, detail: impl FnOnce() -> String) -> Check {
    if holds {
        Ok(())
    } else {
        Err(Broken {
            invariant,
            detail: detail(),
        })
    }
}

/// All checks that need one look at a task only: I3, I8, I10. `log` are the numbers of its progress and chunks.
pub fn check_task(task: &Snapshot, rules: &Rules, log: &[u32]) -> Check {
    check_one_terminal(task)?;
    check_budget(task, rules)?;
    check_legal_edges(task, log)
}

/// I3: at most one end, and it is the last event.
pub fn check_one_terminal(task: &Snapshot) -> Check {
    let ends = task.events.iter().filter(|event| event.state.is_terminal()).count();
    let last = task.events.last().map(|event| event.state);
    hold(last == Some(task.header.state), Invariant::OneTerminal, || {
        format!("state is {:?} but the last event says {last:?}", task.header.state)
    })?;
    hold(
        ends == usize::from(task.header.state.is_terminal()),
        Invariant::OneTerminal,
        || format!("{ends} terminal events in {:?}", task.events),
    )
}

/// I3 over time: a finished task is the same ever after, and an unfinished one only grows.
pub fn check_unchanged(earlier: &Snapshot, later: &Snapshot) -> Check {
    let grew = later.events.starts_with(&earlier.events) && later.header.fence >= earlier.header.fence;
    hold(grew, Invariant::OneTerminal, || {
        format!("history was rewritten: {earlier:?} became {later:?}")
    })?;
    let same = later.clone().comparable() == earlier.clone().comparable();
    hold(
        same || !earlier.header.state.is_terminal(),
        Invariant::OneTerminal,
        || format!("finished task changed: {earlier:?} became {later:?}"),
    )
}

/// What an owner of a task experienced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerStep {
    /// A lease was granted with this fence and nonce. A repeat of the same grant to the same request is the same grant.
    Granted(u32, [u8; 16]),
    /// A heartbeat, report or settle with this fence and nonce was accepted.
    Accepted(u32, [u8; 16]),
}

/// I4 and I5 over the steps of one task, in the order of the store. `last_fence` is that of the record in the end.
pub fn check_fencing(steps: &[OwnerStep], last_fence: u32) -> Check {
    let mut latest = None;
    for step in steps {
        match *step {
            OwnerStep::Granted(fence, nonce) => {
                let rises = latest.is_none_or(|known: (u32, [u8; 16])| fence > known.0 || (fence, nonce) == known);
                hold(rises, Invariant::FenceMonotone, || {
                    format!("fence {fence} granted after {latest:?}")
                })?;
                latest = Some((fence, nonce));
            }
            OwnerStep::Accepted(fence, nonce) => {
                hold(latest == Some((fence, nonce)), Invariant::Fencing, || {
                    format!("fence {fence} accepted while the latest grant was {latest:?}")
                })?;
            }
        }
    }
    let known = latest.map_or(0, |(fence, _)| fence);
    hold(known == last_fence, Invariant::Fencing, || {
        format!("record has fence {last_fence}, granted was {known}")
    })
}

/// I8: within the budget, and FAILED with the right reason when it is used up.
pub fn check_budget(task: &Snapshot, rules: &Rules) -> Check {
    let header = &task.header;
    let (attempts, crashes) = (u32::from(header.failures) + u32::from(header.crashes), header.crashes);
    let used_up = attempts >= u32::from(header.max_attempts) || crashes >= rules.crash_limit;
    let within = attempts <= u32::from(header.max_attempts)
        && crashes <= rules.crash_limit
        && header.releases <= rules.release_limit;
    hold(within, Invariant::Budget, || format!("over a limit: {header:?}"))?;
    hold(!used_up || header.state.is_terminal(), Invariant::Budget, || {
        format!("goes on: {header:?}")
    })?;
    let reason = task.outcome.error.as_ref().map(tidemill_proto::v1::TaskError::reason);
    let right = match reason {
        _ if header.state != TaskState::Failed => true,
        None | Some(ErrorReason::Unspecified) => false,
        Some(ErrorReason::CrashLimit) => crashes >= rules.crash_limit,
        Some(ErrorReason::AttemptsExhausted) => attempts >= u32::from(header.max_attempts),
        Some(ErrorReason::ReleaseLimit) => header.releases >= rules.release_limit,
        Some(_) => true,
    };
    hold(right, Invariant::Budget, || {
        format!("FAILED for {reason:?} with {header:?}")
    })
}

/// I10: every event is an edge of the table, there are `version` of them, and the numbers of events and log entries have no holes but
/// those below `first_kept`. `log` are the numbers of its progress and chunks.
pub fn check_legal_edges(task: &Snapshot, log: &[u32]) -> Check {
    let header = &task.header;
    let edges = |ok: bool, what: &str| hold(ok, Invariant::LegalEdges, || format!("{what}: {task:?}, log {log:?}"));
    let mut from = None;
    let mut number = 0;
    for event in &task.events {
        edges(is_legal(from, event.state, event.cause), "not an edge of the table")?;
        edges(event.sequence > number, "numbers do not rise")?;
        edges(
            event.cause != Cause::Leased || event.attempt > 0,
            "a lease without attempt",
        )?;
        (from, number) = (Some(event.state), event.sequence);
    }
    edges(
        header.version as usize == task.events.len(),
        "version is not the number of events",
    )?;
    let states = task.events.iter().map(|event| event.sequence);
    let seen: BTreeSet<u32> = states.chain(log.iter().copied()).collect();
    edges(seen.len() == task.events.len() + log.len(), "a number twice")?;
    edges(
        log.iter().all(|number| *number >= header.first_kept),
        "an entry that should be gone",
    )?;
    let cut = header.first_kept.saturating_sub(1);
    let complete = (cut + 1..=header.sequence).all(|number| seen.contains(&number));
    edges(complete, "a number is missing")?;
    edges(
        seen.last().copied().unwrap_or(0).max(cut) == header.sequence,
        "sequence is not the last number",
    )
}

/// A time before which a task must not be leased: it was seen SCHEDULED at this event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotBefore {
    /// Number of the event that made it SCHEDULED.
    pub sequence: u32,
    /// Unix ms.
    pub due_ms: u64,
}

/// I12: each wait ends at its time or later, and no lease comes before that. What counts is the clock when the task became ready: the
/// store's clock may step back between that and the lease (I19).
pub fn check_schedule(task: &Snapshot, waits: &[NotBefore]) -> Check {
    for wait in waits {
        let ended = |cause: &Cause| matches!(cause, Cause::Due | Cause::Leased);
        let next = task
            .events
            .iter()
            .find(|event| event.sequence > wait.sequence && ended(&event.cause));
        let in_time = next.is_none_or(|event| event.cause == Cause::Due && event.time_ms >= wait.due_ms);
        hold(in_time, Invariant::Schedule, || format!("{wait:?} ended by {next:?}"))?;
    }
    Ok(())
}

/// I13: the counters of a queue equal a recount of its tasks.
pub fn check_counters(shown: &Counters, recount: &Counters) -> Check {
    hold(shown == recount, Invariant::IndexIsRecord, || {
        format!("shown {shown:?}, counted {recount:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::Invariant;

    #[test]
    fn invariants_are_numbered_from_one_to_twenty() {
        let codes: Vec<String> = Invariant::ALL.iter().map(|invariant| invariant.code()).collect();
        assert_eq!(codes, (1..=20).map(|number| format!("I{number}")).collect::<Vec<_>>());
    }
}
