"""One Work stream: opened, registered, heard, written to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

import grpc
import grpc.aio

from tidemill import proto
from tidemill._core.link import Link
from tidemill._core.status import broken_error, contract_error, deadline_error, error_of
from tidemill._core.times import from_duration
from tidemill.errors import Error, Outcome

_PATH = "/tidemill.v1.WorkerService/Work"
#: Pings that may fail to come before the stream counts as broken.
_MISSED_PINGS = 3
_SHORTEST_SILENCE = 1.0

Outgoing = Callable[[], "proto.WorkRequest | None"]


class WorkStream:
    """A stream that the server has accepted, over a connection of its own."""

    def __init__(self, link: Link, channel: Any, call: Any, registered: proto.Registered) -> None:
        self.registered = registered
        #: The replica drains.
        self.leaving = False
        self.heard = monotonic()
        self.silence = max(_SHORTEST_SILENCE, _MISSED_PINGS * from_duration(registered.ping_interval))
        self._link = link
        self._channel = channel
        self._call = call
        #: Echoes, credits, settles said again: overtake what handlers say.
        self._control: deque[proto.WorkRequest] = deque()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._ending = False

    @staticmethod
    async def open(link: Link, register: proto.Register) -> WorkStream:
        """Opens one and registers."""
        channel = link.fresh()
        try:
            return await asyncio.wait_for(_register(link, channel, register), link.timeout)
        except asyncio.TimeoutError:
            await channel.close()
            raise deadline_error(Outcome.NOT_APPLIED, link.address, link.timeout) from None
        except BaseException:
            await channel.close()
            raise

    def start(self, hear: Callable[[proto.WorkResponse], None], lost: Callable[[Error], None], next_report: Outgoing) -> None:
        """Reads and writes from here on. `hear` gets every answer, `lost` why the stream is over, and `next_report` yields what handlers
        say, one at a time, so that what cannot be sent yet stays with its owner."""
        self._tasks = [
            asyncio.ensure_future(self._read(hear, lost)),
            asyncio.ensure_future(self._write(next_report)),
        ]

    def say(self, message: proto.WorkRequest) -> None:
        """Says something as soon as possible. If the stream is gone, that is noticed where answers are read."""
        self._control.append(message)
        self._wake.set()

    def wake(self) -> None:
        """Handlers have something to say."""
        self._wake.set()

    @property
    def silent_at(self) -> float:
        """When it counts as broken if nothing comes."""
        return self.heard + self.silence

    def silence_error(self) -> Error:
        return broken_error(self._link.address, f"nothing came for {self.silence:g} s")

    def leave(self) -> None:
        """Breaks it off. Never by half-closing, which would give back what is held, and what another stream may have by now."""
        for task in self._tasks:
            task.cancel()
        self._call.cancel()
        closing = asyncio.ensure_future(self._channel.close())
        closing.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def finish(self) -> None:
        """Half-closes after what was said before, and waits, not for long, until the server has done the same."""
        self._ending = True
        self._wake.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_SHORTEST_SILENCE)
        self.leave()

    async def _read(self, hear: Callable[[proto.WorkResponse], None], lost: Callable[[Error], None]) -> None:
        address = self._link.address
        try:
            while (answer := await self._call.read()) is not grpc.aio.EOF:
                self.heard = monotonic()
                hear(answer)
        except grpc.aio.AioRpcError as status:
            error = error_of(status, address)
        except asyncio.CancelledError:
            return
        else:
            error = broken_error(address, "the server closed the stream")
        if not self._ending:
            lost(error)

    async def _write(self, next_report: Outgoing) -> None:
        try:
            while True:
                message = self._control.popleft() if self._control else next_report()
                if message is not None:
                    await self._call.write(message)
                elif self._ending:
                    await self._call.done_writing()
                    return
                else:
                    self._wake.clear()
                    await self._wake.wait()
        except (grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError, asyncio.CancelledError):
            # The reading side says why; a settle is said again over the next stream.
            return


async def _register(link: Link, channel: Any, register: proto.Register) -> WorkStream:
    method = channel.stream_stream(
        _PATH,
        request_serializer=proto.WorkRequest.SerializeToString,
        response_deserializer=proto.WorkResponse.FromString,
    )
    call = method(metadata=link.metadata)
    try:
        # If it is over already, reading says why.
        with suppress(asyncio.InvalidStateError):
            await call.write(proto.WorkRequest(register=register))
        first = await call.read()
    except grpc.aio.AioRpcError as status:
        raise await link.error(status) from None
    except asyncio.CancelledError:
        call.cancel()
        raise
    if first is grpc.aio.EOF or first.WhichOneof("message") != "registered":
        call.cancel()
        raise contract_error(link.address, "a Work stream that does not begin with Registered")
    return WorkStream(link, channel, call, first.registered)
