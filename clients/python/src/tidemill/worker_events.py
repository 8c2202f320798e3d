"""What happens to a worker, for logs and displays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Union

from tidemill.errors import Error
from tidemill.names import CancelCause, TaskState


@dataclass(frozen=True)
class TaskFacts:
    """Which attempt of which task."""

    task_id: str
    """The task."""
    kind: str
    """Its kind."""
    attempt: int
    """The attempt, from 1."""


@dataclass(frozen=True)
class CancelRequest:
    """A handler is asked to stop."""

    cause: CancelCause
    """Why."""
    reason: str = ""
    """The reason that the client gave; empty for the other causes."""


@dataclass(frozen=True)
class Connected:
    """The worker is registered and gets tasks."""

    address: str
    """The worker role's address."""


@dataclass(frozen=True)
class Disconnected:
    """The stream broke or could not be had; it is tried again. Tasks go on running, and their leases are kept if it is back in time."""

    error: Error
    """Why."""


@dataclass(frozen=True)
class Started:
    """A handler starts."""

    task: TaskFacts
    """The task."""


@dataclass(frozen=True)
class Settled:
    """The server has stored how an attempt ended."""

    task: TaskFacts
    """The task."""
    state: TaskState
    """Its state now: scheduled or queued if another attempt follows."""


@dataclass(frozen=True)
class LeaseLost:
    """A lease was lost; the handler was stopped, and nothing it said counts."""

    task: TaskFacts
    """The task."""


@dataclass(frozen=True)
class Refused:
    """The server refused what was said of a task."""

    task: TaskFacts
    """The task."""
    message: str
    """Why, naming the field and the limit."""


@dataclass(frozen=True)
class Draining:
    """The worker was told to stop: no more tasks, what runs may finish within the grace."""

    running: int
    """Tasks that run."""


@dataclass(frozen=True)
class Stuck:
    """Handlers that were stopped go on running, and keep their places: the worker takes that many tasks fewer."""

    handlers: int
    """How many."""


#: What happens to a worker.
WorkerEvent = Union[Connected, Disconnected, Started, Settled, LeaseLost, Refused, Draining, Stuck]
Listener = Callable[[WorkerEvent], None]
