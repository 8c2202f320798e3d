"""Streams that come and go under a worker."""

from __future__ import annotations

import threading
from typing import Any

from tests.fake import INVALID_ARGUMENT, LIMIT, UNAVAILABLE, Fake, info, refuse, registered, status
from tests.workers import Bench, Start
from tidemill import RefusedError, proto


def gated(fake: Fake) -> threading.Event:
    """Registrations are not answered before this is set."""
    gate = threading.Event()

    def register(register: proto.Register, context: Any) -> proto.Registered:
        gate.wait(LIMIT)
        return registered(register)

    fake.on_register = register
    return gate


def ends_in_order(fake: Fake, bench: Bench, gate: threading.Event) -> None:
    fake.registering.get(timeout=LIMIT)
    bench.worker._running.stop(0.0)
    bench.expect("Draining")
    gate.set()
    stream = fake.stream()
    # Leased for a registration that came before the stop.
    stream.assign("t")
    assert stream.expect_end() == "half-closed", "that gives back, uncharged, what is left"
    bench.join()
    assert bench.error is None
    assert not bench.named("Started")
    assert stream.said("complete") == 0


def test_a_stop_while_the_first_registration_is_under_way_gives_back_what_comes_of_it(fake: Fake, start: Start) -> None:
    gate = gated(fake)
    ends_in_order(fake, start(), gate)


def test_so_does_one_while_the_next_registration_is_under_way(fake: Fake, start: Start) -> None:
    bench = start()
    first = fake.stream()
    fake.registering.get(timeout=LIMIT)
    gate = gated(fake)
    first.close(status(UNAVAILABLE))
    ends_in_order(fake, bench, gate)


def test_what_a_draining_replica_assigns_is_run_and_named_at_the_next(fake: Fake, start: Start) -> None:
    bench = start()
    first = fake.stream()
    fake.registering.get(timeout=LIMIT)
    gate = gated(fake)
    first.say(drain=proto.Drain())
    assert list(fake.registering.get(timeout=LIMIT).held) == []
    # The registration elsewhere is under way already, and does not name this one.
    first.assign("late", "hold")
    bench.expect_begun()
    gate.set()
    second, third = fake.stream(), fake.stream()
    assert list(second.register.held) == []
    assert list(third.register.held) == ["late"]
    assert second.expect_end() == "broken off"
    bench.gate.set()
    assert third.expect("complete").lease_token == "late"
    assert not bench.named("Disconnected")


def test_a_refusal_that_ends_a_stream_is_not_meant_for_good(fake: Fake, start: Start) -> None:
    bench = start()
    first = fake.stream()
    first.assign("t", "hold")
    bench.expect_begun()
    first.close(status(INVALID_ARGUMENT, "too slow", info("PROTOCOL_VIOLATION")))
    second = fake.stream()
    assert list(second.register.held) == ["t"]
    bench.gate.set()
    assert second.expect("complete").lease_token == "t"


def test_what_a_proxy_says_of_a_later_registration_passes(fake: Fake, start: Start) -> None:
    bench = start()
    first = fake.stream()
    refusals = [status(INVALID_ARGUMENT, "who are you?")]

    def register(register: proto.Register, context: Any) -> proto.Registered:
        if refusals:
            refuse(context, refusals.pop())
        return registered(register)

    fake.on_register = register
    first.close(status(UNAVAILABLE))
    fake.stream()
    assert [event.error.code for event in bench.named("Disconnected")] == ["UNAVAILABLE", "INVALID_ARGUMENT"]


def test_what_the_server_says_of_it_ends_the_worker(fake: Fake, start: Start) -> None:
    bench = start()
    first = fake.stream()
    refusal: Any = lambda register, context: refuse(context, status(INVALID_ARGUMENT, "no", info("INVALID_REQUEST")))  # noqa: E731
    fake.on_register = refusal
    first.close(status(UNAVAILABLE))
    bench.join()
    assert isinstance(bench.error, RefusedError)
