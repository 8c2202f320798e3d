"""What a worker writes to the program's log: which task and how it went, never what the task carries."""

from __future__ import annotations

import logging
from time import monotonic

from tidemill import proto
from tidemill.names import TaskState
from tidemill.worker_events import (
    Connected,
    Disconnected,
    Draining,
    LeaseLost,
    Refused,
    Started,
    Stuck,
    TaskFacts,
    WorkerEvent,
)

#: The same reason for having no connection is not written again within so many seconds: the first tries follow each other closely.
_SAID_AGAIN = 5.0
_log = logging.getLogger("tidemill.worker")


class WorkerLog:
    """The log of one worker. Used on the engine's thread only."""

    def __init__(self) -> None:
        self._connected = False
        #: Why there was no connection, and when that was last written.
        self._reasons: dict[str, float] = {}

    def event(self, event: WorkerEvent) -> None:
        """One line for what happened; `settled` has that of a settle."""
        if isinstance(event, Disconnected):
            self._disconnected(str(event.error))
        elif isinstance(event, LeaseLost):
            _log.warning("%s: the lease was lost", _named(event.task))
        elif isinstance(event, Refused):
            _log.warning("%s: refused: %s", _named(event.task), event.message)
        elif isinstance(event, Stuck):
            _log.warning("%d stopped handlers go on running and keep their places", event.handlers)
        elif isinstance(event, Connected):
            self._connected = True
            self._reasons.clear()
            _log.info("connected to %s", event.address)
        elif isinstance(event, Draining):
            _log.info("draining; %d tasks run", event.running)
        elif isinstance(event, Started) and _log.isEnabledFor(logging.DEBUG):
            _log.debug("%s: started", _named(event.task))

    def settled(self, task: TaskFacts, said: proto.WorkRequest | None, state: TaskState) -> None:
        """One line for how an attempt ended, once the server has stored it. The handler's text is left out: it may hold what the task
        carries. It is kept with the task."""
        variant = None if said is None else said.WhichOneof("message")
        failure = said.fail.type if said is not None and variant == "fail" else ""
        named = f" ({failure})" if failure else ""
        if state is TaskState.FAILED:
            _log.warning("%s: failed for good%s; it is a dead letter now, and its error is kept with it", _named(task), named)
        elif variant == "fail":
            follows = f"it is {state} now" if state.is_terminal else "will be tried again"
            _log.info("%s: failed%s; %s", _named(task), named, follows)
        elif said is not None and variant == "release" and said.release.draining:
            _log.info("%s: still ran at the end of the grace; given back, which costs no attempt", _named(task))
        elif _log.isEnabledFor(logging.DEBUG):
            _log.debug("%s: settled as %s", _named(task), state)

    def _disconnected(self, reason: str) -> None:
        now = monotonic()
        self._reasons = {known: at for known, at in self._reasons.items() if now - at < _SAID_AGAIN}
        if reason in self._reasons:
            return
        self._reasons[reason] = now
        _log.warning("%s, will be tried again: %s", "disconnected" if self._connected else "not connected yet", reason)


def _named(task: TaskFacts) -> str:
    return f"task {task.task_id} ({task.kind}), attempt {task.attempt}"
