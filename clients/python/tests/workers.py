"""Both workers behind one face, so that each test of the protocol runs with both."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.fake import LIMIT, Fake, Heard
from tidemill import Cancel, Client, Failure, Worker, aio, proto


class Bench:
    """A worker at work against a fake server, in a thread of its own."""

    def __init__(self, kind: str, fake: Fake, **options: Any) -> None:
        self.events: Heard[Any] = Heard()
        #: Tasks whose handlers have begun, and how those ended that were stopped.
        self.begun: Heard[str] = Heard()
        self.stopped: Heard[str] = Heard()
        #: Tasks that were asked to stop, as soon as the worker has heard it.
        self.asked: Heard[str] = Heard()
        #: Tasks whose handlers have said how they ended, whether the server has heard of it or not.
        self.said: Heard[str] = Heard()
        self.error: BaseException | None = None
        self.gate = threading.Event()
        self._kind = kind
        self._url = fake.url
        options = dict[str, Any]({"concurrency": 4, "grace": 5.0, "cancel_grace": 0.3, "on_event": self.events.append} | options)
        client: Any
        worker: Any
        client, worker = (Client, Worker) if kind == "sync" else (aio.Client, aio.Worker)
        self._client: Any = client(self._url, timeout=5.0)
        self.worker: Any = worker(self._client, **options)
        for name, handler in (self._sync_handlers() if kind == "sync" else self._aio_handlers()).items():
            self.worker.handle(name, handler)
        self._listen()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def named(self, event: str) -> list[Any]:
        return [found for found in self.events if type(found).__name__ == event]

    def expect(self, event: str, count: int = 1) -> Any:
        """The count-th event of this name, as soon as it has come."""
        self.events.until(lambda: len(self.named(event)) >= count, f"{event} number {count}")
        return self.named(event)[count - 1]

    def _listen(self) -> None:
        """Between the runner and the session, where what they say to each other can be heard."""
        running = self.worker._running
        start = running.start

        def listening(runner: Any) -> Any:
            ended, ask_to_stop = start(runner), runner.ask_to_stop
            session = running._session

            def asked(job: Any) -> None:
                ask_to_stop(job)
                self.asked.append(job.facts.task_id)

            said = session.ended

            def heard(job: Any) -> None:
                said(job)
                self.said.append(job.facts.task_id)

            runner.ask_to_stop, session.ended = asked, heard
            return ended

        running.start = listening

    @property
    def session(self) -> Any:
        return self.worker._running._session

    def expect_said(self, count: int = 1) -> None:
        self.said.until(lambda: len(self.said) >= count, f"the end of handler number {count}")

    def expect_begun(self, count: int = 1) -> None:
        """So many handlers have begun, of those that say so."""
        self.begun.until(lambda: len(self.begun) >= count, f"handler number {count}")

    def stop(self) -> None:
        self.worker.stop()
        self.join()
        assert self.error is None, self.error

    def join(self) -> None:
        self._thread.join(2 * LIMIT)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            if self._kind == "sync":
                self.worker.run()
            else:
                asyncio.run(self.worker.run())
        except BaseException as error:
            self.error = error
        finally:
            if self._kind == "sync":
                self._client.close()
            else:
                asyncio.run(self._client.close())

    def _sync_handlers(self) -> dict[str, Callable[[Any], Any]]:
        def deaf(task: Any) -> None:
            self.begun.append(task.task_id)
            try:
                while True:
                    task.sleep(60)
            except BaseException as error:
                self.stopped.append(type(error).__name__)
                raise

        def listens(task: Any) -> None:
            request = task.wait_cancelled()
            self.stopped.append(str(request.cause))
            raise Cancel

        def chunks(task: Any) -> str:
            task.progress(float("nan"), "first")
            for piece in range(int(task.payload.text)):
                task.chunk(str(piece))
            return "done"

        def hold(task: Any) -> str:
            self.begun.append(task.task_id)
            self.gate.wait(LIMIT)
            return "kept"

        def stubborn(task: Any) -> None:
            self.begun.append(task.task_id)
            # A thread cannot be ended from outside.
            self.gate.wait(LIMIT)

        return self._plain() | {"deaf": deaf, "listens": listens, "chunks": chunks, "hold": hold, "stubborn": stubborn}

    def _aio_handlers(self) -> dict[str, Callable[[Any], Any]]:
        async def deaf(task: Any) -> None:
            self.begun.append(task.task_id)
            try:
                await asyncio.Event().wait()
            except BaseException as error:
                self.stopped.append(type(error).__name__)
                raise

        async def listens(task: Any) -> None:
            request = await task.cancelled()
            self.stopped.append(str(request.cause))
            raise Cancel

        async def chunks(task: Any) -> str:
            task.progress(float("nan"), "first")
            for piece in range(int(task.payload.text)):
                await task.chunk(str(piece))
            return "done"

        async def hold(task: Any) -> str:
            self.begun.append(task.task_id)
            await asyncio.to_thread(self.gate.wait, LIMIT)
            return "kept"

        async def stubborn(task: Any) -> None:
            self.begun.append(task.task_id)
            # What ends handlers is caught, so that the worker cannot get rid of it.
            gate = asyncio.ensure_future(asyncio.to_thread(self.gate.wait, LIMIT))
            while not gate.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.shield(gate)

        def wrapped(handler: Callable[[Any], Any]) -> Callable[[Any], Any]:
            async def run(task: Any) -> Any:
                return handler(task)

            return run

        plain = {name: wrapped(handler) for name, handler in self._plain().items()}
        return plain | {"deaf": deaf, "listens": listens, "chunks": chunks, "hold": hold, "stubborn": stubborn}

    def _plain(self) -> dict[str, Callable[[Any], Any]]:
        def throws(task: Any) -> None:
            raise KeyError("boom")

        def busy(task: Any) -> str:
            self.begun.append(task.task_id)
            until = time.monotonic() + LIMIT
            while not self.gate.is_set() and time.monotonic() < until:
                pass
            return "busy"

        def blocks(task: Any) -> str:
            self.begun.append(task.task_id)
            self.gate.wait(LIMIT)
            return "blocked"

        def enormous(task: Any) -> None:
            raise ValueError("é" * (1 << 20))

        def unspeakable(task: Any) -> None:
            class UnspeakableError(Exception):
                def __str__(self) -> str:
                    raise RuntimeError("no text either")

            raise UnspeakableError

        class HalfwayFailure(Failure):
            def __init__(self) -> None: ...

        def halfway(task: Any) -> None:
            raise HalfwayFailure

        def wordy(task: Any) -> None:
            task.progress(0.5, "é" * 10_000 + "\ud800")

        def fails(task: Any) -> None:
            raise Failure("no", permanent=True, retry_after=1.5, type="T")

        return {
            "k": lambda task: task.payload,
            "throws": throws,
            "fails": fails,
            "exits": lambda task: sys.exit(3),
            "object": lambda task: object(),
            "huge": lambda task: b"x" * (5 * 1024 * 1024),
            "busy": busy,
            "blocks": blocks,
            "enormous": enormous,
            "unspeakable": unspeakable,
            "halfway": halfway,
            "wordy": wordy,
        }


#: Starts a worker with these options: the fixture of that name.
Start = Callable[..., Bench]


def cancel(token: str, cause: int = 1) -> dict[str, Any]:
    return {"cancel_requested": proto.CancelRequested(lease_token=token, cause=cause)}  # type: ignore[arg-type]
