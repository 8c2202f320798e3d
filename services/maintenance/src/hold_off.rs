//! When reaping must wait.
//!
//! A lease that ended while the store was away, or because its clock jumped, says nothing about its worker: the worker could not renew
//! it. So after either, reaping waits for as long as live workers need to renew. A reaper that starts on a store that was not away does
//! not wait.

use std::time::Duration;

use tokio::time::Instant;

/// How long reaping waits.
const HOLD_OFF: Duration = Duration::from_secs(2);
/// A store that was away for this long, at most, cannot have kept a worker from renewing in time.
const AWAY: Duration = Duration::from_secs(1);
/// A step of the server's clock against ours above this is a jump.
const CLOCK_SLACK_MS: i128 = 500;

/// One answer of the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observation {
    /// When it was asked.
    pub(crate) sent: Instant,
    /// When it had answered.
    pub(crate) received: Instant,
    /// Its clock, read somewhere in between, in Unix ms.
    pub(crate) server_ms: u64,
    /// Connections made so far: a step means that the old one broke.
    pub(crate) connections: u64,
}

/// Watches the store's clock and its absences.
#[derive(Debug)]
pub(crate) struct HoldOff {
    started: Instant,
    connections: u64,
    last: Option<Observation>,
    failed: bool,
    until: Option<Instant>,
}

impl HoldOff {
    /// `connections`: as many as the store had made when it was opened.
    pub(crate) fn new(now: Instant, connections: u64) -> Self {
        Self {
            started: now,
            connections,
            last: None,
            failed: false,
            until: None,
        }
    }

    /// A call failed.
    pub(crate) fn failed(&mut self) {
        self.failed = true;
    }

    /// A call was answered. True if reaping waits from now on because of it.
    pub(crate) fn observe(&mut self, seen: Observation) -> bool {
        let known = self.last.map_or(self.started, |last| last.received);
        let connections = self.last.map_or(self.connections, |last| last.connections);
        let broke = self.failed || seen.connections != connections;
        // How long it was away is not known, only that it answered at `known` and does now.
        let away = broke && seen.received.duration_since(known) > AWAY;
        let slow = seen.received.duration_since(seen.sent) > AWAY;
        let hold = away || slow || self.last.is_some_and(|last| clock_jumped(&last, &seen));
        if hold {
            self.until = Some(seen.received + HOLD_OFF);
        }
        self.failed = false;
        self.last = Some(seen);
        hold
    }

    pub(crate) fn may_reap(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    /// When reaping goes on, if it waits.
    pub(crate) fn ends(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// Whether there was an answer within `span` before `now`, with no failure since.
    pub(crate) fn is_fresh(&self, now: Instant, span: Duration, connections: u64) -> bool {
        let recent = |last: Observation| now.duration_since(last.received) <= span && last.connections == connections;
        !self.failed && self.last.is_some_and(recent)
    }

    /// The moment of our clock at which the server's will show `server_ms`, as far as we know it; never too early.
    pub(crate) fn local(&self, server_ms: u64) -> Option<Instant> {
        let last = self.last?;
        Some(last.received + Duration::from_millis(server_ms.saturating_sub(last.server_ms)))
    }
}

/// The server read its clock between `sent` and `received`, so its step has a range, which slow answers widen.
fn clock_jumped(last: &Observation, seen: &Observation) -> bool {
    let ms = |duration: Duration| duration.as_millis() as i128;
    let least = ms(seen.sent.saturating_duration_since(last.received)) - CLOCK_SLACK_MS;
    let most = ms(seen.received.duration_since(last.sent)) + CLOCK_SLACK_MS;
    let step = i128::from(seen.server_ms) - i128::from(last.server_ms);
    step < least || step > most
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_MS: u64 = 1_000_000;

    struct Scene {
        start: Instant,
        hold_off: HoldOff,
    }

    impl Scene {
        fn new() -> Self {
            let start = Instant::now();
            Self {
                start,
                hold_off: HoldOff::new(start, 1),
            }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        /// An answer at `ms` of our clock, when the server's shows `server_ms` since the start.
        fn answer(&mut self, ms: u64, server_ms: u64, connections: u64) -> bool {
            let (sent, received) = (self.at(ms), self.at(ms + 2));
            self.hold_off.observe(Observation {
                sent,
                received,
                server_ms: START_MS + server_ms,
                connections,
            })
        }
    }

    #[test]
    fn a_fresh_start_reaps_at_once() {
        let mut scene = Scene::new();
        assert!(!scene.answer(5_000, 77, 1));
        assert!(scene.hold_off.may_reap(scene.at(5_001)));
    }

    #[test]
    fn a_long_absence_holds_off_for_two_seconds() {
        let mut scene = Scene::new();
        scene.answer(0, 0, 1);
        scene.hold_off.failed();
        assert!(scene.answer(3_000, 3_000, 2));
        assert!(!scene.hold_off.may_reap(scene.at(4_900)));
        assert_eq!(scene.hold_off.ends(scene.at(4_900)), Some(scene.at(5_002)));
        assert!(scene.hold_off.may_reap(scene.at(5_002)));
        assert!(!scene.answer(6_000, 6_000, 2));
    }

    #[test]
    fn a_connection_that_somebody_else_made_is_an_absence() {
        let mut scene = Scene::new();
        scene.answer(0, 0, 1);
        assert!(scene.answer(10_000, 10_000, 2));
    }

    #[test]
    fn a_short_absence_is_no_reason() {
        let mut scene = Scene::new();
        scene.answer(0, 0, 1);
        scene.hold_off.failed();
        assert!(!scene.answer(900, 900, 2));
    }

    #[test]
    fn an_absence_at_the_start_is_one() {
        let mut scene = Scene::new();
        scene.hold_off.failed();
        assert!(scene.answer(2_000, 2_000, 2));
    }

    #[test]
    fn a_clock_that_jumps_either_way_is_noticed() {
        for jump in [0_u64, 1_400, 2_600, 3_600_000] {
            let mut scene = Scene::new();
            scene.answer(0, 0, 1);
            assert!(scene.answer(2_000, jump, 1), "{jump}");
        }
        for drift in [1_600, 2_000, 2_400] {
            let mut scene = Scene::new();
            scene.answer(0, 0, 1);
            assert!(!scene.answer(2_000, drift, 1), "{drift}");
        }
    }

    #[test]
    fn a_server_that_hung_during_the_call_was_away() {
        let mut scene = Scene::new();
        scene.answer(0, 0, 1);
        let seen = Observation {
            sent: scene.at(10),
            received: scene.at(1_500),
            server_ms: START_MS + 1_490,
            connections: 1,
        };
        assert!(scene.hold_off.observe(seen));
    }
}
