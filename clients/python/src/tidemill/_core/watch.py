"""The log of one task as one ordered sequence, whatever happens to the streams that carry it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

import grpc
import grpc.aio

from tidemill import proto
from tidemill._core.core import RESULTS, Core
from tidemill._core.link import Link
from tidemill._core.retry import Limits, backoff, more_telling, resume
from tidemill._core.status import broken_error, contract_error, deadline_error, error_of
from tidemill.errors import Error, InvalidError, Outcome
from tidemill.event import Event, TaskResult, Truncated

#: A stream that lived this long was a good one, even if the task had nothing to say.
_STEADY = 5.0
#: Without headers the call has probably failed already, which is known a moment later.
_MOMENT = 0.01
#: Longest wait before a stream is opened again.
_MAX_BACKOFF = 5.0
#: By default: no stream could be had for this long.
GIVE_UP_AFTER = 300.0

OnBreak = Callable[[Error], None]


class Cursor:
    """Where a watch stands in the log of one task: what it has seen, and whether the log is over."""

    __slots__ = ("finished", "last_sequence", "restarting")

    def __init__(self, last_sequence: int) -> None:
        self.last_sequence = last_sequence
        self.finished = False
        #: It was moved while events of before may still be on their way: they are no holes.
        self.restarting = False

    def accept(self, event: Event, address: str) -> bool:
        """Moves on. False: an event that was seen before. Raises at a hole: the log is complete or says what is not there."""
        expected = self.last_sequence + 1
        first = event.kind.from_sequence if isinstance(event.kind, Truncated) else event.sequence
        if first > expected and self.restarting:
            return False
        self.restarting = False
        if first > expected:
            raise contract_error(address, f"event {first} came where {expected} was due, and nothing says why")
        # The result is sent even if the cursor is its own number.
        self.finished = isinstance(event.kind, TaskResult)
        if event.sequence < expected and not self.finished:
            return False
        self.last_sequence = max(self.last_sequence, event.sequence)
        return True


class Patience:
    """For how long breaks are borne."""

    def __init__(self, first: Limits, give_up_after: float) -> None:
        #: A stream was opened at least once: the address is right.
        self.established = False
        self._first = first
        self._give_up_after = give_up_after
        self._since: float | None = None
        self._failures = 0
        self._last: Error | None = None

    def restore(self) -> None:
        """Something came."""
        self._since, self._failures, self._last = None, 0, None

    def bear(self, error: Error, steady: bool) -> float:
        """How long to wait before the next stream; or raises the error: at once where the server means it, else when the time for it is
        over."""
        may = resume(error)
        if may is None:
            raise error
        if steady:
            self.restore()
        self._last = error = more_telling(self._last, error)
        if self._since is None:
            self._since = monotonic()
        self._failures += 1
        pause = may.delay + backoff(self._failures, _MAX_BACKOFF)
        limit, tries = (self._give_up_after, None) if self.established else (self._first.deadline, self._first.tries)
        if (tries is not None and self._failures >= tries) or monotonic() - self._since + pause > limit:
            raise error
        return pause


class Stream:
    """One stream of the results role. To cancel its reading breaks it off."""

    def __init__(self, call: Any, link: Link, first: Any = None) -> None:
        self.call = call
        #: A message that was read while the stream was opened.
        self._first = first
        self.since = monotonic()
        self._link = link

    async def read(self) -> Any:
        """The next message; raises when the stream is over."""
        if self._first is not None:
            message, self._first = self._first, None
            return message
        try:
            message = await self.call.read()
        except grpc.aio.AioRpcError as status:
            raise error_of(status, self._link.address) from None
        except asyncio.CancelledError:
            if self._link.closed:
                raise InvalidError("the client was closed") from None
            raise
        if message is grpc.aio.EOF:
            raise broken_error(self._link.address, "the stream ended before the result", Outcome.NOT_APPLIED)
        return message

    def close(self) -> None:
        """Breaks it off."""
        self.call.cancel()

    @property
    def steady(self) -> bool:
        """It lived long enough to count as a good one."""
        return monotonic() - self.since >= _STEADY


async def open_stream(core: Core, start: Callable[[Link], Any], first: Any = None) -> Stream:
    """Opens a stream of the results role, in line with everybody else who finds it away, and says the first message if there is one. The
    deadline is for opening it only."""
    link = core.results
    limit = core.limits.deadline
    try:
        async with link.line.turn(monotonic() + limit):
            opened = await _opened(link, limit, start, first)
            if isinstance(opened, Stream):
                link.line.back()
                return opened
            may = resume(opened)
            if may is not None and may.whole_server:
                link.line.away(opened, may.delay)
            else:
                link.line.back()
    except asyncio.TimeoutError:
        opened = link.line.why or deadline_error(Outcome.NOT_APPLIED, link.address, limit)
    raise opened


async def _opened(link: Link, limit: float, start: Callable[[Link], Any], first: Any) -> Stream | Error:
    call = start(link)
    try:
        if first is not None:
            # If it is over already, reading says why.
            with suppress(asyncio.InvalidStateError):
                await asyncio.wait_for(call.write(first), limit)
        # A server sends its headers as soon as it has accepted the call.
        if not await asyncio.wait_for(call.initial_metadata(), limit):
            await asyncio.sleep(_MOMENT)
        # One that is over already has failed, and reading says why; or it had little to say, which must not be lost.
        message = await call.read() if call.done() else grpc.aio.EOF
    except asyncio.TimeoutError:
        call.cancel()
        return deadline_error(Outcome.NOT_APPLIED, link.address, limit)
    except grpc.aio.AioRpcError as status:
        return await link.error(status)
    return Stream(call, link, None if message is grpc.aio.EOF else message)


class Follower:
    """Follows one task. Its coroutines run one at a time, on the engine."""

    def __init__(self, core: Core, task_id: str, after: int, give_up_after: float, on_break: OnBreak | None) -> None:
        self._core = core
        self._task_id = task_id
        self._cursor = Cursor(after)
        self._patience = Patience(core.limits, give_up_after)
        self._on_break = on_break
        self._stream: Stream | None = None
        self._over = False

    async def next(self) -> list[Event]:
        """The next events, at least one; none after the result, or after an error."""
        if self._over:
            return []
        try:
            event = await self._next()
        except BaseException:
            if self._over:
                # It was closed while this waited.
                return []
            self.close()
            raise
        if self._cursor.finished:
            self.close()
        return [event]

    def close(self) -> None:
        """Nothing more is wanted."""
        self._over = True
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    async def _next(self) -> Event:
        while True:
            try:
                event = await self._read()
            except Error as error:
                pause = self._broke(error)
                if self._on_break is not None and self._patience.established:
                    self._on_break(error)
                await asyncio.sleep(pause)
                continue
            self._patience.restore()
            if self._cursor.accept(event, self._core.results.address):
                return event

    def _broke(self, error: Error) -> float:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
        return self._patience.bear(error, stream is not None and stream.steady)

    async def _read(self) -> Event:
        if self._stream is None:
            request = proto.WatchResultRequest(task_id=self._task_id, after_sequence=self._cursor.last_sequence)

            def start(link: Link) -> Any:
                method = link.channel.unary_stream(
                    RESULTS + "WatchResult",
                    request_serializer=proto.WatchResultRequest.SerializeToString,
                    response_deserializer=proto.WatchResultResponse.FromString,
                )
                return method(request, metadata=link.metadata)

            self._stream = await open_stream(self._core, start)
            self._patience.established = True
        message = await self._stream.read()
        if not message.HasField("event"):
            raise contract_error(self._core.results.address, "a message without an event")
        return Event._of(message.event)
