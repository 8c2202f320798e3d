"""The logs of many tasks over one stream that is opened again where it breaks."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import Any

from tidemill import proto
from tidemill._core.core import RESULTS, Core
from tidemill._core.link import Link
from tidemill._core.retry import backoff, resume
from tidemill._core.status import error_of_message
from tidemill._core.watch import Cursor, OnBreak, Patience, Stream, open_stream
from tidemill.errors import Error
from tidemill.event import Event, Watched

#: Tasks that one message adds: a message of a thousand ids is about 40 KB.
_CHUNK = 1_000
#: Messages that are read ahead; then the stream's own flow control makes the server wait.
_AHEAD = 256


class FollowerOfMany:
    """Follows many tasks, each as a `Follower` does. Everything happens on the engine."""

    def __init__(self, core: Core, keep_open: bool, give_up_after: float, on_break: OnBreak | None) -> None:
        self._core = core
        self._keep_open = keep_open
        self._patience = Patience(core.limits, give_up_after)
        self._on_break = on_break
        self._cursors: dict[str, Cursor] = {}
        #: Removed from the stream: what comes of them was on its way.
        self._removed: set[str] = set()
        self._stream: Stream | None = None
        self._reading: asyncio.Task[None] | None = None
        #: What came: messages, and at last the error that ended the stream.
        self._inbox: deque[proto.WatchResultsResponse | Error] = deque()
        self._outbox: deque[proto.WatchResultsRequest] = deque()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        #: Tasks that were refused for the moment: when to add them again.
        self._again: list[tuple[float, str]] = []
        self._over = False

    def add(self, task_id: str, after: int) -> None:
        cursor = Cursor(after)
        cursor.restarting = task_id in self._cursors or task_id in self._removed
        self._removed.discard(task_id)
        self._cursors[task_id] = cursor
        self._say(proto.WatchResultsRequest(add=[self._target(task_id)]))

    def remove(self, task_id: str) -> None:
        if self._cursors.pop(task_id, None) is not None:
            self._removed.add(task_id)
            self._say(proto.WatchResultsRequest(remove=[task_id]))

    def end(self) -> None:
        """No more tasks will be added."""
        self._keep_open = False
        self._wake.set()

    def close(self) -> None:
        """Nothing more is wanted."""
        self._over = True
        self._drop_stream()
        self._wake.set()

    async def next(self) -> list[Watched]:
        """What came, at least one; none when every task has left and no more are added."""
        while not self._over:
            watched = [found for found in self._take() if found is not None]
            if watched:
                return watched
            if not self._cursors and not self._keep_open:
                self.close()
            elif self._stream is None and self._cursors:
                await self._open_or_bear()
            else:
                await self._flush()
                await self._wait()
        return []

    def _take(self) -> list[Watched | None]:
        """What the inbox holds, up to an error of the stream."""
        taken: list[Watched | None] = []
        while self._inbox and not isinstance(self._inbox[0], Error):
            taken.append(self._hear(self._inbox.popleft()))
        self._room.set()
        return taken

    async def _open_or_bear(self) -> None:
        try:
            await self._open()
        except Error as error:
            await self._broke(error, steady=False)

    async def _wait(self) -> None:
        if self._inbox and isinstance(self._inbox[0], Error):
            error = self._inbox.popleft()
            assert isinstance(error, Error)
            steady = self._stream is not None and self._stream.steady
            await self._broke(error, steady)
            return
        if self._inbox or self._outbox:
            return
        due = min((due for due, _ in self._again), default=None)
        try:
            await asyncio.wait_for(self._wake.wait(), None if due is None else max(0.0, due - monotonic()))
        except asyncio.TimeoutError:
            self._add_again()
        self._wake.clear()

    def _say(self, request: proto.WatchResultsRequest) -> None:
        # A stream that is opened later is told everything anew.
        self._outbox.append(request)
        self._wake.set()

    async def _flush(self) -> None:
        while self._outbox and self._stream is not None:
            try:
                await self._stream.call.write(self._outbox.popleft())
            except asyncio.CancelledError:
                if self._stream is not None and not self._stream.call.cancelled():
                    raise
                return
            except Exception:
                # The stream is over; the reading side knows why.
                return

    async def _open(self) -> None:
        def start(link: Link) -> Any:
            method = link.channel.stream_stream(
                RESULTS + "WatchResults",
                request_serializer=proto.WatchResultsRequest.SerializeToString,
                response_deserializer=proto.WatchResultsResponse.FromString,
            )
            return method(metadata=link.metadata)

        # What is added or removed from here on is said after this.
        self._again.clear()
        self._outbox.clear()
        self._removed.clear()
        for cursor in self._cursors.values():
            cursor.restarting = False
        targets = [self._target(task_id) for task_id in self._cursors]
        parts = [targets[begin : begin + _CHUNK] for begin in range(0, len(targets), _CHUNK)]
        self._outbox.extend(proto.WatchResultsRequest(add=part) for part in parts[1:])
        stream = await open_stream(self._core, start, proto.WatchResultsRequest(add=parts[0]))
        if self._over:
            stream.close()
            return
        self._patience.established = True
        self._stream = stream
        self._reading = asyncio.ensure_future(self._read(stream))

    async def _read(self, stream: Stream) -> None:
        try:
            while True:
                while len(self._inbox) >= _AHEAD:
                    self._room.clear()
                    await self._room.wait()
                self._inbox.append(await stream.read())
                self._wake.set()
        except Error as error:
            self._inbox.append(error)
            self._wake.set()

    def _drop_stream(self) -> None:
        stream, self._stream = self._stream, None
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
        if stream is not None:
            stream.close()
        self._inbox.clear()

    async def _broke(self, error: Error, steady: bool) -> None:
        """The stream broke, or could not be had."""
        self._drop_stream()
        try:
            pause = self._patience.bear(error, steady)
        except Error:
            self._patience.restore()
            self._told_all(error)
            return
        if self._on_break is not None and self._patience.established:
            self._on_break(error)
        await asyncio.sleep(pause)

    def _told_all(self, error: Error) -> None:
        """No stream can be had: every task is told, one by one."""
        for task_id in self._cursors:
            self._inbox.append(_Failed(task_id, error))  # type: ignore[arg-type]

    def _hear(self, message: Any) -> Watched | None:
        task_id = message.task_id
        cursor = self._cursors.get(task_id)
        if cursor is None:
            # One that was removed, while this was on its way.
            return None
        if isinstance(message, _Failed):
            del self._cursors[task_id]
            return Watched(task_id, None, message.error)
        self._patience.restore()
        event, error = self._read_item(message, cursor)
        if event is None and error is None:
            return None
        if error is not None or cursor.finished:
            self._cursors.pop(task_id, None)
        return Watched(task_id, event, error)

    def _read_item(self, message: Any, cursor: Cursor) -> tuple[Event | None, Error | None]:
        address = self._core.results.address
        variant = message.WhichOneof("item")
        if variant == "error":
            error = error_of_message(message.error, address)
            may = resume(error)
            if may is not None and may.whole_server:
                self._again.append((monotonic() + may.delay + backoff(1, 1.0), message.task_id))
                return None, None
            return None, error
        if variant is None:
            return None, None
        event = Event._of(message.event)
        try:
            return (event if cursor.accept(event, address) else None), None
        except Error as hole:
            # The server knows of none, and would go on.
            self.remove(message.task_id)
            return None, hole

    def _add_again(self) -> None:
        now = monotonic()
        due = [task_id for time, task_id in self._again if time <= now]
        self._again = [(time, task_id) for time, task_id in self._again if time > now]
        self._say(proto.WatchResultsRequest(add=[self._target(task_id) for task_id in due if task_id in self._cursors]))

    def _target(self, task_id: str) -> proto.WatchTarget:
        return proto.WatchTarget(task_id=task_id, after_sequence=self._cursors[task_id].last_sequence)


class _Failed:
    """A task that no stream could be had for."""

    def __init__(self, task_id: str, error: Error) -> None:
        self.task_id = task_id
        self.error = error
