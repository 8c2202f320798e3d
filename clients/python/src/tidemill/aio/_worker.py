"""The asyncio worker."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import threading
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic
from typing import Any, TypeVar

from tidemill._core.context import BaseContext, log_failure
from tidemill._core.engine import Mailbox, engine
from tidemill._core.job import Job
from tidemill._core.running import Running, is_async, tell_safely
from tidemill._core.setup import Setup
from tidemill._core.times import Seconds
from tidemill.aio._client import Client
from tidemill.errors import InvalidError
from tidemill.payload import PayloadLike
from tidemill.trace import current_trace
from tidemill.worker_events import CancelRequest, Listener, WorkerEvent

_H = TypeVar("_H", bound=Callable[..., Awaitable[Any]])


class Context(BaseContext):
    """One attempt of one task, for its handler."""

    def progress(self, fraction: float, message: str = "") -> None:
        """Tells how far the attempt has come: a share between 0 and 1, and a short text for people. Never waits: it is dropped if much else
        is on its way, and the server stores it at most twice a second, the latest winning."""
        self._progress(fraction, message)

    async def chunk(self, piece: PayloadLike) -> None:
        """Sends a piece of output, at most 64 KiB, which watchers see at once. Waits while much is on its way. Pieces come in order; those
        that are on their way when a connection breaks may be lost. Raises `ReportError` if it was not taken."""
        work = self._job.reports.chunk(self._job, self._chunk(piece))
        await asyncio.wrap_future(engine().submit(work))

    async def cancelled(self) -> CancelRequest:
        """Waits until the handler is asked to stop. It may then still succeed, or agree by raising `Cancel`; after the worker's cancel
        grace its task is cancelled, which counts as agreeing."""
        await self._job.asked.wait()
        request = self.cancel_request
        if request is None:
            # The worker has let go of the task; this handler is about to be cancelled.
            await asyncio.get_running_loop().create_future()
        assert request is not None
        return request


class Worker:
    """A handler process: leases tasks and runs their handlers on the loop that calls `run`.

    ```python
    worker = aio.Worker(client, concurrency=100)

    @worker.handler("email.send")
    async def send(task: aio.Context) -> str:
        return f"sent {task.payload.text}"

    await worker.run()
    ```

    Leases are kept alive on another thread, so a handler that blocks the loop does not lose its lease; but no other handler goes on
    meanwhile: hand such work to `asyncio.to_thread` or a process pool.
    """

    def __init__(
        self,
        client: Client,
        *,
        queues: Iterable[str] = (),
        concurrency: int = 16,
        grace: Seconds = 20.0,
        cancel_grace: Seconds = 5.0,
        connect_within: Seconds | None = None,
        name: str | None = None,
        on_event: Listener | None = None,
    ) -> None:
        """See `tidemill.Worker`; `on_event` is called on the loop that calls `run`, and `concurrency` counts asyncio tasks."""
        setup = Setup.of(client._core, queues, concurrency, grace, cancel_grace, connect_within, name, on_event)
        self._running = Running(setup)

    def handler(self, kind: str) -> Callable[[_H], _H]:
        """Decorates the handler of a kind, see `tidemill.Worker.handler`. When the handler has to stop, its task is cancelled."""

        def add(handler: _H) -> _H:
            self.handle(kind, handler)
            return handler

        return add

    def handle(self, kind: str, handler: Callable[[Context], Awaitable[Any]]) -> None:
        """The same without a decorator."""
        if callable(handler) and not is_async(handler):
            raise InvalidError(f"the handler of kind `{kind}` is no `async def`: use tidemill.Worker, or make it one")
        self._running.setup.add(kind, handler)

    def check(self) -> None:
        """Raises `InvalidError` if there is no handler; `run` does so, too."""
        self._running.setup.check()

    async def run(self, *, signals: bool = True) -> None:
        """Runs tasks until `stop` is called, or, in the main thread and with `signals`, SIGTERM or SIGINT (Ctrl-C) comes; see
        `tidemill.Worker.run`. If this is cancelled, what runs is stopped and given back."""
        loop = asyncio.get_running_loop()
        ended = asyncio.wrap_future(self._running.start(LoopRunner(loop)))
        restore = self._take_signals(loop) if signals else None
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            self._running.stop(0.0)
            await asyncio.wait([ended])
            raise
        finally:
            if restore is not None:
                restore()

    def stop(self) -> None:
        """Begins the shutdown; from any thread or signal handler. Returns at once: `run` does when it is over."""
        self._running.stop()

    @property
    def status(self) -> str:
        """See `tidemill.Worker.status`; `stuck` also while something keeps the loop from starting handlers."""
        return self._running.status

    @property
    def is_healthy(self) -> bool:
        """True only while it can receive work: for readiness probes."""
        return self.status == "working"

    def _take_signals(self, loop: asyncio.AbstractEventLoop) -> Callable[[], None] | None:
        if threading.current_thread() is not threading.main_thread():
            return None
        taken: list[int] = []

        def restore() -> None:
            while taken:
                loop.remove_signal_handler(taken.pop())

        def heard() -> None:
            # A second signal does what it did before.
            restore()
            self.stop()

        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, heard)
                taken.append(number)
        except NotImplementedError:
            # Loops of Windows have none: Ctrl-C cancels the main task there.
            return None
        return restore


class LoopRunner:
    """Runs handlers as tasks of a program's loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._mailbox = Mailbox(loop)
        self._context = contextvars.copy_context()
        self._waiting: dict[Job, float] = {}

    def start(self, job: Job) -> None:
        job.asked = asyncio.Event()
        self._waiting[job] = monotonic()
        self._mailbox.post(lambda: self._begin(job))

    def ask_to_stop(self, job: Job) -> None:
        self._mailbox.post(job.asked.set)

    def stop(self, job: Job) -> None:
        self._mailbox.post(lambda: self._stop(job))

    def behind(self) -> float:
        # The first one is the oldest; it may be gone by now.
        oldest = next(iter(list(self._waiting.values())), None)
        return 0.0 if oldest is None else monotonic() - oldest

    def tell(self, listener: Listener, event: WorkerEvent) -> None:
        self._mailbox.post(lambda: tell_safely(listener, event))

    def _begin(self, job: Job) -> None:
        self._waiting.pop(job, None)
        if job.stopped:
            job.end(job.agreed())
            return
        # The job, which its session or its own frame holds, keeps its task from being collected.
        job.running = self._context.copy().run(self._loop.create_task, self._run(job))

    @staticmethod
    def _stop(job: Job) -> None:
        job.asked.set()
        if job.running is not None:
            job.running.cancel()

    @staticmethod
    async def _run(job: Job) -> None:
        context = Context(job)
        current_trace.set(context.trace_context)
        try:
            settle = job.completed(await job.handler(context))
        except BaseException as error:
            log_failure(job, error)
            settle = job.raised(error)
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                # Those are for the loop as a whole.
                job.end(settle)
                raise
        job.end(settle)
