"""What the callers of one address share: the line before a server that is away, and the budget of retries."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.fake import LIMIT, UNAVAILABLE, Fake, Heard, info, refuse, status
from tidemill import Client, InvalidError, RefusedError, Task, proto
from tidemill._core import retry
from tidemill._core.retry import Budget

_AWAY = status(UNAVAILABLE, "m", info("STORE_UNAVAILABLE", outcome="not_applied"))


def test_the_budget_lets_few_retries_through(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(retry, "monotonic", lambda: now)
    budget = Budget()
    taken = 0
    while budget.wait() == 0.0:
        taken += 1
    assert taken == 100
    for _ in range(4):
        budget.earn()
    assert budget.wait() > 0.0
    budget.earn()
    assert budget.wait() == 0.0, "five answered calls earn a retry"
    assert 0.05 < budget.wait() < 0.15
    now += 1.0
    assert sum(budget.wait() == 0.0 for _ in range(20)) == 10, "ten a second come by themselves"
    now += 1e6
    taken = 0
    while budget.wait() == 0.0:
        taken += 1
    assert taken == 100, "never more than the burst"


def test_while_a_server_is_away_one_at_a_time_tries_and_all_go_when_it_is_back(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    callers, probes = 20, 4
    monkeypatch.setattr(retry, "_LONGEST_TURN", LIMIT)
    first_wave = threading.Barrier(callers)
    lock, together = threading.Lock(), threading.Event()
    active, wave, refused = 0, 0, 0

    def answer(request: Any, context: Any) -> Any:
        nonlocal active, wave, refused
        with lock:
            wave += 1
            first = wave <= callers
        if first:
            first_wave.wait(LIMIT)
            refuse(context, _AWAY)
        with lock:
            active += 1
            back = refused == probes
            if active > 1 and not back:
                together.set()
            refused += not back
        if not back:
            # Time for others to come, were they let.
            together.wait(0.2)
        with lock:
            active -= 1
        if not back:
            refuse(context, _AWAY)
        return proto.EnqueueResponse(task_id="id")

    fake.on_enqueue = answer
    with Client(fake.url, timeout=LIMIT) as client, ThreadPoolExecutor(callers) as threads:
        outcomes = list(threads.map(lambda _: client.enqueue(Task("a")).task_id, range(callers)))
    assert outcomes == ["id"] * callers
    assert not together.is_set()
    assert len(fake.requests) == callers + probes + callers


def hang(fake: Fake, release: threading.Event) -> Heard[str]:
    """The first call finds the server away; the next one hangs, and all others are answered."""
    came: Heard[str] = Heard()

    def answer(request: Any, context: Any) -> Any:
        came.append(request.kind)
        if len(came) == 1:
            refuse(context, _AWAY)
        if request.kind == "hangs":
            release.wait(LIMIT)
        return proto.EnqueueResponse(task_id=request.kind)

    fake.on_enqueue = answer
    return came


def test_a_probe_that_hangs_does_not_hold_the_line(fake: Fake) -> None:
    release = threading.Event()
    came = hang(fake, release)
    with Client(fake.url, timeout=LIMIT) as client, ThreadPoolExecutor(2) as threads:
        hanging = threads.submit(client.enqueue, Task("hangs"))
        came.until(lambda: len(came) == 2, "the probe")
        assert client.enqueue(Task("next")).task_id == "next"
        assert not hanging.done()
        release.set()
        assert hanging.result(LIMIT).task_id == "hangs"


def test_opening_a_stream_does_not_wait_in_line_for_ever(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_LONGEST_TURN", LIMIT)
    release = threading.Event()
    came = hang(fake, release)
    with Client(fake.url, timeout=LIMIT) as client, ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(client.enqueue, Task("hangs"))
        came.until(lambda: len(came) == 2, "the probe")
        # The probe has the line. Whoever stands behind it is told why when his time is over.
        client._core.limits = retry.Limits(0.3, None)
        with pytest.raises(RefusedError, match="STORE_UNAVAILABLE"):
            next(client.watch("id"))
        assert not hanging.done()
        release.set()
        hanging.result(LIMIT)


def test_a_long_poll_is_not_held_back_longer_than_this_side_waits(fake: Fake) -> None:
    waits: list[float] = []

    def answer(request: Any, context: Any) -> Any:
        waits.append(request.wait.ToNanoseconds() / 1e9)
        if len(waits) == 1:
            refuse(context, _AWAY)
        return proto.GetResultResponse(state=4)  # type: ignore[arg-type]

    fake.on_result = answer
    with Client(fake.url, timeout=7.0) as client:
        client.wait("id", 20)
    assert 19.0 < waits[0] <= 20.0
    # The wait before the second try is random, and at least this long: the clock does not stand still.
    assert 0.0 < waits[1] < waits[0]


def test_a_wait_asks_again_until_the_end(fake: Fake, client: Client) -> None:
    fake.on_result = lambda request, context: proto.GetResultResponse(state=4 if len(fake.requests) > 2 else 3)  # type: ignore[arg-type]
    assert client.wait("id", 20).state == "SUCCEEDED"
    assert len(fake.requests) == 3
    assert 0 < fake.requests[0].wait.seconds <= 30


def test_what_is_no_time_to_wait_is_refused(fake: Fake, client: Client) -> None:
    with pytest.raises(InvalidError, match="not a span of time"):
        client.wait("id", float("nan"))


def test_no_try_is_made_that_has_no_time_left(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    # With all of the time counted as too near, the second try is one.
    fake.on_enqueue = lambda request, context: refuse(context, _AWAY)
    with Client(fake.url, timeout=5.0) as client:
        monkeypatch.setattr(retry, "_NEAR", 10.0)
        with pytest.raises(RefusedError) as found:
            client.enqueue(Task("a"))
    assert (found.value.reason, len(fake.requests)) == ("STORE_UNAVAILABLE", 1)
