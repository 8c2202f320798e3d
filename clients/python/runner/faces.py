"""The two APIs behind one face, so that the runner's commands are written once. The synchronous one runs in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from runner import asyncio_handlers, sync_handlers
from tidemill import Client, Event, Watched, Worker, WorkerEvent, aio

Listener = Callable[[WorkerEvent], None]


class AioFace:
    def __init__(self, options: dict[str, Any]) -> None:
        self._client = aio.Client(**options)
        self._gates: dict[str, asyncio.Event] = {}

    async def call(self, method: str, *arguments: Any) -> Any:
        return await getattr(self._client, method)(*arguments)

    async def watch(self, task_id: str, after: int) -> AsyncIterator[Event]:
        async for event in self._client.watch(task_id, after):
            yield event

    async def watch_many(self, targets: list[tuple[str, int]]) -> AsyncIterator[Watched]:
        watch = self._client.watch_many(keep_open=True)
        for task_id, after in targets:
            watch.add(task_id, after)
        watch.end()
        async for watched in watch:
            yield watched

    def worker(self, kinds: list[str], listener: Listener, options: dict[str, Any]) -> aio.Worker:
        worker = aio.Worker(self._client, on_event=listener, **options)
        known = asyncio_handlers.handlers(self._client, self._gates)
        for kind in kinds:
            worker.handle(kind, known[kind])
        worker.check()
        return worker

    async def run(self, worker: Any) -> None:
        await worker.run(signals=False)

    def let_go(self, task_id: str) -> None:
        self._gates.setdefault(task_id, asyncio.Event()).set()


class SyncFace:
    def __init__(self, options: dict[str, Any]) -> None:
        self._client = Client(**options)
        self._gates: dict[str, threading.Event] = {}

    async def call(self, method: str, *arguments: Any) -> Any:
        return await in_thread(getattr(self._client, method), *arguments)

    async def watch(self, task_id: str, after: int) -> AsyncIterator[Event]:
        async for event in _stepped(self._client.watch(task_id, after)):
            yield event

    async def watch_many(self, targets: list[tuple[str, int]]) -> AsyncIterator[Watched]:
        watch = self._client.watch_many(keep_open=True)
        for task_id, after in targets:
            watch.add(task_id, after)
        watch.end()
        async for watched in _stepped(watch):
            yield watched

    def worker(self, kinds: list[str], listener: Listener, options: dict[str, Any]) -> Worker:
        worker = Worker(self._client, on_event=listener, **options)
        known = sync_handlers.handlers(self._client, self._gates)
        for kind in kinds:
            worker.handle(kind, known[kind])
        worker.check()
        return worker

    async def run(self, worker: Any) -> None:
        await in_thread(worker.run)

    def let_go(self, task_id: str) -> None:
        self._gates.setdefault(task_id, threading.Event()).set()


async def _stepped(found: Any) -> AsyncIterator[Any]:
    end = object()
    while (item := await in_thread(next, found, end)) is not end:
        yield item


async def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    """A thread for each call: a pool would let calls that wait hold up others."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()

    def run() -> None:
        try:
            value = work(*arguments)
        except BaseException as error:
            loop.call_soon_threadsafe(answer.set_exception, error)
        else:
            loop.call_soon_threadsafe(answer.set_result, value)

    threading.Thread(target=run, daemon=True).start()
    return await answer


Face = AioFace | SyncFace
