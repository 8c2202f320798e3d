"""What a session works by, and what it expects of whoever runs the handlers."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tidemill._core.core import Core
from tidemill._core.job import Job
from tidemill._core.log import WorkerLog
from tidemill._core.times import Seconds, seconds
from tidemill.errors import InvalidError
from tidemill.worker_events import Listener, WorkerEvent

_MOST_CONCURRENCY = 10_000


class Runner(Protocol):
    """Runs handlers. Its methods are called on the engine's thread and must not wait."""

    def start(self, job: Job) -> None:
        """Runs the handler of a job to its end, and then calls `job.end`."""

    def ask_to_stop(self, job: Job) -> None:
        """Lets the handler see `job.cancel_request`."""

    def stop(self, job: Job) -> None:
        """Ends the handler as far as possible: nothing that it says counts any more."""

    def behind(self) -> float:
        """For how many seconds a job has been waiting to be started; from any thread."""

    def tell(self, listener: Listener, event: WorkerEvent) -> None:
        """Calls the program's listener where that does no harm."""


@dataclass
class Setup:
    """A worker's settings."""

    core: Core
    queues: list[str]
    concurrency: int
    grace: float
    cancel_grace: float
    connect_within: float | None
    name: str
    listener: Listener | None
    handlers: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    log: WorkerLog = field(default_factory=WorkerLog)

    @staticmethod
    def of(
        core: Core,
        queues: Any,
        concurrency: int,
        grace: Seconds,
        cancel_grace: Seconds,
        connect_within: Seconds | None,
        name: str | None,
        listener: Listener | None,
    ) -> Setup:
        if isinstance(queues, str):
            raise InvalidError("queues: a list of names is needed, not a single text")
        if not 1 <= concurrency <= _MOST_CONCURRENCY:
            raise InvalidError(f"concurrency {concurrency} is not between 1 and {_MOST_CONCURRENCY}")
        return Setup(
            core=core,
            queues=list(queues),
            concurrency=concurrency,
            grace=seconds(grace),
            cancel_grace=seconds(cancel_grace),
            connect_within=None if connect_within is None else seconds(connect_within),
            name=name if name is not None else f"{socket.gethostname()}:{os.getpid()}"[-128:],
            listener=listener,
        )

    def add(self, kind: str, handler: Callable[[Any], Any]) -> None:
        if not callable(handler):
            raise InvalidError(f"the handler of kind `{kind}` cannot be called")
        if kind in self.handlers:
            raise InvalidError(f"kind `{kind}` has two handlers")
        self.handlers[kind] = handler

    def check(self) -> None:
        if not self.handlers:
            raise InvalidError("a worker needs a handler for at least one kind")

    def tell(self, runner: Runner, event: WorkerEvent) -> None:
        self.log.event(event)
        if self.listener is not None:
            runner.tell(self.listener, event)
