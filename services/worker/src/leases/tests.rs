use super::*;

const GRACE: Duration = Duration::from_secs(10);

fn token(number: u64, fence: u32) -> LeaseToken {
    LeaseToken {
        task: TaskId::new(1, 0, number << 2),
        fence,
        nonce: [fence as u8; 16],
    }
}

fn held(token: LeaseToken) -> Held {
    Held::new(token, None, None, Instant::now())
}

#[test]
fn free_credits_never_fall_below_zero_and_come_back_once() {
    let mut leases = Leases::new(2, GRACE);
    assert_eq!(leases.free(), 2);
    for number in 1..=3 {
        assert_eq!(leases.insert(held(token(number, 1))), None);
    }
    assert_eq!((leases.free(), leases.len()), (0, 3));
    assert!(leases.remove(&token(1, 1)).is_some());
    assert!(leases.remove(&token(1, 1)).is_none(), "a lease is given back once");
    assert_eq!(leases.free(), 0);
    leases.set_credits(5);
    assert_eq!(leases.free(), 3);
    leases.set_credits(0);
    assert_eq!(leases.free(), 0);
    assert_eq!(leases.clear().len(), 2);
    assert_eq!(leases.free(), 0, "a stream that ended takes nothing");
}

#[test]
fn a_newer_lease_of_a_task_replaces_the_older_one() {
    let mut leases = Leases::new(9, GRACE);
    leases.insert(held(token(1, 1)));
    assert_eq!(leases.insert(held(token(1, 1))), None, "the same again is no news");
    assert_eq!(leases.insert(held(token(1, 2))), Some(token(1, 1)));
    assert_eq!(leases.insert(held(token(1, 1))), Some(token(1, 1)), "too late");
    assert_eq!(leases.of_task(&token(1, 0).task), Some(token(1, 2)));
    assert!(leases.remove(&token(1, 1)).is_none());
    assert_eq!(leases.len(), 1);
}

#[test]
fn a_cause_is_told_once() {
    let mut leases = Leases::new(1, GRACE);
    assert!(!leases.tell(&token(1, 1), CancelCause::Client), "not held");
    leases.insert(held(token(1, 1)));
    assert!(leases.tell(&token(1, 1), CancelCause::Client));
    assert!(!leases.tell(&token(1, 1), CancelCause::Client));
    assert!(leases.tell(&token(1, 1), CancelCause::Expiry));
}

#[test]
fn a_timeout_asks_first_and_fails_after_the_grace() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut leases = Leases::new(1, GRACE);
    leases.insert(Held::new(token(1, 1), None, Some(at(5)), start));
    assert_eq!(leases.next_timer(), Some(at(5)));
    assert_eq!(leases.due(at(4)), Due::default());
    assert_eq!(leases.due(at(5)).stop, [token(1, 1)]);
    assert_eq!(leases.next_timer(), Some(at(15)));
    // A heartbeat meanwhile, which says that it is over, must not start the grace anew.
    leases.renewed(&token(1, 1), Duration::ZERO, at(12));
    assert_eq!(leases.next_timer(), Some(at(15)));
    assert_eq!(
        leases.due(at(15)),
        Due {
            stop: vec![],
            fail: vec![token(1, 1)]
        }
    );
    assert_eq!(leases.due(at(99)), Due::default());
    assert_eq!(leases.next_timer(), None);
}

#[test]
fn a_heartbeat_moves_the_timeout() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut leases = Leases::new(1, GRACE);
    leases.insert(Held::new(token(1, 1), None, None, start));
    assert_eq!(
        leases.next_timer(),
        None,
        "an adopted lease has no timeout before its first heartbeat"
    );
    leases.renewed(&token(1, 1), Duration::from_secs(7), start);
    leases.renewed(&token(1, 1), Duration::from_secs(3), at(10));
    assert_eq!(leases.next_timer(), Some(at(13)));
    assert_eq!(leases.due(at(13)).stop.len(), 1);
    leases.remove(&token(1, 1));
    assert_eq!(leases.next_timer(), None);
}

#[test]
fn a_settle_under_way_is_not_overtaken_by_a_heartbeat_or_a_timeout() {
    let start = Instant::now();
    let mut leases = Leases::new(1, GRACE);
    leases.insert(Held::new(token(1, 1), None, Some(start), start));
    leases.settle_begins(&token(1, 1));
    assert!(leases.remove_unless_settling(&token(1, 1)).is_none());
    assert_eq!(
        leases.due(start + GRACE),
        Due {
            stop: vec![token(1, 1)],
            fail: vec![]
        }
    );
    leases.settle_ends(&token(1, 1));
    assert!(leases.remove_unless_settling(&token(1, 1)).is_some());
}
