"""A worker that cannot receive work must not look healthy."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.fake import LIMIT, UNAVAILABLE, Fake, registered, status
from tests.workers import Bench, Start, cancel
from tidemill import proto
from tidemill._core import session as sessions
from tidemill._core.engine import engine


def looks(bench: Bench) -> tuple[str, bool]:
    return bench.worker.status, bench.worker.is_healthy


def hold_registrations(fake: Fake, gate: threading.Event) -> None:
    def register(register: proto.Register, context: Any) -> proto.Registered:
        gate.wait(LIMIT)
        return registered(register)

    fake.on_register = register


def test_without_a_server(start: Start, fake: Fake) -> None:
    fake.stop()
    bench = start()
    bench.expect("Disconnected")
    assert looks(bench) == ("connecting", False)
    bench.stop()
    assert looks(bench) == ("stopped", False)


def test_with_every_place_taken_by_a_handler_that_does_not_end(fake: Fake, start: Start) -> None:
    bench = start(concurrency=2)
    stream = fake.stream()
    for token in "tu":
        stream.assign(token, "stubborn")
    bench.expect_begun(2)
    assert looks(bench) == ("working", True), "busy is not stuck"
    for token in "tu":
        stream.say(**cancel(token))
    assert stream.expect("credits", 2).credits == 0
    assert looks(bench) == ("stuck", False)
    bench.gate.set()
    assert stream.expect("credits", 4).credits == 2
    assert looks(bench) == ("working", True)


def test_with_a_loop_that_starts_no_handler(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_STUCK_AFTER", 0.0)
    bench = Bench("aio", fake)
    stream = fake.stream()
    stream.assign("t", "busy")
    bench.expect_begun()
    stream.assign("u")
    stream.say(ping=proto.Ping(number=1))
    stream.expect("echo")
    assert looks(bench) == ("stuck", False)
    bench.gate.set()
    stream.expect("complete", 2)
    fake.settle_all()
    bench.stop()


def test_while_the_stream_is_away(fake: Fake, start: Start) -> None:
    bench = start()
    first, gate = fake.stream(), threading.Event()
    hold_registrations(fake, gate)
    first.close(status(UNAVAILABLE))
    bench.expect("Disconnected")
    assert looks(bench) == ("disconnected", False)
    gate.set()
    bench.expect("Connected", 2)
    assert looks(bench) == ("working", True)


def test_while_the_replica_drains_and_no_other_has_answered(fake: Fake, start: Start) -> None:
    bench = start()
    first, gate = fake.stream(), threading.Event()
    fake.registering.get(timeout=LIMIT)
    hold_registrations(fake, gate)
    first.say(drain=proto.Drain())
    fake.registering.get(timeout=LIMIT)
    assert looks(bench) == ("disconnected", False)
    gate.set()
    bench.expect("Connected", 2)
    assert looks(bench) == ("working", True)


def test_after_a_pause_of_the_process_until_the_server_is_heard_again(fake: Fake, start: Start) -> None:
    fake.on_register = lambda register, context: registered(register, ping=1.0)
    bench = start()
    stream = fake.stream()
    bench.expect("Connected")
    paused = threading.Event()

    def pause() -> None:
        # As if the whole process had stood still for longer than the server may be silent: nothing was heard meanwhile.
        bench.session._stream.heard -= 60.0
        paused.set()
        assert looks(bench) == ("disconnected", False)

    looked = engine().submit(_on_the_engine(pause))
    looked.result(LIMIT)
    assert paused.is_set()
    assert stream.expect_end() == "broken off"
    fake.stream()
    bench.expect("Connected", 2)


async def _on_the_engine(work: Any) -> None:
    work()


def test_while_it_drains(fake: Fake, start: Start) -> None:
    bench = start()
    stream = fake.stream()
    stream.assign("t", "hold")
    bench.expect_begun()
    bench.worker.stop()
    bench.expect("Draining")
    assert looks(bench) == ("draining", False)
    bench.gate.set()
    stream.expect("complete")
    stream.say(settled=proto.Settled(lease_token="t"))
    assert stream.expect_end() == "half-closed"
    bench.join()
    assert looks(bench) == ("stopped", False)
