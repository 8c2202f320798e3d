"""Both workers behind one face, so that each test of the protocol runs with both."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.fake import LIMIT, Fake
from tidemill import Cancel, Client, Failure, Worker, aio


class Bench:
    """A worker at work against a fake server, in a thread of its own."""

    def __init__(self, kind: str, fake: Fake, **options: Any) -> None:
        self.events: list[Any] = []
        self.error: BaseException | None = None
        self.gate = threading.Event()
        self.stopped: list[str] = []
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
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def named(self, event: str) -> list[Any]:
        return [found for found in self.events if type(found).__name__ == event]

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
            self.gate.wait(LIMIT)
            return "kept"

        return self._plain() | {"deaf": deaf, "listens": listens, "chunks": chunks, "hold": hold}

    def _aio_handlers(self) -> dict[str, Callable[[Any], Any]]:
        async def deaf(task: Any) -> None:
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
            while not self.gate.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            return "kept"

        def wrapped(handler: Callable[[Any], Any]) -> Callable[[Any], Any]:
            async def run(task: Any) -> Any:
                return handler(task)

            return run

        plain = {name: wrapped(handler) for name, handler in self._plain().items()}
        return plain | {"deaf": deaf, "listens": listens, "chunks": chunks, "hold": hold}

    def _plain(self) -> dict[str, Callable[[Any], Any]]:
        def throws(task: Any) -> None:
            raise KeyError("boom")

        def busy(task: Any) -> str:
            until = time.monotonic() + float(task.payload.text)
            while time.monotonic() < until:
                pass
            return "busy"

        def stubborn(task: Any) -> None:
            # Neither API can end it.
            self.gate.wait(LIMIT)

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
            "sleeps": lambda task: time.sleep(float(task.payload.text)),
            "stubborn": stubborn,
        }
