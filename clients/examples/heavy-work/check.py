"""check.py RECORD PIECES: insists that the record of a job is whole: every sequence number and every piece once, in order, and one attempt.

Then doctors it, one lie at a time, and insists that each is found: a check that cannot fail says nothing.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import Any

Events = list[dict[str, Any]]


def problem(events: Events, pieces: int) -> str | None:
    """What is wrong first."""
    numbers = [event["sequence"] for event in events]
    if numbers != list(range(1, len(events) + 1)):
        return f"sequence numbers {numbers}"
    seen = [int(re.findall(r"\d+", event["chunk"])[0]) for event in events if "chunk" in event]
    if seen != list(range(1, pieces + 1)):
        return f"pieces {seen}"
    states = [event["state"] for event in events if "state" in event]
    # A second RUNNING would be a second attempt: the heartbeats did not keep the lease.
    if states.count("RUNNING") != 1:
        return f"states {states}"
    if events[-1].get("result") != "SUCCEEDED" or events[-1]["output"]["pieces"] != pieces:
        return f"ended with {events[-1]}"
    return None


def renumbered(events: Events) -> Events:
    return [{**event, "sequence": number} for number, event in enumerate(events, 1)]


def second_run(events: Events) -> Events:
    return renumbered([*events[:9], next(event for event in events if event.get("state") == "RUNNING"), *events[9:]])


LIES: list[Callable[[Events], Events]] = [
    lambda events: events[:20] + events[21:],
    lambda events: events[:20] + events[19:],
    lambda events: [*events[:20], events[21], events[20], *events[22:]],
    lambda events: renumbered([event for event in events if " 30: " not in f" {event.get('chunk', '')}".replace("piece ", " ")]),
    lambda events: events[:-1],
    second_run,
]


def main() -> None:
    path, pieces = sys.argv[1], int(sys.argv[2])
    with open(path, encoding="utf-8") as lines:
        _, *events = map(json.loads, lines)
    found = problem(events, pieces)
    if found:
        sys.exit(f"heavy-work: {found}")
    for number, lie in enumerate(LIES):
        if problem(lie(events), pieces) is None:
            sys.exit(f"heavy-work: lie {number} was not found")
    print(f"heavy-work: {len(events)} events and {pieces} pieces, each exactly once; {len(LIES)} lies told to the check, all found")


if __name__ == "__main__":
    main()
