"""What iterators of both kinds share: each asks the engine for more, and keeps the question if it is interrupted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from tidemill._core.engine import engine

T = TypeVar("T")


class Source(Protocol[T]):
    """Of events, on the engine."""

    async def next(self) -> list[T]:
        """The next ones; none at the end."""

    def close(self) -> None:
        """Nothing more is wanted."""


class Pull(Generic[T]):
    """What came and was not taken yet, and what was asked for."""

    def __init__(self, source: Source[T]) -> None:
        self._source = source
        self._engine = engine()
        self.ready: deque[T] = deque()
        self._asked: Future[list[T]] | None = None

    def ask(self) -> Future[list[T]]:
        """The question that is open, or a new one. An interrupted caller loses nothing: the answer waits for the next one."""
        if self._asked is None:
            self._asked = self._engine.submit(self._source.next())
        return self._asked

    def answered(self, found: list[T]) -> bool:
        """Keeps the answer; False: it was the last one."""
        self._asked = None
        self.ready.extend(found)
        return bool(found)

    def failed(self) -> None:
        """The answer was an error."""
        self._asked = None

    def post(self, work: Callable[[], None]) -> None:
        """Does something on the engine, after what was posted before; from any thread."""
        # At the end of the process the engine may be gone.
        with suppress(RuntimeError):
            self._engine.loop.call_soon_threadsafe(work)

    def close(self) -> None:
        """Ends the stream; from any thread."""
        self.post(self._source.close)
