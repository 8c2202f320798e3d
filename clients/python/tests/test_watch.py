"""Watches: every number once, whatever happens to the streams."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from typing import Any

import grpc.aio
import pytest

from tests.fake import (
    LIMIT,
    NOT_FOUND,
    UNAVAILABLE,
    Fake,
    info,
    refuse,
    result_event,
    state_event,
    status,
    truncated_event,
)
from tidemill import Client, ContractError, Error, OutputChunk, RefusedError, TaskResult, Unknown, UnreachableError, aio, proto
from tidemill._core.engine import engine
from tidemill._core.watch import open_stream


def script(fake: Fake, *streams: list[Any]) -> None:
    """What each stream yields in turn; a status ends it."""
    left = iter(streams)

    def watch(request: Any, context: Any) -> Iterator[Any]:
        for item in next(left):
            if isinstance(item, type(status(1))):
                refuse(context, item)
            yield item

    fake.on_watch = watch


def test_it_resumes_from_the_last_event_it_yielded(fake: Fake, client: Client) -> None:
    broken = status(UNAVAILABLE)
    script(
        fake, [state_event(1), state_event(2), broken], [state_event(3)], [state_event(2), state_event(3), state_event(4), result_event(5)]
    )
    heard: list[Error] = []
    watch = client.watch("id", on_break=heard.append)
    assert [event.sequence for event in watch] == [1, 2, 3, 4, 5]
    assert [request.after_sequence for request in fake.requests] == [0, 2, 3]
    assert watch.last_sequence == 5
    assert [error.kind for error in heard] == ["refused", "connection_lost"]
    assert list(watch) == []


def test_a_hole_is_an_error_and_a_named_one_is_not(fake: Fake, client: Client) -> None:
    script(fake, [state_event(1), state_event(3)])
    watch = client.watch("id")
    next(watch)
    with pytest.raises(ContractError, match="event 3 came where 2 was due"):
        next(watch)
    assert list(watch) == []
    script(fake, [state_event(1), truncated_event(2, 5), result_event(6)])
    assert [event.sequence for event in client.watch("id")] == [1, 5, 6]


def test_the_result_comes_even_if_the_cursor_is_its_number(fake: Fake, client: Client) -> None:
    script(fake, [result_event(6)])
    result = client.watch("id", 6).result()
    assert isinstance(result, TaskResult)
    assert result.output
    assert result.output.text == "done"
    assert fake.requests[0].after_sequence == 6


def test_a_considered_refusal_ends_it(fake: Fake, client: Client) -> None:
    script(fake, [status(NOT_FOUND, "m", info("TASK_NOT_FOUND"))])
    with pytest.raises(RefusedError, match="TASK_NOT_FOUND"):
        next(client.watch("id"))
    assert len(fake.requests) == 1


def test_a_first_watch_at_a_wrong_address_ends_with_the_clients_timeout() -> None:
    with Client("127.0.0.1:1", timeout=0.5) as client, pytest.raises(UnreachableError):
        next(client.watch("id"))


def test_it_gives_up_when_no_stream_can_be_had_for_too_long(fake: Fake, client: Client) -> None:
    script(fake, [state_event(1)], *[[status(UNAVAILABLE)] for _ in range(1_000)])
    watch = client.watch("id", give_up_after=0.5)
    next(watch)
    with pytest.raises(RefusedError, match="UNAVAILABLE"):
        next(watch)


def test_an_event_of_a_newer_server_is_passed_on_as_unknown(fake: Fake, client: Client) -> None:
    newer = proto.WatchResultResponse(event=proto.TaskEvent(sequence=1))
    newer.event.MergeFromString(b"\xfa\x07\x03new")
    script(fake, [newer, result_event(2)])
    assert [type(event.kind) for event in client.watch("id")] == [Unknown, TaskResult]


def test_a_watch_that_is_dropped_leaves_its_stream(fake: Fake, client: Client) -> None:
    gone = threading.Event()

    def watch(request: Any, context: Any) -> Iterator[Any]:
        context.add_callback(gone.set)
        yield state_event(1)
        gone.wait(LIMIT)

    fake.on_watch = watch
    for _ in client.watch("id"):
        break
    gc.collect()
    assert gone.wait(LIMIT)


def test_a_cancelled_step_loses_nothing(fake: Fake) -> None:
    go_on = threading.Event()

    def watch(request: Any, context: Any) -> Iterator[Any]:
        yield state_event(1)
        go_on.wait(LIMIT)
        yield state_event(2)
        yield result_event(3)

    fake.on_watch = watch

    async def main() -> None:
        async with aio.Client(fake.url) as client:
            watch = client.watch("id")
            assert (await anext(watch)).sequence == 1
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(anext(watch), 0.2)
            go_on.set()
            assert [event.sequence async for event in watch] == [2, 3]

    asyncio.run(main())
    assert len(fake.requests) == 1, "over one stream"


def test_closing_the_client_ends_a_watch_that_waits(fake: Fake) -> None:
    done = threading.Event()

    def answers(request: Any, context: Any) -> Iterator[Any]:
        yield state_event(1)
        done.wait(LIMIT)

    fake.on_watch = answers
    client = Client(fake.url)
    watch = client.watch("id")
    next(watch)
    # The next step waits on the engine before the client is closed there.
    watch._pull.ask()
    client.close()
    with pytest.raises(Error, match="closed"):
        next(watch)
    done.set()


class Over:
    """A call that was over before anybody looked."""

    def __init__(self, *messages: Any) -> None:
        self._messages = [*messages, grpc.aio.EOF]

    async def initial_metadata(self) -> Any:
        return (("date", "now"),)

    def done(self) -> bool:
        return True

    async def read(self) -> Any:
        return self._messages.pop(0)

    def cancel(self) -> None: ...


def test_what_a_stream_said_that_was_over_at_once_is_not_lost(client: Client) -> None:
    async def read() -> tuple[Any, Any]:
        stream = await open_stream(client._core, lambda link: Over("first", "second"))
        return await stream.read(), await stream.read()

    assert engine().submit(read()).result(LIMIT) == ("first", "second")


def test_chunks_are_payloads(fake: Fake, client: Client) -> None:
    chunk = proto.OutputChunk(payload=proto.Payload(text="piece"))
    script(fake, [proto.WatchResultResponse(event=proto.TaskEvent(sequence=1, output_chunk=chunk)), result_event(2)])
    first = next(client.watch("id"))
    assert isinstance(first.kind, OutputChunk)
    assert first.kind.payload.text == "piece"
