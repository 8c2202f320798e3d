"""The synchronous worker."""

from __future__ import annotations

import contextvars
import queue
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from time import monotonic
from typing import Any, TypeVar

from tidemill._core.context import BaseContext, log_failure
from tidemill._core.engine import engine
from tidemill._core.job import Job
from tidemill._core.running import Running, is_async, tell_safely
from tidemill._core.setup import Setup
from tidemill._core.times import Seconds, seconds
from tidemill.client import Client
from tidemill.errors import InvalidError
from tidemill.failure import Stopped
from tidemill.payload import PayloadLike
from tidemill.trace import current_trace
from tidemill.worker_events import CancelRequest, Listener, WorkerEvent

_H = TypeVar("_H", bound=Callable[..., Any])


class Context(BaseContext):
    """One attempt of one task, for its handler. Every method that does something raises `Stopped` once the handler should be gone."""

    def progress(self, fraction: float, message: str = "") -> None:
        """Tells how far the attempt has come: a share between 0 and 1, and a short text for people. Never waits: it is dropped if much else
        is on its way, and the server stores it at most twice a second, the latest winning."""
        self.raise_if_stopped()
        self._progress(fraction, message)

    def chunk(self, piece: PayloadLike) -> None:
        """Sends a piece of output, at most 64 KiB, which watchers see at once. Waits while much is on its way. Pieces come in order; those
        that are on their way when a connection breaks may be lost. Raises `ReportError` if it was not taken."""
        self.raise_if_stopped()
        engine().submit(self._job.reports.chunk(self._job, self._chunk(piece))).result()

    def wait_cancelled(self, timeout: Seconds | None = None) -> CancelRequest | None:
        """Waits until the handler is asked to stop; None if that did not happen within the timeout. The handler may then still succeed, or
        agree by raising `Cancel`; after the worker's cancel grace it counts as agreed."""
        self._job.asked.wait(None if timeout is None else min(seconds(timeout), threading.TIMEOUT_MAX))
        self.raise_if_stopped()
        return self.cancel_request

    def sleep(self, time: Seconds) -> None:
        """`time.sleep` that ends early, with `Stopped`, when the handler should be gone."""
        self._job.ended.wait(min(seconds(time), threading.TIMEOUT_MAX))
        self.raise_if_stopped()

    def raise_if_stopped(self) -> None:
        """For long computations: call it now and then."""
        if self._job.stopped:
            raise Stopped


class Worker:
    """A handler process: leases tasks and runs their handlers in threads.

    ```python
    worker = Worker(client, concurrency=16)

    @worker.handler("email.send")
    def send(task: Context) -> str:
        return f"sent {task.payload.text}"

    worker.run()
    ```
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
        """
        - `client`: the worker reaches the server as it does, over connections of its own.
        - `queues`: to serve, up to 64. Without any: `default`.
        - `concurrency`: tasks that run at a time, 1 to 10,000, each in a thread.
        - `grace`: how long running tasks may go on after the shutdown began, before they are given back. Let whatever ends the process
          (Kubernetes, systemd, Docker) give it at least 10 s more.
        - `cancel_grace`: how long a handler that was asked to stop may go on before its task is settled without it. The server's own
          patience with an attempt that ran too long is 10 s.
        - `connect_within`: fails if the first connection takes longer. Without it: waits for the server as long as it takes.
        - `name`: in the server's logs, at most 128 bytes. Without it: the host's name and the process id.
        - `on_event`: hears of what happens, one at a time in a thread of its own. The logger `tidemill.worker` has it, too, but the same
          reason for having no connection only every few seconds.

        Raises `InvalidError` if the concurrency is out of range.
        """
        setup = Setup.of(client._core, queues, concurrency, grace, cancel_grace, connect_within, name, on_event)
        self._running = Running(setup)

    def handler(self, kind: str) -> Callable[[_H], _H]:
        """Decorates the handler of a kind. It gets one attempt of one task at a time. What it returns is the output: None, text, bytes, a
        `Payload`, or anything that JSON can say; anything else fails the task for good. What it raises ends the attempt: see `Failure`.

        Raises `InvalidError` if the kind has a handler already.
        """

        def add(handler: _H) -> _H:
            self.handle(kind, handler)
            return handler

        return add

    def handle(self, kind: str, handler: Callable[[Context], Any]) -> None:
        """The same without a decorator."""
        if is_async(handler):
            raise InvalidError(f"the handler of kind `{kind}` is asynchronous: use tidemill.aio.Worker")
        self._running.setup.add(kind, handler)

    def check(self) -> None:
        """Raises `InvalidError` if there is no handler; `run` does so, too."""
        self._running.setup.check()

    def run(self, *, signals: bool = True) -> None:
        """Runs tasks until `stop` is called, or, in the main thread and with `signals`, SIGTERM or SIGINT (Ctrl-C) comes; then takes no
        more, lets what runs finish within the grace, gives the rest back without charging an attempt, and returns when the server has
        confirmed all of it. A second signal does what it did before.

        Raises what no other connection would mend, e.g. a queue's name that the server refuses; or that at the end some tasks could neither
        be settled nor given back: their leases expire, which counts as a crash.
        """
        runner = ThreadRunner()
        try:
            ended = self._running.start(runner)
            restore = self._take_signals() if signals else None
            try:
                self._wait(ended)
            finally:
                if restore is not None:
                    restore()
        finally:
            runner.close()

    def stop(self) -> None:
        """Begins the shutdown; from any thread or signal handler. Returns at once: `run` does when it is over."""
        self._running.stop()

    @property
    def status(self) -> str:
        """`new`, `connecting`, `working`, `disconnected` (also while the server is silent or about to go; what runs goes on), `stuck`
        (connected, but every place is taken by a handler that was stopped and does not end), `draining`, `stopped`."""
        return self._running.status

    @property
    def is_healthy(self) -> bool:
        """True only while it can receive work: for readiness probes."""
        return self.status == "working"

    def _wait(self, ended: Future[None]) -> None:
        try:
            # A signal that comes just before the thread falls asleep would not wake it.
            while not wait([ended], _SIGNALS_HEARD_WITHIN).done:
                pass
            ended.result()
        except BaseException:
            # Interrupted: what runs is given back at once.
            if not ended.done():
                self._running.stop(0.0)
                ended.exception(_LAST_WORD)
            raise

    def _take_signals(self) -> Callable[[], None] | None:
        if threading.current_thread() is not threading.main_thread():
            return None
        before: dict[int, Any] = {}

        def restore() -> None:
            for number, handler in before.items():
                signal.signal(number, handler)

        def heard(number: int, frame: object) -> None:
            restore()
            self.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.signal(number, heard)
        return restore


_SIGNALS_HEARD_WITHIN = 0.25
#: As long as the session may take for its last words.
_LAST_WORD = 11.0


class ThreadRunner:
    """Runs handlers in threads, as many as there are jobs at a time. They are daemons: one that does not end must not keep the process."""

    def __init__(self) -> None:
        self._context = contextvars.copy_context()
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[tuple[Listener, WorkerEvent] | None] = queue.SimpleQueue()
        self._teller: threading.Thread | None = None
        self._lock = threading.Lock()
        self._jobs = 0
        self._threads = 0
        self._waiting: dict[Job, float] = {}

    def start(self, job: Job) -> None:
        job.asked, job.ended = threading.Event(), threading.Event()
        with self._lock:
            self._jobs += 1
            self._waiting[job] = monotonic()
            spawn = self._jobs > self._threads
            self._threads += spawn
        if spawn:
            threading.Thread(target=self._work, name="tidemill-handler", daemon=True).start()
        self._queue.put(job)

    def ask_to_stop(self, job: Job) -> None:
        job.asked.set()

    def stop(self, job: Job) -> None:
        job.asked.set()
        job.ended.set()

    def behind(self) -> float:
        with self._lock:
            oldest = min(self._waiting.values(), default=None)
        return 0.0 if oldest is None else monotonic() - oldest

    def tell(self, listener: Listener, event: WorkerEvent) -> None:
        if self._teller is None:
            self._teller = threading.Thread(target=self._tell_all, name="tidemill-events", daemon=True)
            self._teller.start()
        self._events.put((listener, event))

    def close(self) -> None:
        """Ends the threads that are idle, and others when they become so."""
        for _ in range(self._threads):
            self._queue.put(None)
        self._events.put(None)
        if self._teller is not None:
            self._teller.join(1.0)

    def _tell_all(self) -> None:
        while (found := self._events.get()) is not None:
            tell_safely(*found)

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            with self._lock:
                del self._waiting[job]
            try:
                self._context.copy().run(self._run, job)
            finally:
                with self._lock:
                    self._jobs -= 1

    def _run(self, job: Job) -> None:
        context = Context(job)
        current_trace.set(context.trace_context)
        try:
            settle = job.agreed() if job.stopped else job.completed(job.handler(context))
        except BaseException as error:  # Also SystemExit: it would end this thread only, unheard.
            log_failure(job, error)
            settle = job.raised(error)
        job.end(settle)
