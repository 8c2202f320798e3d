"""The worker protocol, with both workers, against a server that breaks on purpose."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.fake import UNAVAILABLE, Fake, info, refuse, registered, status
from tests.workers import Start, cancel
from tidemill import Client, InvalidError, RefusedError, Worker, aio, proto


def test_a_task_is_completed_and_the_answer_is_waited_for(fake: Fake, start: Start) -> None:
    bench = start(queues=["q"], name="me")
    stream = fake.stream()
    register = stream.register
    assert (list(register.queues), register.credits, register.name) == (["q"], 4, "me")
    assert "k" in register.kinds
    stream.assign("t", text="hello")
    assert stream.expect("complete").output.text == "hello"
    assert (bench.worker.status, bench.worker.is_healthy) == ("working", True)
    bench.worker.stop()
    assert stream.expect("credits").credits == 0
    stream.say(ping=proto.Ping(number=1))
    stream.expect("echo")
    assert (stream.ended, bench.worker.status) == (None, "draining"), "the settle was not answered yet"
    stream.say(settled=proto.Settled(lease_token="t", state=4))  # type: ignore[arg-type]
    assert stream.expect_end() == "half-closed"
    bench.join()
    assert [type(event).__name__ for event in bench.events] == ["Connected", "Started", "Draining", "Settled"]
    assert bench.worker.status == "stopped"


def test_what_handlers_raise_and_return(fake: Fake, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    start(concurrency=8)
    stream = fake.stream()
    stream.assign("1", "throws")
    fail = stream.expect("fail")
    assert (fail.type, fail.message, fail.permanent) == ("KeyError", "'boom'", False)
    assert "Traceback" in caplog.text
    stream.assign("2", "fails")
    fail = stream.expect("fail", 2)
    assert (fail.type, fail.message, fail.permanent, fail.retry_after.nanos) == ("T", "no", True, 500_000_000)
    stream.assign("3", "object")
    fail = stream.expect("fail", 3)
    assert fail.permanent
    assert fail.type == "Unserializable"
    assert "object" in fail.message
    stream.assign("4", "huge")
    fail = stream.expect("fail", 4)
    assert (fail.type, fail.permanent) == ("OutputTooLarge", True)


@pytest.mark.parametrize("kind", ["busy", "blocks"])
def test_pings_are_echoed_while_handlers_block(fake: Fake, start: Start, kind: str) -> None:
    bench = start()
    stream = fake.stream()
    for token in "abc":
        stream.assign(token, kind)
    bench.expect_begun()
    for number in range(1, 6):
        stream.say(ping=proto.Ping(number=number))
        assert stream.expect("echo", number).number == number
    assert stream.said("complete") == 0, "they are still at it"
    bench.gate.set()
    stream.expect("complete", 3)


def test_reports_come_in_order_before_the_settle(fake: Fake, start: Start) -> None:
    start()
    stream = fake.stream()
    stream.assign("t", "chunks", text="600")
    stream.expect("complete")
    variants = [message.WhichOneof("message") for message in stream.heard]
    assert variants[-1] == "complete"
    reports = [message.progress for message in stream.heard if message.WhichOneof("message") == "progress"]
    assert (reports[0].progress.message, reports[0].progress.fraction) == ("first", 0.0)
    assert [report.output_chunk.text for report in reports[1:]] == [str(piece) for piece in range(600)]


def test_a_refused_chunk_is_told_with_the_next_one(fake: Fake, start: Start) -> None:
    start()
    stream = fake.stream()
    stream.assign("t", "chunks", text="1000000")
    stream.expect("progress", 2)
    stream.say(refused=proto.Refused(lease_token="t", reason="MEMORY_EXHAUSTED", message="full"))
    fail = stream.expect("fail")
    assert fail.type.endswith("ChunkRefusedError")
    assert "MEMORY_EXHAUSTED: full" in fail.message


def test_a_handler_agrees_to_stop_and_a_deaf_one_is_ended_after_the_cancel_grace(fake: Fake, start: Start) -> None:
    bench = start()
    stream = fake.stream()
    stream.assign("t", "listens")
    stream.say(**cancel("t", 1))
    assert stream.expect("release").cancelled
    assert bench.stopped == ["CLIENT"]
    stream.assign("u", "deaf")
    bench.expect_begun()
    begun = time.monotonic()
    stream.say(**cancel("u", 2))
    assert stream.expect("release", 2).cancelled
    assert time.monotonic() - begun >= 0.3
    bench.stopped.until(lambda: bench.stopped[1:] in (["Stopped"], ["CancelledError"]), "that the handler ended")


@pytest.mark.parametrize("kind", ["listens", "deaf"])
def test_an_attempt_that_ran_too_long_has_failed(fake: Fake, start: Start, kind: str) -> None:
    start()
    stream = fake.stream()
    stream.assign("t", kind)
    stream.say(**cancel("t", 3))
    fail = stream.expect("fail")
    assert (fail.type, fail.permanent) == ("AttemptTimeout", False)
    assert stream.said("release") == 0


def test_a_cause_of_a_newer_server_and_messages_that_are_not_known(fake: Fake, start: Start) -> None:
    bench = start()
    stream = fake.stream()
    newer = proto.WorkResponse()
    newer.MergeFromString(b"\xfa\x07\x03new")
    stream._to_say.put(newer)
    stream.assign("t", "listens")
    stream.say(**cancel("t", 77))
    assert stream.expect("release").cancelled
    assert bench.stopped == ["CANCEL_CAUSE_77"]


def test_a_broken_stream_is_replaced_and_what_is_held_goes_along(fake: Fake, start: Start) -> None:
    bench = start()
    first = fake.stream()
    first.assign("runs", "hold")
    first.assign("done", text="x")
    first.expect("complete")
    first.close(status(UNAVAILABLE))
    second = fake.stream()
    assert sorted(second.register.held) == ["done", "runs"]
    assert second.expect("complete").lease_token == "done", "it was not answered, so it is said again"
    bench.gate.set()
    assert second.expect("complete", 2).lease_token == "runs"
    assert len(bench.named("Started")) == 2
    assert len(bench.named("Disconnected")) == 1


def test_a_connection_that_flaps_costs_nothing_that_is_held(fake: Fake, start: Start) -> None:
    bench = start()
    stream = fake.stream()
    stream.assign("t", "hold")
    bench.expect_begun()
    for _ in range(6):
        stream.close(status(UNAVAILABLE))
        stream = fake.stream()
        assert list(stream.register.held) == ["t"]
    bench.gate.set()
    assert stream.expect("complete").lease_token == "t"
    assert len(bench.named("Started")) == 1


def test_lease_lost_is_said_twice_of_a_token_that_was_not_adopted_and_has_a_settle(fake: Fake, start: Start) -> None:
    bench = start()
    first = fake.stream()
    first.assign("done", text="x")
    first.expect("complete")
    fake.on_register = lambda register, context: proto.Registered(ping_interval=registered(register).ping_interval)
    first.close(status(UNAVAILABLE))
    second = fake.stream()
    second.expect("complete")
    second.say(lease_lost=proto.LeaseLost(lease_token="done"))
    second.say(ping=proto.Ping(number=1))
    second.expect("echo")
    assert not bench.named("LeaseLost"), "that was of the registration; the settle has an answer of its own to come"
    second.say(lease_lost=proto.LeaseLost(lease_token="done"))
    bench.expect("LeaseLost")


def test_a_lost_lease_stops_its_handler_and_nothing_more_is_said(fake: Fake, start: Start) -> None:
    bench = start()
    stream = fake.stream()
    stream.assign("t", "deaf")
    bench.expect_begun()
    stream.say(lease_lost=proto.LeaseLost(lease_token="t"))
    bench.stopped.until(lambda: bench.stopped, "that the handler ended")
    stream.say(ping=proto.Ping(number=1))
    stream.expect("echo")
    assert {message.WhichOneof("message") for message in stream.heard} <= {"echo", "credits"}


def test_a_silent_stream_is_broken_off_never_half_closed(fake: Fake, start: Start) -> None:
    fake.on_register = lambda register, context: registered(register, ping=0.1)
    bench = start()
    first = fake.stream()
    first.assign("t", "hold")
    second = fake.stream()
    assert list(second.register.held) == ["t"]
    assert first.expect_end() == "broken off"
    assert "nothing came for 1 s" in str(bench.named("Disconnected")[0].error)


def test_a_draining_replica_is_left_after_the_next_stream_has_what_is_held(fake: Fake, start: Start) -> None:
    bench = start()
    first = fake.stream()
    first.assign("t", "hold")
    bench.expect_begun()
    first.say(drain=proto.Drain())
    second = fake.stream()
    assert list(second.register.held) == ["t"]
    assert first.expect_end() == "broken off"
    bench.gate.set()
    assert second.expect("complete").lease_token == "t"
    assert not bench.named("Disconnected")


def test_after_the_grace_what_runs_is_given_back_and_every_answer_is_waited_for(fake: Fake, start: Start) -> None:
    bench = start(grace=0.3)
    stream = fake.stream()
    stream.assign("t", "deaf")
    bench.expect_begun()
    bench.worker.stop()
    release = stream.expect("release")
    assert (release.draining, release.cancelled) == (True, False)
    assert stream.ended is None
    stream.say(settled=proto.Settled(lease_token="t", state=2))  # type: ignore[arg-type]
    assert stream.expect_end() == "half-closed"
    bench.join()
    assert bench.error is None


def test_a_registration_that_is_refused_ends_the_worker(start: Start, fake: Fake) -> None:
    refusal: Any = lambda register, context: refuse(context, status(3, "bad queue", info("INVALID_REQUEST")))  # noqa: E731
    fake.on_register = refusal
    bench = start()
    bench.join()
    assert isinstance(bench.error, RefusedError)
    assert "bad queue" in str(bench.error)


def test_a_first_connection_that_takes_too_long_ends_the_worker_if_that_was_asked_for(start: Start, fake: Fake) -> None:
    fake.stop()
    bench = start(connect_within=0.3)
    bench.join()
    assert "cannot reach" in str(bench.error)


def test_an_impossible_setup_is_refused() -> None:
    client = Client("127.0.0.1:1")
    worker = Worker(client)
    with pytest.raises(InvalidError, match="at least one kind"):
        worker.run()
    worker.handle("a", lambda task: None)
    with pytest.raises(InvalidError, match="`a` has two handlers"):
        worker.handler("a")(lambda task: None)
    with pytest.raises(InvalidError, match="concurrency 0"):
        Worker(client, concurrency=0)
    with pytest.raises(InvalidError, match="list of names"):
        Worker(client, queues="mail")

    async def asynchronous(task: Any) -> None: ...

    with pytest.raises(InvalidError, match=r"tidemill\.aio\.Worker"):
        worker.handle("b", asynchronous)  # type: ignore[arg-type,unused-ignore]
    with pytest.raises(InvalidError, match="no `async def`"):
        aio.Worker(aio.Client("127.0.0.1:1")).handle("b", lambda task: None)  # type: ignore[arg-type,return-value]


def test_a_cancelled_run_gives_back_what_it_holds(fake: Fake) -> None:
    async def main() -> None:
        async with aio.Client(fake.url) as client:
            worker = aio.Worker(client)
            begun = asyncio.Event()

            @worker.handler("k")
            async def handler(task: aio.Context) -> None:
                begun.set()
                await asyncio.Event().wait()

            running = asyncio.ensure_future(worker.run())
            stream = await asyncio.to_thread(fake.stream)
            stream.assign("t")
            await begun.wait()
            running.cancel()
            release = await asyncio.to_thread(stream.expect, "release")
            assert release.draining
            stream.say(settled=proto.Settled(lease_token="t"))
            with pytest.raises(asyncio.CancelledError):
                await running

    asyncio.run(main())
