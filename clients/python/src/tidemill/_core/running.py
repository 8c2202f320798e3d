"""What both workers share: one setup that is run once."""

from __future__ import annotations

import functools
import inspect
import logging
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from tidemill._core.engine import engine
from tidemill._core.session import Session
from tidemill._core.setup import Runner, Setup
from tidemill.errors import InvalidError
from tidemill.worker_events import Listener, WorkerEvent

_log = logging.getLogger("tidemill.worker")


class Running:
    """A worker from its making to its end."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._session: Session | None = None
        self._stopped = False

    def start(self, runner: Runner) -> Future[None]:
        """Its future is done when the worker is."""
        self.setup.check()
        if self._session is not None:
            raise InvalidError("a worker runs once; make another one")
        host = engine()
        self._session = Session(self.setup, runner, host.loop)
        ended = host.submit(self._session.run())
        if self._stopped:
            self.stop()
        return ended

    def stop(self, grace: float | None = None) -> None:
        """Begins the shutdown; from any thread."""
        self._stopped = True
        if self._session is not None:
            session = self._session
            # At the end of the process the engine may be gone.
            with suppress(RuntimeError):
                engine().loop.call_soon_threadsafe(session.drain, grace)

    @property
    def status(self) -> str:
        return "new" if self._session is None else self._session.status


def is_async(handler: Any) -> bool:
    """Whether calling it makes a coroutine."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)


def tell_safely(listener: Listener, event: WorkerEvent) -> None:
    """A listener that raises disturbs nobody."""
    try:
        listener(event)
    except Exception:
        _log.exception("the listener of a worker raised")
