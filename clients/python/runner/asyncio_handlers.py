"""The handlers that every runner has, for the asyncio worker."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

from runner.facts import facts
from tidemill import Cancel, Failure, Task, aio

Handler = Callable[[aio.Context], Awaitable[Any]]


def handlers(client: aio.Client, gates: dict[str, asyncio.Event]) -> dict[str, Handler]:
    async def echo(task: aio.Context) -> Any:
        return task.payload

    async def fail(task: aio.Context) -> Any:
        raise Failure(task.payload.text or "", type="Conf")

    async def permanent(task: aio.Context) -> Any:
        raise Failure(task.payload.text or "", permanent=True)

    async def retry_after(task: aio.Context) -> Any:
        if task.attempt == 1:
            raise Failure("busy", retry_after=0.6)
        return "later"

    async def flaky(task: aio.Context) -> Any:
        if task.attempt == 1:
            raise Failure("too early", type="TooEarly")
        return task.last_error.type if task.last_error else ""

    async def throw(task: aio.Context) -> Any:
        raise RuntimeError("boom")

    async def tell_facts(task: aio.Context) -> Any:
        return facts(task)

    async def report(task: aio.Context) -> Any:
        task.progress(0.5, "half")
        for piece in range(task.payload.to_json()["chunks"]):
            await task.chunk(f"piece {piece}")
        return "done"

    async def wait_cancel(task: aio.Context) -> Any:
        await task.cancelled()
        raise Cancel

    async def ignore_cancel(task: aio.Context) -> Any:
        await task.cancelled()
        return "anyway"

    async def deaf(task: aio.Context) -> Any:
        await asyncio.Event().wait()

    async def hold(task: aio.Context) -> Any:
        await gates.setdefault(task.task_id, asyncio.Event()).wait()
        return "kept"

    async def block(task: aio.Context) -> Any:
        time.sleep(task.payload.to_json()["ms"] / 1_000)  # noqa: ASYNC251
        return "blocked"

    async def stubborn(task: aio.Context) -> Any:
        loop = asyncio.get_running_loop()
        until = loop.time() + task.payload.to_json()["ms"] / 1_000
        while (left := until - loop.time()) > 0:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(left)
        return "stubborn"

    async def bad_output(task: aio.Context) -> Any:
        return object()

    async def enqueue(task: aio.Context) -> Any:
        return (await client.enqueue(Task("conf.nobody"))).task_id

    found = [echo, fail, permanent, retry_after, flaky, throw, report, wait_cancel, ignore_cancel]
    found += [deaf, hold, block, stubborn, bad_output, enqueue]
    return {f"conf.{handler.__name__}": handler for handler in found} | {"conf.facts": tell_facts}
