"""The synchronous watches."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Generic, TypeVar

from tidemill._core.pull import Pull
from tidemill._core.status import contract_error
from tidemill._core.watch import Follower
from tidemill._core.watch_many import FollowerOfMany
from tidemill.event import Event, TaskResult, Watched

T = TypeVar("T")


class _Iterator(Generic[T]):
    """An iterator over what comes. Not for several threads at a time."""

    _pull: Pull[T]

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if not self._pull.ready:
            asked = self._pull.ask()
            try:
                # An interrupt leaves the question open; an error answers it.
                asked.exception()
                found = asked.result()
            except BaseException:
                if asked.done():
                    self._pull.failed()
                raise
            if not self._pull.answered(found):
                raise StopIteration
        return self._pull.ready.popleft()

    def close(self) -> None:
        """Ends it before its end."""
        self._pull.close()

    def __enter__(self: T) -> T:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_pull"):
            self._pull.close()


class Watch(_Iterator[Event]):
    """Follows one task: yields every event of its log after the cursor, in order and once each, and ends after the result. Where a stream
    breaks it opens another from the last event. Raises what no other stream would mend, e.g. an unknown task."""

    def __init__(self, follower: Follower, after: int) -> None:
        self._pull = Pull(follower)
        self.last_sequence = after
        """Number of the last event that was yielded: go on from here with `Client.watch(…, after)`."""

    def __next__(self) -> Event:
        event = super().__next__()
        self.last_sequence = max(self.last_sequence, event.sequence)
        return event

    def result(self) -> TaskResult:
        """Skips to the end. A task that failed raises nothing: see the `state`."""
        for event in self:
            if isinstance(event.kind, TaskResult):
                return event.kind
        raise contract_error("", "a log that ends without a result")


class WatchMany(_Iterator[Watched]):
    """Follows many tasks over one stream, each as a `Watch` does: every event once and in order."""

    def __init__(self, follower: FollowerOfMany) -> None:
        self._follower = follower
        self._pull = Pull(follower)

    def add(self, task_id: str, after: int = 0) -> None:
        """Watches a task from after this event of its log; 0 is the beginning. From any thread. Adding one that is watched already restarts
        it from there. One stream takes 10,000 tasks unless the server is configured otherwise; a task beyond that is answered with an
        error."""
        self._pull.post(lambda: self._follower.add(task_id, after))

    def remove(self, task_id: str) -> None:
        """Stops watching a task. Events that are on their way may still come."""
        self._pull.post(lambda: self._follower.remove(task_id))

    def end(self) -> None:
        """No more tasks will be added: it ends when every task has left."""
        self._pull.post(self._follower.end)
