use super::{T0, lease, line, name, queue, request, running, state, task};
use crate::{
    id::{Namespace, TaskId},
    op::{LeaseRequest, Leased, NewTask, Settle},
    reference::ReferenceQueue,
    state::{Priority, TaskState},
};

fn of_kind(number: u64, kind: &str) -> NewTask {
    let mut new = task(number);
    new.record.kind = name(kind);
    new
}

fn fill(queue: &mut ReferenceQueue, kind: &str, numbers: std::ops::Range<u64>) {
    for number in numbers {
        queue.enqueue(T0, of_kind(number, kind));
    }
}

/// How many tasks of each kind were leased, and in which order the kinds came.
fn kinds(leased: &[Leased]) -> String {
    let kind = |one: &Leased| {
        crate::record::Record::parse(&one.record, true)
            .unwrap()
            .kind
            .to_string()
    };
    leased.iter().map(kind).collect()
}

fn ids(leased: &[Leased]) -> Vec<TaskId> {
    leased.iter().map(|one| one.token.task).collect()
}

#[test]
fn lines_get_equal_shares_first_then_leftovers_in_the_given_order() {
    let mut queue = queue();
    fill(&mut queue, "a", 0..10);
    fill(&mut queue, "b", 10..11);
    fill(&mut queue, "c", 20..30);
    let lines = [line("c"), line("b"), line("a"), line("empty")];
    // Three lines have something: ceil(7 / 3) = 3 each; b has only one, so one is left over, for c.
    assert_eq!(kinds(&queue.lease(T0, &request(1, &lines, 7))), "cccbaaa");
    // ceil(8 / 2) = 4 each.
    assert_eq!(kinds(&queue.lease(T0, &request(2, &lines, 8))), "ccccaaaa");
    // ceil(5 / 2) = 3 each: the last line gets what is left of the five.
    assert_eq!(kinds(&queue.lease(T0, &request(3, &lines, 5))), "cccaa");
    fill(&mut queue, "a", 40..50);
    assert_eq!(kinds(&queue.lease(T0, &request(4, &lines, 9))), "aaaaaaaaa");
}

#[test]
fn priority_is_strict_but_every_sixteenth_lease_of_a_line_takes_the_lowest() {
    let mut queue = queue();
    for number in 0..60 {
        let mut new = task(number);
        new.record.priority = if number < 30 { Priority::Low } else { Priority::Urgent };
        queue.enqueue(T0, new);
    }
    let priorities: Vec<Priority> = queue
        .lease(T0, &request(1, &[line("k")], 40))
        .iter()
        .map(|one| crate::record::Header::parse(&one.record).unwrap().priority)
        .collect();
    for (index, priority) in priorities.iter().enumerate() {
        let low = index == 15 || index == 31;
        // 30 urgent ones are gone after 32 leases.
        let expected = if low || index >= 32 {
            Priority::Low
        } else {
            Priority::Urgent
        };
        assert_eq!(*priority, expected, "lease {}", index + 1);
    }
}

#[test]
fn each_line_counts_its_own_leases() {
    let mut queue = queue();
    for (number, kind) in (0..40).map(|number| (number, if number % 2 == 0 { "a" } else { "b" })) {
        let mut new = of_kind(number, kind);
        new.record.priority = if number < 4 { Priority::Low } else { Priority::High };
        queue.enqueue(T0, new);
    }
    let leased = queue.lease(T0, &request(1, &[line("a"), line("b")], 30));
    let low = |one: &Leased| crate::record::Header::parse(&one.record).unwrap().priority == Priority::Low;
    assert_eq!(leased.iter().filter(|one| low(one)).count(), 0, "15 of each line");
    let leased = queue.lease(T0, &request(2, &[line("a"), line("b")], 2));
    assert!(leased.iter().all(low), "the 16th of each line");
}

#[test]
fn a_release_goes_to_the_head_and_a_retry_to_the_tail() {
    let mut queue = queue();
    fill(&mut queue, "k", 0..4);
    let first = lease(&mut queue, T0, 1);
    let second = lease(&mut queue, T0, 2);
    queue.settle(T0, &second, Settle::Release { counted: true });
    queue.settle(
        T0,
        &first,
        Settle::Fail {
            outcome: super::error("x"),
            permanent: false,
            delay_ms: 0,
        },
    );
    assert_eq!(state(&queue, first.task), TaskState::Scheduled, "even without delay");
    queue.tick(T0, true, |_| 0);
    let order = [second.task, task(2).id, task(3).id, first.task];
    assert_eq!(queue.ready(&Namespace::default(), &line("k")), order);
    assert_eq!(ids(&queue.lease(T0, &request(3, &[line("k")], 9))), order);
}

#[test]
fn tombstones_are_skipped_and_expired_tasks_end() {
    let mut queue = queue();
    for number in 0..4 {
        let mut new = task(number);
        new.record.expires_in_ms = if number == 1 { 1_000 } else { 0 };
        queue.enqueue(T0, new);
    }
    queue.cancel(T0, &Namespace::default(), &task(0).id, b"");
    let leased = queue.lease(T0 + 1_000, &request(1, &[line("k")], 9));
    assert_eq!(ids(&leased), [task(2).id, task(3).id]);
    assert_eq!(state(&queue, task(1).id), TaskState::Expired);
    assert_eq!(state(&queue, task(0).id), TaskState::Cancelled);
}

#[test]
fn a_task_is_leased_until_the_moment_it_expires() {
    let mut queue = queue();
    let mut new = task(1);
    new.record.expires_in_ms = 1_000;
    queue.enqueue(T0, new);
    assert_eq!(queue.lease(T0 + 999, &request(1, &[line("k")], 1)).len(), 1);
}

#[test]
fn a_paused_queue_takes_tasks_in_and_leases_none() {
    let mut queue = queue();
    let (namespace, q) = (Namespace::default(), name("q"));
    queue.set_paused(&namespace, &q, true);
    fill(&mut queue, "k", 0..2);
    assert_eq!(queue.lease(T0, &request(1, &[line("k")], 9)), []);
    queue.set_paused(&namespace, &q, false);
    assert_eq!(
        queue.lease(T0, &request(1, &[line("k")], 9)).len(),
        2,
        "an empty answer is not remembered"
    );
}

#[test]
fn a_repeated_request_answers_with_what_it_still_holds() {
    let mut queue = queue();
    fill(&mut queue, "k", 0..9);
    let ask = request(1, &[line("k")], 3);
    let leased = queue.lease(T0, &ask);
    assert_eq!(queue.lease(T0 + 1, &ask), leased);
    queue.settle(
        T0 + 2,
        &leased[0].token,
        Settle::Complete {
            outcome: super::output("x"),
        },
    );
    // Given back and leased by somebody else: no longer this request's.
    queue.settle(T0 + 2, &leased[1].token, Settle::Release { counted: false });
    let other = queue.lease(T0 + 2, &request(2, &[line("k")], 1));
    assert_eq!(ids(&other), [leased[1].token.task]);
    queue.set_paused(&Namespace::default(), &name("q"), true);
    assert_eq!(queue.lease(T0 + 59_999, &ask), leased[2..]);
    queue.set_paused(&Namespace::default(), &name("q"), false);
    assert_eq!(queue.lease(T0 + 60_000, &ask).len(), 3, "forgotten after a minute");
}

#[test]
fn max_bytes_bounds_the_answer_but_one_task_is_always_leased() {
    let mut queue = queue();
    fill(&mut queue, "k", 0..9);
    let ask = |number, max_bytes| LeaseRequest {
        max_bytes,
        ..request(number, &[line("k")], 9)
    };
    let one = queue.lease(T0, &ask(1, 1));
    assert_eq!(one.len(), 1);
    let size = one[0].record.len() as u64;
    assert_eq!(queue.lease(T0, &ask(2, 3 * size - 1)).len(), 2);
    assert_eq!(queue.lease(T0, &ask(3, 3 * size)).len(), 3);
}

#[test]
fn a_lease_takes_a_fence_and_belongs_to_an_attempt() {
    let mut queue = queue();
    let token = running(&mut queue, task(1));
    assert_eq!((token.fence, token.nonce), (1, [101; 16]));
    let seen = queue.record(&token.task).unwrap();
    assert_eq!(
        (seen.header.deadline_ms, seen.header.mark, seen.events[1].attempt),
        (T0 + 30_000, T0, 1)
    );
    queue.settle(T0, &token, Settle::Release { counted: true });
    let again = lease(&mut queue, T0, 2);
    assert_eq!(
        (again.fence, queue.record(&again.task).unwrap().header.attempt()),
        (2, 1),
        "a release is no attempt"
    );
}

#[test]
fn another_namespace_sees_nothing() {
    let mut queue = queue();
    let token = running(&mut queue, task(1));
    fill(&mut queue, "k", 2..4);
    let other = Namespace::new("other").unwrap();
    let ask = LeaseRequest {
        namespace: other.clone(),
        ..request(2, &[line("k")], 9)
    };
    assert_eq!(queue.lease(T0, &ask), []);
    assert!(queue.read(&other, &token.task).is_none());
    assert_eq!(
        queue.cancel(T0, &other, &token.task, b""),
        crate::op::Cancelled::NotFound
    );
    assert_eq!(queue.counters(&other, &name("q")), Default::default());
}
