"""The thread that all connections live on.

One event loop in a thread of its own carries every gRPC call and every worker session of the process. So the synchronous and the asyncio
API are two faces of one implementation, heartbeats and keepalives go on while a program's own threads and loops are busy, and gRPC's
asyncio library, which is easily confused by several loops, sees one only.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from tidemill.errors import InvalidError

T = TypeVar("T")

#: At the end of the process: how long the loop may take to cancel what is left.
_LAST_SECONDS = 2.0


class Engine:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(_quietly)
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._run, name="tidemill-engine", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Runs a coroutine there; its future can be waited for anywhere else."""
        problem = None
        if self._process != os.getpid():
            problem = "this client was made before the process forked: make one in each process"
        elif threading.current_thread() is self._thread:
            problem = "a hook of the client must not call the client"
        if problem is not None:
            work.close()
            raise InvalidError(problem)
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def stop(self) -> None:
        """Cancels what is left and ends the thread."""
        if self._process != os.getpid() or not self._thread.is_alive():
            return
        done = asyncio.run_coroutine_threadsafe(_cancel_all(), self.loop)
        wait([done], _LAST_SECONDS)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_LAST_SECONDS)


class Mailbox:
    """Calls functions on the thread of a loop, in the order of posting. Cheaper than `call_soon_threadsafe` where much is posted: a loop
    that has not come to it yet is not woken again."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._posted: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._woken = False

    def post(self, work: Callable[[], None]) -> bool:
        """False if the loop is closed: then nothing will come of it."""
        with self._lock:
            self._posted.append(work)
            if self._woken:
                return True
            self._woken = True
        try:
            self._loop.call_soon_threadsafe(self._drain)
        except RuntimeError:
            return False
        return True

    def _drain(self) -> None:
        with self._lock:
            self._woken = False
            posted, self._posted = self._posted, deque()
        for work in posted:
            work()


async def _cancel_all() -> None:
    mine = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not mine]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _quietly(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # If the program uses gRPC's asyncio library as well, two loops read one wake-up socket; the slower one finds it empty, which is
    # harmless but would be logged as an error.
    if not isinstance(context.get("exception"), BlockingIOError):
        loop.default_exception_handler(context)


_engine: Engine | None = None
_lock = threading.Lock()


def engine() -> Engine:
    """The engine of this process; started with the first call."""
    global _engine
    with _lock:
        if _engine is None:
            _engine = Engine()
        return _engine


def _forget() -> None:
    """In a forked child: its thread is not there."""
    global _engine, _lock
    _engine, _lock = None, threading.Lock()


@atexit.register
def _stop() -> None:
    if _engine is not None:
        _engine.stop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
