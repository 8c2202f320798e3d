"""Batches: an outcome for each entry, over as many calls as it takes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fake import INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE, Fake, info, refuse, retry_info, status
from tidemill import Client, Enqueued, Error, Outcome, Task, proto
from tidemill._core.batch import BATCH_LIMIT, split


def test_batches_are_split_by_count_and_size() -> None:
    small = [(index, proto.EnqueueRequest(kind="a")) for index in range(BATCH_LIMIT + 1)]
    assert [len(part) for part in split(small)] == [BATCH_LIMIT, 1]
    large = [(index, proto.EnqueueRequest(kind="a", payload=proto.Payload(data=b"x" * 1_000_000))) for index in range(9)]
    parts = list(split(large))
    assert [index for part in parts for index, _ in part] == list(range(9))
    assert all(proto.BatchEnqueueRequest(requests=[request for _, request in part]).ByteSize() <= 4 * 1024 * 1024 for part in parts)
    assert list(split([])) == []


def test_entries_that_are_refused_for_the_moment_are_sent_again_in_their_places(fake: Fake, client: Client) -> None:
    def answer(request: Any, context: Any) -> Any:
        first = len(fake.requests) == 1
        outcomes = []
        for entry in request.requests:
            if entry.kind == "never":
                outcomes.append(proto.BatchEnqueueOutcome(error=status(3, "no", info("INVALID_REQUEST"))))
            elif entry.kind == "later" and first:
                outcomes.append(proto.BatchEnqueueOutcome(error=status(RESOURCE_EXHAUSTED, "m", info("QUEUE_FULL"), retry_info(0.05))))
            else:
                outcomes.append(proto.BatchEnqueueOutcome(response=proto.EnqueueResponse(task_id=entry.kind)))
        return proto.BatchEnqueueResponse(outcomes=outcomes)

    fake.on_batch = answer
    outcomes = client.enqueue_batch([Task("now"), Task("later"), Task("never"), Task("now")])
    named = [found.task_id if isinstance(found, Enqueued) else found.reason for found in outcomes]
    assert named == ["now", "later", "INVALID_REQUEST", "now"]
    assert [[entry.kind for entry in request.requests] for request in fake.requests] == [["now", "later", "never", "now"], ["later"]]
    again = fake.requests[1].requests[0].idempotency_key
    assert again == fake.requests[0].requests[1].idempotency_key
    assert client.enqueue_batch([]) == []


def test_a_batch_with_missing_outcomes_breaks_the_contract(fake: Fake, client: Client) -> None:
    fake.on_batch = lambda request, context: proto.BatchEnqueueResponse()
    (found,) = client.enqueue_batch([Task("a")])
    assert "0 outcomes for 1 tasks" in str(found)


@pytest.mark.parametrize("second", ["entry", "call", "full"])
def test_what_an_earlier_call_may_have_stored_stays_open(fake: Fake, second: str) -> None:
    unknown = status(UNAVAILABLE, "m", info("STORE_UNAVAILABLE", outcome="unknown"))
    sure = {"outcome": "not_applied"}
    later = {
        "entry": status(INVALID_ARGUMENT, "m", info("INVALID_REQUEST", **sure)),
        "full": status(RESOURCE_EXHAUSTED, "m", info("QUEUE_FULL", **sure), retry_info(3600)),
    }

    def answer(request: Any, context: Any) -> Any:
        if len(fake.requests) == 1:
            open_one = proto.BatchEnqueueOutcome(error=unknown)
            full_one = proto.BatchEnqueueOutcome(error=status(RESOURCE_EXHAUSTED, "m", info("QUEUE_FULL", **sure), retry_info(0)))
            return proto.BatchEnqueueResponse(outcomes=[open_one, full_one])
        if second == "call":
            refuse(context, status(INVALID_ARGUMENT, "m", info("INVALID_REQUEST", **sure)))
        return proto.BatchEnqueueResponse(outcomes=[proto.BatchEnqueueOutcome(error=later[second])] * 2)

    fake.on_batch = answer
    with Client(fake.url, timeout=30.0) as client:
        outcomes = client.enqueue_batch([Task("open"), Task("never")])
    assert len(fake.requests) == 2
    found = [error.outcome for error in outcomes if isinstance(error, Error)]
    assert found == [Outcome.UNKNOWN, Outcome.NOT_APPLIED]
