"""verify.py SENT JOURNAL PRINTED LEASE: compares what was sent, what the handlers did, what the watcher printed and what the server has.

Then doctors these facts, one lie at a time, and insists that each lie is found: a check that cannot fail says nothing.
"""

from __future__ import annotations

import copy
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from tidemill import Client, TaskState, proto

MAX_ATTEMPTS = 4


@dataclass
class Attempt:
    """One run of a handler, on the clock of the journal."""

    pid: int
    number: int
    start: float
    end: float | None = None
    how: str = "did not end"


@dataclass
class Stored:
    """How the server says that an order ended."""

    order: str
    state: str
    attempt: int
    charged: int
    crashes: int


@dataclass
class Facts:
    """All that is known of one run."""

    lease: float
    sent: list[str]
    attempts: dict[str, list[Attempt]]
    killed: dict[int, float]
    printed: list[tuple[str, str]]
    stored: list[Stored] = field(default_factory=list)


def read(sent: str, journal: str, printed: str, lease: float) -> Facts:
    facts = Facts(lease, [], defaultdict(list), {}, [])
    with open(sent, encoding="utf-8") as lines:
        tasks = {order["id"]: order["task_id"] for order in map(json.loads, lines)}
    facts.sent = list(tasks)
    with open(printed, encoding="utf-8") as lines:
        for line in lines:
            word, order = line.replace("DEAD LETTER", "DEAD").split()[:2]
            facts.printed.append((order, word))
    with open(journal, encoding="utf-8") as lines:
        for note in map(json.loads, lines):
            if note["what"] == "killed":
                facts.killed[note["pid"]] = note["at"]
            elif note["what"] == "start":
                facts.attempts[note["order"]].append(Attempt(note["pid"], note["attempt"], note["at"]))
            else:
                ended = next(a for a in facts.attempts[note["order"]] if (a.pid, a.number) == (note["pid"], note["attempt"]))
                ended.end, ended.how = note["at"], note["what"]
    with Client() as client:
        order_of = {task: order for order, task in tasks.items()}
        for state in (TaskState.SCHEDULED, TaskState.QUEUED, TaskState.RUNNING, TaskState.SUCCEEDED, TaskState.FAILED):
            for task in listed(client, state):
                # A second task of the same order would have an id that the producer does not know.
                order = order_of.get(task.task_id, f"of the unknown task {task.task_id}")
                facts.stored.append(Stored(order, str(state), task.attempt, task.failures + task.crashes, task.crashes))
    return facts


def listed(client: Client, state: TaskState) -> Iterator[proto.Task]:
    page = client.tasks("orders", state)
    yield from page
    while page.next is not None:
        page = client.tasks("orders", state, page=page.next)
        yield from page


def problems(facts: Facts) -> Iterator[str]:
    """Each begins with the word for what is wrong."""
    by_order = {order.order: order for order in facts.stored}
    words = {"SUCCEEDED": "done", "FAILED": "DEAD"}
    times_printed = Counter(order for order, _ in facts.printed)
    for order in facts.sent:
        if order not in by_order or by_order[order].state not in words:
            yield f"LOST: order {order} is {by_order.get(order)}"
            continue
        if times_printed[order] != 1 or (order, words[by_order[order].state]) not in facts.printed:
            yield f"PRINTED: order {order}, {by_order[order].state}, was printed {times_printed[order]} times"
        yield from problems_of_attempts(order, facts, by_order[order])
    if unknown := (set(by_order) | set(times_printed) | set(facts.attempts)) - set(facts.sent):
        yield f"STRANGE: orders that nobody sent: {unknown}"


def problems_of_attempts(order: str, facts: Facts, end: Stored) -> Iterator[str]:
    attempts = sorted(facts.attempts[order], key=lambda attempt: attempt.start)
    for earlier, later in pairwise(attempts):
        if earlier.end is not None:
            free, why = earlier.end, "was running"
        elif earlier.pid in facts.killed:
            # The last sign of life was at most a ping (a third of a lease) before the kill; another third is for a machine that is busy.
            free, why = facts.killed[earlier.pid] + facts.lease / 3, "still had its lease"
        else:
            free, why = float("inf"), "never ended"
        if later.start < free:
            yield f"TWICE AT A TIME: order {order}, attempt {later.number} started while attempt {earlier.number} {why}"
    numbers = [attempt.number for attempt in attempts]
    # A worker may die between the lease and the first line of the handler.
    unseen = set(range(1, end.attempt + 1)) - set(numbers)
    if numbers != sorted(set(numbers)) or len(unseen) > end.crashes or max(numbers, default=0) > end.attempt:
        yield f"ATTEMPTS: order {order} ran as {numbers}, the server counted {end.attempt}, of which {end.crashes} crashed"
    # One that died after it was done, but before the server knew, is repeated: at least once.
    done = [attempt for attempt in attempts if attempt.how == "ok" and attempt.pid not in facts.killed]
    if end.state == "SUCCEEDED" and (len(done) > 1 or attempts[-1].how != "ok"):
        yield f"ATTEMPTS: order {order} succeeded, but its attempts ended {[attempt.how for attempt in attempts]}"
    if end.state == "FAILED" and (done or (end.attempt, end.charged) != (MAX_ATTEMPTS, MAX_ATTEMPTS)):
        yield f"DEAD LETTER: order {order} after {end.attempt} attempts, {end.charged} of them charged, {len(done)} well"


def repeated(facts: Facts) -> tuple[Attempt, Attempt]:
    """Two attempts of one order, the first of which came to its end."""
    return next((a[0], a[1]) for a in facts.attempts.values() if len(a) > 1 and a[0].end is not None)


def crashed(facts: Facts) -> tuple[Attempt, Attempt]:
    """Two attempts of one order, the first of which died with its worker."""
    pairs = (pair for a in facts.attempts.values() for pair in pairwise(a))
    return next(pair for pair in pairs if pair[0].end is None)


def dead(facts: Facts) -> Stored:
    return next(order for order in facts.stored if order.state == "FAILED" and order.crashes == 0)


def overlap(facts: Facts) -> None:
    first, second = repeated(facts)
    second.start = first.start + 0.05


def steal(facts: Facts) -> None:
    first, second = crashed(facts)
    second.start = facts.killed[first.pid] + 0.1


def fifth(facts: Facts) -> None:
    last = facts.attempts[dead(facts).order][-1]
    facts.attempts[dead(facts).order].append(Attempt(last.pid, 5, last.start + 10, last.start + 11, "ok"))


LIES: list[tuple[str, Callable[[Facts], object]]] = [
    ("LOST", lambda facts: facts.stored.pop(0)),
    ("LOST", lambda facts: setattr(facts.stored[0], "state", "RUNNING")),
    ("STRANGE", lambda facts: facts.stored.append(replace(facts.stored[0], order="of a second task"))),
    ("STRANGE", lambda facts: facts.sent.pop()),
    ("PRINTED", lambda facts: facts.printed.pop()),
    ("PRINTED", lambda facts: facts.printed.append(facts.printed[0])),
    ("PRINTED", lambda facts: facts.printed.__setitem__(0, (facts.printed[0][0], "neither"))),
    ("TWICE AT A TIME", overlap),
    ("TWICE AT A TIME", steal),
    ("ATTEMPTS", fifth),
    ("ATTEMPTS", lambda facts: facts.attempts[dead(facts).order].pop(1)),
    ("DEAD LETTER", lambda facts: setattr(dead(facts), "charged", 3)),
]


def main() -> None:
    sent, journal, printed, lease = sys.argv[1:]
    facts = read(sent, journal, printed, float(lease))
    found = list(problems(facts))
    if found:
        sys.exit("\n".join(found))
    for expected, tell in LIES:
        doctored = copy.deepcopy(facts)
        try:
            tell(doctored)
        except StopIteration:
            sys.exit(f"nothing happened in this run that could have gone wrong as {expected}")
        if not any(problem.startswith(expected) for problem in problems(doctored)):
            sys.exit(f"a lie was not found: {expected}")
    states = Counter(order.state for order in facts.stored)
    crashes = sum(order.crashes for order in facts.stored)
    runs = sum(map(len, facts.attempts.values()))
    print(f"orders: {len(facts.sent)} sent, {states['SUCCEEDED']} done, {states['FAILED']} dead letters")
    print(f"orders: {runs} attempts, {crashes} of them crashed")
    print(f"orders: none lost, none twice at a time, each printed once; {len(LIES)} lies told to the check, all found")


if __name__ == "__main__":
    main()
