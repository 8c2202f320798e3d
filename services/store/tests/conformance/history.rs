//! Random histories: the reference queue and the store are told the same and must answer the same, step by step; in the end every task,
//! every log and every counter must be equal, and nothing may be left once everything is purged (I13).

use bytes::Bytes;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tidemill_model::{
    id::LeaseToken,
    op::{Enqueued, Heartbeat, Settle, Start},
    state::{Priority, TaskState},
    wire::LogKind,
};

use crate::subject::{OnRedis, Reference, START, Subject, error, line, output, request, task, with_key};

#[derive(Debug, Clone)]
enum Op {
    Enqueue {
        kind: u8,
        priority: u8,
        delay: u16,
        expires: u16,
        key: u8,
        content: u8,
        limit: bool,
    },
    Lease {
        first: u8,
        max: u8,
        repeat: bool,
    },
    Heartbeat {
        pick: u8,
        age: u16,
    },
    Settle {
        pick: u8,
        how: u8,
        delay: u16,
        stale: bool,
    },
    Cancel {
        pick: u8,
    },
    Report {
        pick: u8,
        bytes: u8,
    },
    Tick {
        reap: bool,
    },
    Pass {
        ms: u32,
    },
    Pause {
        paused: bool,
    },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..3u8, 1..5u8, prop_oneof![3 => Just(0u16), 1 => 1..3_000u16], prop_oneof![3 => Just(0u16), 1 => 1..9_000u16], 0..6u8, 0..2u8, any::<bool>())
            .prop_map(|(kind, priority, delay, expires, key, content, limit)| Op::Enqueue { kind, priority, delay, expires, key, content, limit }),
        5 => (0..3u8, 1..6u8, prop::bool::weighted(0.2)).prop_map(|(first, max, repeat)| Op::Lease { first, max, repeat }),
        2 => (any::<u8>(), 0..40_000u16).prop_map(|(pick, age)| Op::Heartbeat { pick, age }),
        5 => (any::<u8>(), 0..7u8, 0..2_000u16, prop::bool::weighted(0.1)).prop_map(|(pick, how, delay, stale)| Op::Settle { pick, how, delay, stale }),
        1 => any::<u8>().prop_map(|pick| Op::Cancel { pick }),
        2 => (any::<u8>(), 0..120u8).prop_map(|(pick, bytes)| Op::Report { pick, bytes }),
        3 => prop::bool::weighted(0.8).prop_map(|reap| Op::Tick { reap }),
        3 => prop_oneof![4 => 1..2_000u32, 1 => 20_000..40_000u32].prop_map(|ms| Op::Pass { ms }),
        1 => prop::bool::weighted(0.3).prop_map(|paused| Op::Pause { paused }),
    ]
}

struct Pair {
    reference: Reference,
    redis: OnRedis,
    now: u64,
    made: Vec<tidemill_model::id::TaskId>,
    tokens: Vec<LeaseToken>,
    requests: u8,
    /// When the last request was made first: the store remembers it for a minute of real time, the reference for one of the test's.
    asked: u64,
}

macro_rules! both {
    ($pair:expr, $method:ident($($arg:expr),*)) => {{
        let expected = $pair.reference.$method($($arg.clone()),*).await;
        let found = $pair.redis.$method($($arg.clone()),*).await;
        assert_eq!(found, expected, concat!(stringify!($method), " differs"));
        found
    }};
}

impl Pair {
    async fn new() -> Self {
        Self {
            reference: Reference::new(),
            redis: OnRedis::new().await,
            now: START,
            made: vec![],
            tokens: vec![],
            requests: 0,
            asked: 0,
        }
    }

    fn token(&self, pick: u8) -> Option<LeaseToken> {
        // The latest are the most interesting.
        let from = self.tokens.len().saturating_sub(12);
        let recent = &self.tokens[from..];
        (!recent.is_empty()).then(|| recent[usize::from(pick) % recent.len()])
    }

    async fn apply(&mut self, op: &Op) {
        let now = self.now;
        match *op {
            Op::Enqueue {
                kind,
                priority,
                delay,
                expires,
                key,
                content,
                limit,
            } => {
                let mut new = task(self.made.len() as u64 + 1, "q", ["a", "b", "c"][usize::from(kind)]);
                new.record.priority = Priority::from_number(priority).unwrap();
                new.record.expires_in_ms = u64::from(expires);
                new.record.drop_input = expires % 2 == 1;
                new.record.max_attempts = 1 + content + kind;
                new.start = if delay == 0 {
                    Start::Now
                } else {
                    Start::After(u64::from(delay))
                };
                new.queue_limit = if limit { 9 } else { 0 };
                if key > 2 {
                    new = with_key(new, key, content);
                }
                self.made.push(new.id);
                both!(self, enqueue(now, new));
            }
            Op::Lease { first, max, repeat } => {
                if !repeat || now >= self.asked + 60_000 {
                    self.requests = self.requests.wrapping_add(1);
                    self.asked = now;
                }
                let mut lines = [line("q", "a"), line("q", "b"), line("q", "c")];
                lines.rotate_left(usize::from(first));
                let ask = request(self.requests, &lines, u32::from(max));
                let expected = self.reference.lease(now, &ask).await;
                let found = self.redis.lease(now, &ask).await;
                let tokens =
                    |leased: &[tidemill_model::op::Leased]| leased.iter().map(|one| one.token).collect::<Vec<_>>();
                assert_eq!(tokens(&found), tokens(&expected), "lease differs");
                self.tokens.extend(tokens(&found));
            }
            Op::Heartbeat { pick, age } => {
                if let Some(token) = self.token(pick) {
                    both!(
                        self,
                        heartbeat(
                            now,
                            Heartbeat {
                                token,
                                age_ms: u64::from(age)
                            }
                        )
                    );
                }
            }
            Op::Settle {
                pick,
                how,
                delay,
                stale,
            } => {
                let Some(mut token) = self.token(pick) else { return };
                if stale {
                    token.nonce[3] ^= 1;
                }
                let settle = match how {
                    0 | 1 => Settle::Complete {
                        outcome: output("done"),
                    },
                    2 => Settle::CompleteTooLarge {
                        outcome: error("large"),
                    },
                    3 | 4 => Settle::Fail {
                        outcome: error("oops"),
                        permanent: delay < 100,
                        delay_ms: u64::from(delay),
                    },
                    5 => Settle::Release {
                        counted: delay % 2 == 0,
                    },
                    _ => Settle::Stop {
                        delay_ms: u64::from(delay),
                    },
                };
                both!(self, settle(now, token, settle));
            }
            Op::Cancel { pick } => {
                if !self.made.is_empty() {
                    let id = self.made[usize::from(pick) % self.made.len()];
                    both!(self, cancel(now, id, "reason"));
                }
            }
            Op::Report { pick, bytes } => {
                if let Some(token) = self.token(pick) {
                    both!(
                        self,
                        report(now, token, LogKind::Chunk, Bytes::from(vec![9; usize::from(bytes)]))
                    );
                }
            }
            Op::Tick { reap } => {
                both!(self, tick(now, reap));
            }
            Op::Pass { ms } => self.now += u64::from(ms),
            Op::Pause { paused } => {
                self.reference.pause("q", paused).await;
                self.redis.pause("q", paused).await;
            }
        }
    }

    async fn compare_all(&mut self) {
        for id in self.made.clone() {
            both!(self, snapshot(id));
            both!(self, log(id));
        }
        both!(self, counters("q"));
    }

    /// Lets everything end and be purged: no key may be left, and every counter must be zero.
    async fn wind_down(&mut self) {
        for id in self.made.clone() {
            both!(self, cancel(self.now, id, "end"));
        }
        for wait in [40_000, 40 * 24 * 3_600_000] {
            self.now += wait;
            while both!(self, tick(self.now, true)).more {}
        }
        let counters = both!(self, counters("q"));
        assert_eq!(counters, Default::default());
        let left = self.redis.keys().await;
        let left: Vec<_> = left
            .iter()
            .map(|key| String::from_utf8_lossy(key))
            .filter(|key| !allowed_leftover(key))
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

/// The counters of the queue; tombstones, which go when their line is next served; idempotency keys, which live a day of real time.
fn allowed_leftover(key: &str) -> bool {
    ["q:", "r:", "i:"]
        .iter()
        .any(|word| key.starts_with(&format!("tm:{{0}}:{word}")))
}

/// `TIDEMILL_TEST_HISTORIES` asks for more than the usual number.
#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "a long run is asked for through the environment"
)]
async fn random_histories_agree() {
    let cases: u32 = std::env::var("TIDEMILL_TEST_HISTORIES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(40);
    for seed in 0..cases {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&seed.to_le_bytes());
        let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        let ops = prop::collection::vec(op(), 150..250)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let mut pair = Pair::new().await;
        for (step, op) in ops.iter().enumerate() {
            let context = format!("seed {seed}, step {step}: {op:?} at +{}", pair.now - START);
            // The message of a failed assertion inside comes after this line.
            eprintln!("{context}");
            pair.apply(op).await;
        }
        pair.compare_all().await;
        pair.wind_down().await;
    }
}

/// The suite can fail: a history that the store saw and the reference did not is noticed.
#[tokio::test]
#[should_panic(expected = "counters differs")]
async fn a_difference_is_noticed() {
    let mut pair = Pair::new().await;
    let new = task(1, "q", "a");
    assert_eq!(
        pair.redis.enqueue(START, new).await,
        Enqueued::Stored(TaskState::Queued)
    );
    pair.compare_all().await;
}
