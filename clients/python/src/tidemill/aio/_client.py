"""The asyncio client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, TypeVar

from tidemill import proto
from tidemill._core.core import Core
from tidemill._core.engine import engine
from tidemill._core.times import Seconds, seconds
from tidemill._core.watch import GIVE_UP_AFTER, Follower, OnBreak
from tidemill._core.watch_many import FollowerOfMany
from tidemill.aio._watch import Watch, WatchMany
from tidemill.config import Settings, Tls
from tidemill.errors import Error
from tidemill.event import Cancelled, Enqueued, Page, Stats, TaskSnapshot
from tidemill.names import TaskState
from tidemill.task import Task
from tidemill.trace import TraceContext

T = TypeVar("T")


class Client:
    """`tidemill.Client` for asyncio: the same calls as coroutines. May be made anywhere, and used from several loops.

    ```python
    async with aio.Client("http://localhost:7440") as client:
        enqueued = await client.enqueue(Task("email.send", "hello"))
        print(await client.watch(enqueued.task_id).result())
    ```
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        results_url: str | None = None,
        worker_url: str | None = None,
        tls: Tls | None = None,
        token: str | None = None,
        timeout: Seconds = 10.0,
        max_tries: int | None = None,
        user_agent: str | None = None,
        trace_context: Callable[[], TraceContext | None] | None = None,
    ) -> None:
        """See `tidemill.Client`."""
        settings = Settings.of(url, results_url, worker_url, tls, token, timeout, max_tries, user_agent, trace_context)
        self._core = Core(settings)
        self._engine = engine()

    async def enqueue(self, task: Task) -> Enqueued:
        """See `tidemill.Client.enqueue`."""
        return await self._run(self._core.enqueue(self._core.request(task)))

    async def enqueue_batch(self, tasks: Iterable[Task]) -> list[Enqueued | Error]:
        """See `tidemill.Client.enqueue_batch`."""
        return await self._run(self._core.enqueue_batch([self._core.request(task) for task in tasks]))

    async def cancel(self, task_id: str, reason: str = "") -> Cancelled:
        """See `tidemill.Client.cancel`."""
        return await self._run(self._core.cancel(task_id, reason))

    async def result(self, task_id: str) -> TaskSnapshot:
        """See `tidemill.Client.result`."""
        return await self._run(self._core.result(task_id))

    async def wait(self, task_id: str, wait: Seconds) -> TaskSnapshot:
        """See `tidemill.Client.wait`."""
        return await self._run(self._core.wait(task_id, wait))

    def watch(
        self,
        task_id: str,
        after: int = 0,
        *,
        give_up_after: Seconds = GIVE_UP_AFTER,
        on_break: OnBreak | None = None,
    ) -> Watch:
        """See `tidemill.Client.watch`; for `async for`."""
        return Watch(Follower(self._core, task_id, after, seconds(give_up_after), on_break), after)

    def watch_many(
        self,
        task_ids: Iterable[str] = (),
        *,
        keep_open: bool = False,
        give_up_after: Seconds = GIVE_UP_AFTER,
        on_break: OnBreak | None = None,
    ) -> WatchMany:
        """See `tidemill.Client.watch_many`; for `async for`."""
        watch = WatchMany(FollowerOfMany(self._core, keep_open, seconds(give_up_after), on_break))
        for task_id in task_ids:
            watch.add(task_id)
        return watch

    async def queues(self, page_size: int = 0, page: str | None = None) -> Page[proto.Queue]:
        """See `tidemill.Client.queues`."""
        return await self._run(self._core.queues(page_size, page))

    async def queue(self, name: str) -> proto.Queue:
        """See `tidemill.Client.queue`."""
        return await self._run(self._core.queue(name))

    async def tasks(self, queue: str, state: TaskState, page_size: int = 0, page: str | None = None) -> Page[proto.Task]:
        """See `tidemill.Client.tasks`."""
        return await self._run(self._core.tasks(queue, state, page_size, page))

    async def task(self, task_id: str) -> proto.Task:
        """See `tidemill.Client.task`."""
        return await self._run(self._core.task(task_id))

    async def health(self, service: str = "") -> str:
        """See `tidemill.Client.health`."""
        return await self._run(self._core.health(self._core.gateway, service))

    async def results_health(self, service: str = "") -> str:
        """The same of the results role's address."""
        return await self._run(self._core.health(self._core.results, service))

    async def worker_health(self, service: str = "") -> str:
        """The same of the worker role's address."""
        return await self._run(self._core.health(self._core.worker, service))

    @property
    def stats(self) -> Stats:
        """See `tidemill.Client.stats`."""
        return self._core.stats()

    async def close(self) -> None:
        """See `tidemill.Client.close`."""
        await self._run(self._core.close())

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"aio.Client({self._core.settings.url!r})"

    async def _run(self, work: Coroutine[Any, Any, T]) -> T:
        # A cancelled caller cancels the call.
        return await asyncio.wrap_future(self._engine.submit(work))
