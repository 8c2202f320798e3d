use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{T0, error, line, name, output, request, task};
use crate::{
    id::{LeaseToken, Namespace, TaskId},
    invariant::{
        Broken, Invariant, NotBefore, OwnerStep, check_counters, check_fencing, check_schedule, check_task,
        check_unchanged,
    },
    op::{Heartbeat, Idempotency, Renewal, Reported, Rules, Settle, Settlement, Start},
    reference::{Defect, ReferenceQueue},
    snapshot::Snapshot,
    state::{Priority, TaskState},
    wire::LogKind,
};

#[derive(Debug, Clone)]
enum Op {
    Enqueue {
        kind: u8,
        priority: u8,
        delay: u16,
        expires: u16,
        key: Option<u8>,
        attempts: u8,
    },
    Lease {
        request: u8,
        max: u8,
        all_lines: bool,
    },
    Beat {
        pick: u8,
        age: u16,
    },
    Settle {
        pick: u8,
        how: u8,
        delay: u16,
        stale: bool,
    },
    Report {
        pick: u8,
        bytes: u8,
    },
    Cancel {
        pick: u8,
    },
    Tick {
        reap: bool,
        delay: u16,
    },
    Pass {
        ms: u32,
    },
    Step {
        back_ms: u32,
    },
    Pause {
        paused: bool,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let rarely = |max: u16| prop_oneof![3 => Just(0u16), 1 => 1..max];
    prop_oneof![
        5 => (0..2u8, 1..5u8, rarely(3_000), rarely(9_000), proptest::option::of(0..4u8), 1..5u8).prop_map(
            |(kind, priority, delay, expires, key, attempts)| Op::Enqueue { kind, priority, delay, expires, key, attempts }
        ),
        6 => (any::<u8>(), 1..5u8, any::<bool>()).prop_map(|(request, max, all_lines)| Op::Lease { request, max, all_lines }),
        2 => (any::<u8>(), 0..40_000u16).prop_map(|(pick, age)| Op::Beat { pick, age }),
        5 => (any::<u8>(), 0..8u8, 0..2_000u16, prop::bool::weighted(0.2))
            .prop_map(|(pick, how, delay, stale)| Op::Settle { pick, how, delay, stale }),
        2 => (any::<u8>(), 0..90u8).prop_map(|(pick, bytes)| Op::Report { pick, bytes }),
        1 => any::<u8>().prop_map(|pick| Op::Cancel { pick }),
        4 => (prop::bool::weighted(0.8), 0..1_000u16).prop_map(|(reap, delay)| Op::Tick { reap, delay }),
        3 => prop_oneof![4 => 1..2_000u32, 1 => 20_000..40_000u32, 1 => Just(90_000_000)].prop_map(|ms| Op::Pass { ms }),
        1 => (0..5_000u32).prop_map(|back_ms| Op::Step { back_ms }),
        1 => prop::bool::weighted(0.3).prop_map(|paused| Op::Pause { paused }),
    ]
}

/// Drives a queue and watches it as a user could: by answers, records, logs and counters only.
struct Watcher {
    queue: ReferenceQueue,
    rules: Rules,
    now_ms: u64,
    made: u64,
    tokens: Vec<LeaseToken>,
    seen: BTreeMap<TaskId, Snapshot>,
    steps: BTreeMap<TaskId, Vec<OwnerStep>>,
    waits: BTreeMap<TaskId, BTreeSet<(u32, u64)>>,
}

impl Watcher {
    fn new(defect: Option<Defect>) -> Self {
        let rules = Rules {
            release_limit: 2,
            log_entries: 3,
            log_bytes: 200,
            ..Rules::default()
        };
        let queue = match defect {
            Some(defect) => ReferenceQueue::with_defect(rules, defect),
            None => ReferenceQueue::new(rules),
        };
        let (seen, steps, waits) = Default::default();
        Self {
            queue,
            rules,
            now_ms: T0,
            made: 0,
            tokens: Vec::new(),
            seen,
            steps,
            waits,
        }
    }

    fn token(&self, pick: u8) -> Option<LeaseToken> {
        let recent = &self.tokens[self.tokens.len().saturating_sub(10)..];
        (!recent.is_empty()).then(|| recent[usize::from(pick) % recent.len()])
    }

    fn accepted(&mut self, token: LeaseToken) {
        self.steps
            .entry(token.task)
            .or_default()
            .push(OwnerStep::Accepted(token.fence, token.nonce));
    }

    fn enqueue(&mut self, kind: u8, priority: u8, delay: u16, expires: u16, key: Option<u8>, attempts: u8) {
        self.made += 1;
        let mut new = task(self.made);
        new.record.kind = name(["a", "b"][usize::from(kind)]);
        new.record.priority = Priority::from_number(priority).unwrap();
        new.record.max_attempts = attempts;
        new.record.expires_in_ms = u64::from(expires);
        new.record.drop_input = expires % 2 == 1;
        new.start = if delay == 0 {
            Start::Now
        } else {
            Start::After(u64::from(delay))
        };
        new.queue_limit = 12;
        if let Some(key) = key {
            new.record.key_digest = Some([key; 16]);
            new.idempotency = Some(Idempotency {
                key: [key; 16],
                content: [0; 32],
            });
        }
        self.queue.enqueue(self.now_ms, new);
    }

    fn settle(&mut self, mut token: LeaseToken, how: u8, delay: u16, stale: bool) {
        token.nonce[0] ^= u8::from(stale);
        let settle = match how {
            0 => Settle::Complete {
                outcome: output("done"),
            },
            1 => Settle::CompleteTooLarge {
                outcome: error("large"),
            },
            2..=4 => Settle::Fail {
                outcome: error("oops"),
                permanent: delay < 100,
                delay_ms: u64::from(delay),
            },
            5 | 6 => Settle::Release {
                counted: delay.is_multiple_of(2),
            },
            _ => Settle::Stop {
                delay_ms: u64::from(delay),
            },
        };
        if let Settlement::Done { .. } = self.queue.settle(self.now_ms, &token, settle) {
            self.accepted(token);
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Enqueue {
                kind,
                priority,
                delay,
                expires,
                key,
                attempts,
            } => {
                self.enqueue(kind, priority, delay, expires, key, attempts);
            }
            Op::Lease {
                request: number,
                max,
                all_lines,
            } => {
                let lines = [line("a"), line("b")];
                let lines = if all_lines { &lines[..] } else { &lines[..1] };
                for leased in self.queue.lease(self.now_ms, &request(number, lines, u32::from(max))) {
                    let token = leased.token;
                    self.steps
                        .entry(token.task)
                        .or_default()
                        .push(OwnerStep::Granted(token.fence, token.nonce));
                    self.tokens.push(token);
                }
            }
            Op::Beat { pick, age } => {
                let Some(token) = self.token(pick) else { return };
                let beat = Heartbeat {
                    token,
                    age_ms: u64::from(age),
                };
                if self.queue.heartbeat(self.now_ms, &beat) != Renewal::Lost {
                    self.accepted(token);
                }
            }
            Op::Settle {
                pick,
                how,
                delay,
                stale,
            } => {
                let Some(token) = self.token(pick) else { return };
                self.settle(token, how, delay, stale);
            }
            Op::Report { pick, bytes } => {
                let Some(token) = self.token(pick) else { return };
                let payload = Bytes::from(vec![7; usize::from(bytes)]);
                if self.queue.report(self.now_ms, &token, LogKind::Chunk, payload) != Reported::Lost {
                    self.accepted(token);
                }
            }
            Op::Cancel { pick } => {
                let ids = self.queue.ids();
                if !ids.is_empty() {
                    let id = ids[usize::from(pick) % ids.len()];
                    self.queue.cancel(self.now_ms, &Namespace::default(), &id, b"");
                }
            }
            Op::Tick { reap, delay } => drop(self.queue.tick(self.now_ms, reap, |_| u64::from(delay))),
            Op::Pass { ms } => self.now_ms += u64::from(ms),
            Op::Step { back_ms } => self.now_ms -= u64::from(back_ms),
            Op::Pause { paused } => self.queue.set_paused(&Namespace::default(), &name("q"), paused),
        }
    }

    /// Looks at everything there is.
    fn check(&mut self) -> Result<(), Broken> {
        for id in self.queue.ids() {
            let task = self.queue.record(&id).unwrap();
            let log: Vec<u32> = self.queue.log(&id).iter().map(|entry| entry.sequence).collect();
            check_task(&task, &self.rules, &log)?;
            if let Some(earlier) = self.seen.get(&id) {
                check_unchanged(earlier, &task)?;
            }
            if task.header.state == TaskState::Scheduled {
                let number = task.events.last().unwrap().sequence;
                self.waits
                    .entry(id)
                    .or_default()
                    .insert((number, task.header.deadline_ms));
            }
            let waits: Vec<NotBefore> = self
                .waits
                .get(&id)
                .into_iter()
                .flatten()
                .map(|wait| NotBefore {
                    sequence: wait.0,
                    due_ms: wait.1,
                })
                .collect();
            check_schedule(&task, &waits)?;
            check_fencing(self.steps.get(&id).map_or(&[], Vec::as_slice), task.header.fence)?;
            self.seen.insert(id, task);
        }
        let (namespace, queue) = (Namespace::default(), name("q"));
        check_counters(
            &self.queue.counters(&namespace, &queue),
            &self.queue.recount(&namespace, &queue),
        )
    }

    fn run(ops: &[Op], defect: Option<Defect>) -> Result<Self, Broken> {
        let mut watcher = Self::new(defect);
        for op in ops {
            watcher.apply(op);
            watcher.check()?;
        }
        Ok(watcher)
    }
}

/// The same histories in every run.
fn histories(count: u8) -> impl Iterator<Item = Vec<Op>> {
    (0..count).map(|seed| {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        prop::collection::vec(op(), 120)
            .new_tree(&mut runner)
            .unwrap()
            .current()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_invariants_hold_in_any_order_of_calls(ops in prop::collection::vec(op(), 1..150)) {
        let run = Watcher::run(&ops, None);
        prop_assert!(run.is_ok(), "{}", run.err().map(|broken| broken.to_string()).unwrap_or_default());
    }
}

/// The histories are worth something: every state, and every cause of an event, is seen in them.
#[test]
fn the_histories_reach_every_state_and_cause() {
    let mut states = BTreeSet::new();
    let mut causes = BTreeSet::new();
    for ops in histories(60) {
        let watcher = Watcher::run(&ops, None).unwrap();
        let events = watcher.seen.values().flat_map(|task| &task.events);
        for event in events {
            states.insert(event.state);
            causes.insert(event.cause);
        }
    }
    assert_eq!(states.len(), TaskState::ALL.len(), "{states:?}");
    assert_eq!(causes.len(), crate::state::Cause::ALL.len(), "{causes:?}");
}

/// The checks can fail: each injected defect breaks the invariant it is about, and only that one, in some history.
#[test]
fn every_defect_is_noticed() {
    for (defect, invariant) in [
        (Defect::AnyToken, Invariant::Fencing),
        (Defect::SameFence, Invariant::FenceMonotone),
        (Defect::NoBudget, Invariant::Budget),
        (Defect::SecondEnd, Invariant::OneTerminal),
        (Defect::SkippedNumber, Invariant::LegalEdges),
        (Defect::TooEarly, Invariant::Schedule),
        (Defect::LostCount, Invariant::IndexIsRecord),
    ] {
        let found: BTreeSet<Invariant> = histories(60)
            .filter_map(|ops| Watcher::run(&ops, Some(defect)).err())
            .map(|broken| broken.invariant)
            .collect();
        assert_eq!(found, BTreeSet::from([invariant]), "{defect:?}");
    }
}
