"""How attempts end, and what must not be taken for their end."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.fake import LIMIT, UNAVAILABLE, Fake, registered, status
from tests.workers import Bench, Start, cancel
from tidemill import Failure, InvalidError, proto
from tidemill._core.job import failed


def refused(token: str, reason: str = "INVALID_REQUEST") -> dict[str, Any]:
    return {"refused": proto.Refused(lease_token=token, reason=reason, message="no")}


@pytest.mark.parametrize("reason", ["INVALID_REQUEST", "MEMORY_EXHAUSTED"])
def test_a_refused_report_is_not_taken_for_a_refused_settle(fake: Fake, start: Start, reason: str) -> None:
    bench = start()
    stream = fake.stream()
    stream.assign("t", "chunks", text="2")
    stream.expect("complete")
    # Three reports, of which two were refused; the server's answers come when the handler is through.
    stream.say(**refused("t", reason))
    stream.say(**refused("t", reason))
    assert stream.expect("complete", 2).output.text == "done", "said again, to be sure"
    stream.say(settled=proto.Settled(lease_token="t", state=4))  # type: ignore[arg-type]
    bench.expect("Settled")
    assert stream.said("fail") == 0


def test_an_output_that_is_refused_fails_the_task_for_good(fake: Fake, start: Start) -> None:
    start()
    stream = fake.stream()
    stream.assign("t", text="x")
    stream.expect("complete")
    stream.say(**refused("t"))
    fail = stream.expect("fail")
    assert fail.permanent
    assert "INVALID_REQUEST: no" in fail.message


def test_so_does_one_after_reports_when_it_is_refused_again(fake: Fake, start: Start) -> None:
    start()
    stream = fake.stream()
    stream.assign("t", "chunks", text="1")
    # Two reports may have been refused; the third refusal can only be the settle's.
    for number in range(1, 4):
        stream.expect("complete", min(number, 3))
        stream.say(**refused("t"))
    assert stream.expect("fail").permanent


def test_a_settle_that_the_store_could_not_take_is_said_again(fake: Fake, start: Start) -> None:
    start()
    stream = fake.stream()
    stream.assign("t", text="x")
    stream.expect("complete")
    stream.say(refused=proto.Refused(lease_token="t", reason="STORE_UNAVAILABLE", outcome_unknown=True))
    assert stream.expect("complete", 2).lease_token == "t"


def away(fake: Fake, first: Any) -> threading.Event:
    """Breaks the stream; the next one is not registered before the event is set."""
    back = threading.Event()

    def register(register: proto.Register, context: Any) -> proto.Registered:
        back.wait(LIMIT)
        return registered(register)

    fake.on_register = register
    first.close(status(UNAVAILABLE))
    return back


def test_a_cancel_request_does_not_replace_what_a_handler_has_said(fake: Fake, start: Start) -> None:
    bench = start(cancel_grace=0.2)
    first = fake.stream()
    first.assign("t", "hold")
    bench.expect_begun()
    first.say(**cancel("t"))
    bench.asked.until(lambda: bench.asked, "the request")
    back = away(fake, first)
    bench.expect("Disconnected")
    bench.gate.set()
    bench.expect_said()
    (held,) = bench.session._held.values()
    assert held.due is None, "the grace does not run on while the end of the handler waits for a stream"
    back.set()
    assert fake.stream().expect("complete").output.text == "kept"


def test_the_end_of_the_grace_does_not_either(fake: Fake, start: Start) -> None:
    bench = start(grace=0.2)
    first = fake.stream()
    first.assign("t", "hold")
    first.assign("u", "deaf")
    bench.expect_begun(2)
    back = away(fake, first)
    bench.expect("Disconnected")
    bench.gate.set()
    bench.expect_said()
    bench.worker.stop()
    # The one that still runs is stopped when the grace is over.
    bench.stopped.until(lambda: bench.stopped, "the end of the grace")
    back.set()
    second = fake.stream()
    assert second.expect("complete").lease_token == "t"
    assert second.expect("release").lease_token == "u"


def test_a_cancel_request_that_is_repeated_does_not_prolong_the_grace(fake: Fake, start: Start) -> None:
    bench = start(cancel_grace=1.0)
    stream = fake.stream()
    stream.assign("t", "deaf")
    bench.expect_begun()
    stream.say(**cancel("t"))
    bench.asked.until(lambda: bench.asked, "the request")
    (held,) = bench.session._held.values()
    due = held.due
    stream.say(**cancel("t"))
    stream.say(ping=proto.Ping(number=1))
    stream.expect("echo")
    assert held.due == due


def test_an_enormous_failure_is_cut_at_a_character_and_breaks_nothing(fake: Fake, start: Start) -> None:
    start()
    stream = fake.stream()
    stream.assign("1", "enormous")
    fail = stream.expect("fail")
    assert (len(fail.message.encode()), set(fail.message)) == (8 * 1024, {"é"})
    odd = failed("t", Failure("xé" + "é" * 8 * 1024, type="T" * 1_000)).fail
    assert (len(odd.message.encode()), len(odd.type)) == (8 * 1024 - 1, 256)
    stream.assign("2", text="still here")
    assert stream.expect("complete").output.text == "still here"


def test_the_text_of_progress_is_cut_too(fake: Fake, start: Start) -> None:
    start()
    stream = fake.stream()
    stream.assign("t", "wordy")
    assert len(stream.expect("progress").progress.message.encode()) == 1024
    assert stream.expect("complete").lease_token == "t"


def test_an_exception_without_a_text_ends_the_attempt_all_the_same(fake: Fake, start: Start) -> None:
    start()
    stream = fake.stream()
    stream.assign("1", "unspeakable")
    fail = stream.expect("fail")
    assert "UnspeakableError" in fail.type
    assert fail.message == fail.type
    stream.assign("2", "halfway")
    assert "HalfwayFailure" in stream.expect("fail", 2).type


def test_any_retry_after_can_be_said() -> None:
    def of(retry_after: Any) -> int:
        return failed("t", Failure("m", retry_after=retry_after)).fail.retry_after.seconds

    assert (of(1e300), of(10**400), of(-5), of(60)) == (7 * 86_400, 7 * 86_400, 0, 60)
    with pytest.raises(InvalidError, match="nan is not a span of time"):
        Failure("m", retry_after=float("nan"))


def test_a_handler_that_exits_has_failed_and_the_sync_worker_goes_on(fake: Fake) -> None:
    bench = Bench("sync", fake)
    stream = fake.stream()
    stream.assign("1", "exits")
    assert stream.expect("fail").type == "SystemExit"
    stream.assign("2", text="still here")
    assert stream.expect("complete").output.text == "still here"
    for token in "12":
        stream.say(settled=proto.Settled(lease_token=token))
    bench.stop()
