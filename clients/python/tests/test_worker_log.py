"""What a worker writes to the program's log, and what it must not."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.fake import UNAVAILABLE, Fake, status
from tests.workers import Start
from tidemill import TaskFacts, TaskState, UnreachableError, proto
from tidemill._core import log as logs
from tidemill._core.log import WorkerLog
from tidemill.worker_events import Connected, Disconnected

QUEUED, FAILED, CANCELLED = 2, 5, 6


@pytest.fixture(autouse=True)
def written(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="tidemill.worker")
    return caplog


def lines(caplog: pytest.LogCaptureFixture, about: str) -> list[tuple[str, str]]:
    """The lines about one task, or with this word, without those that come with a traceback."""
    return [
        (record.levelname, record.getMessage()) for record in caplog.records if about in record.getMessage() and record.exc_info is None
    ]


def settled(stream: Any, token: str, state: int) -> None:
    stream.say(settled=proto.Settled(lease_token=token, state=state))  # type: ignore[arg-type]


def test_each_failure_leaves_one_line_without_what_the_task_carries(fake: Fake, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    bench = start(concurrency=8)
    stream = fake.stream()
    for count, (token, kind, state) in enumerate(
        [("1", "fails", FAILED), ("2", "throws", QUEUED), ("3", "throws", FAILED), ("4", "throws", CANCELLED), ("5", "object", FAILED)], 1
    ):
        stream.assign(token, kind, text="secret")
        stream.expect("fail", count)
        settled(stream, token, state)
        bench.expect("Settled", count)
    dead = "it is a dead letter now, and its error is kept with it"
    assert lines(caplog, "id-") == [
        ("WARNING", f"task id-1 (fails), attempt 1: failed for good (T); {dead}"),
        ("INFO", "task id-2 (throws), attempt 1: failed (KeyError); will be tried again"),
        ("WARNING", f"task id-3 (throws), attempt 1: failed for good (KeyError); {dead}"),
        ("INFO", "task id-4 (throws), attempt 1: failed (KeyError); it is CANCELLED now"),
        ("WARNING", f"task id-5 (object), attempt 1: failed for good (Unserializable); {dead}"),
    ]
    assert "secret" not in caplog.text


def test_an_output_that_the_server_finds_too_large_leaves_a_line(fake: Fake, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    bench = start()
    stream = fake.stream()
    stream.assign("t", text="secret")
    stream.expect("complete")
    settled(stream, "t", FAILED)
    bench.expect("Settled")
    ((level, text),) = lines(caplog, "id-")
    assert (level, text.split(";")[0]) == ("WARNING", "task id-t (k), attempt 1: failed for good")
    assert "secret" not in caplog.text


def test_so_does_a_task_that_is_given_back_at_the_end_of_the_grace(fake: Fake, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    bench = start(grace=0.2)
    stream = fake.stream()
    stream.assign("t", "deaf")
    bench.expect_begun()
    bench.worker.stop()
    assert stream.expect("release").draining
    settled(stream, "t", QUEUED)
    bench.join()
    given_back = "task id-t (deaf), attempt 1: still ran at the end of the grace; given back, which costs no attempt"
    assert lines(caplog, "id-") == [("INFO", given_back)]


def test_before_the_first_connection_it_says_so_and_afterwards_that_it_was_lost(
    fake: Fake, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    log = WorkerLog()
    away = Disconnected(UnreachableError("refused", address="http://here"))
    log.event(away)
    log.event(Connected("http://here"))
    log.event(away)
    assert lines(caplog, "") == [
        ("WARNING", "not connected yet, will be tried again: cannot reach http://here: refused"),
        ("INFO", "connected to http://here"),
        ("WARNING", "disconnected, will be tried again: cannot reach http://here: refused"),
    ]
    caplog.clear()
    bench = start()
    fake.stream().close(status(UNAVAILABLE))
    bench.expect("Connected", 2)
    assert [text.split(":")[0] for _, text in lines(caplog, "")] == [
        "connected to http",
        "disconnected, will be tried again",
        "connected to http",
    ]


def test_the_same_reason_is_written_every_few_seconds_only(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(logs, "monotonic", lambda: now)
    log = WorkerLog()
    # A name may stand for several addresses, whose reasons alternate.
    one, other = (Disconnected(UnreachableError("refused", address=address)) for address in ("http://one", "http://other"))
    for _ in range(20):
        log.event(one)
        log.event(other)
        now += 0.2
    assert (len(lines(caplog, "http://one")), len(lines(caplog, "http://other"))) == (1, 1)
    now = 105.0
    log.event(one)
    assert len(lines(caplog, "http://one")) == 2


def test_the_events_of_a_server_that_is_away_are_all_told(start: Start, fake: Fake, caplog: pytest.LogCaptureFixture) -> None:
    fake.stop()
    bench = start()
    bench.expect("Disconnected", 4)
    assert lines(caplog, "not connected yet, will be tried again: cannot reach")
    texts = [text for _, text in lines(caplog, "")]
    assert len(texts) == len(set(texts)), "each reason once"
    bench.stop()


def test_a_settle_of_which_nothing_is_known_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    WorkerLog().settled(TaskFacts("id", "k", 1), None, TaskState.QUEUED)
    assert not caplog.records
