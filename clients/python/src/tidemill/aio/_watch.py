"""The asyncio watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Generic, TypeVar

from tidemill._core.pull import Pull
from tidemill._core.status import contract_error
from tidemill._core.watch import Follower
from tidemill._core.watch_many import FollowerOfMany
from tidemill.event import Event, TaskResult, Watched

T = TypeVar("T")


class _Iterator(Generic[T]):
    """An asynchronous iterator over what comes. Not for several tasks at a time; a cancelled step loses nothing."""

    _pull: Pull[T]

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        if not self._pull.ready:
            asked = self._pull.ask()
            try:
                found = await asyncio.shield(asyncio.wrap_future(asked))
            except BaseException:
                # A cancelled step leaves the question open; an error answers it.
                if asked.done() and (asked.cancelled() or asked.exception() is not None):
                    self._pull.failed()
                raise
            if not self._pull.answered(found):
                raise StopAsyncIteration
        return self._pull.ready.popleft()

    async def close(self) -> None:
        """Ends it before its end."""
        self._pull.close()

    async def __aenter__(self: T) -> T:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    def __del__(self) -> None:
        if hasattr(self, "_pull"):
            self._pull.close()


class Watch(_Iterator[Event]):
    """`tidemill.Watch` for asyncio."""

    def __init__(self, follower: Follower, after: int) -> None:
        self._pull = Pull(follower)
        self.last_sequence = after
        """Number of the last event that was yielded: go on from here with `Client.watch(…, after)`."""

    async def __anext__(self) -> Event:
        event = await super().__anext__()
        self.last_sequence = max(self.last_sequence, event.sequence)
        return event

    async def result(self) -> TaskResult:
        """Skips to the end."""
        async for event in self:
            if isinstance(event.kind, TaskResult):
                return event.kind
        raise contract_error("", "a log that ends without a result")


class WatchMany(_Iterator[Watched]):
    """`tidemill.WatchMany` for asyncio."""

    def __init__(self, follower: FollowerOfMany) -> None:
        self._follower = follower
        self._pull = Pull(follower)

    def add(self, task_id: str, after: int = 0) -> None:
        """See `tidemill.WatchMany.add`."""
        self._pull.post(lambda: self._follower.add(task_id, after))

    def remove(self, task_id: str) -> None:
        """See `tidemill.WatchMany.remove`."""
        self._pull.post(lambda: self._follower.remove(task_id))

    def end(self) -> None:
        """See `tidemill.WatchMany.end`."""
        self._pull.post(self._follower.end)
