"""The log of a task, how it stands, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar, Union

from tidemill import proto
from tidemill._core.times import from_timestamp
from tidemill.errors import Error
from tidemill.names import ErrorReason, StateCause, TaskState
from tidemill.payload import Payload

T = TypeVar("T")


@dataclass(frozen=True)
class TaskError:
    """Why an attempt or a task failed."""

    reason: ErrorReason
    """The cause, e.g. `HANDLER_FAILED`."""
    message: str
    """What the handler said, or the server's words."""
    type: str = ""
    """The handler's own error type; empty if it named none."""
    permanent: bool = False
    """True if the handler said that another attempt would be of no use."""

    def __str__(self) -> str:
        text = f"{self.reason}: {self.message}"
        return f"{text} ({self.type})" if self.type else text

    @staticmethod
    def _of(error: proto.TaskError) -> TaskError:
        return TaskError(ErrorReason.from_proto(error.reason), error.message, error.type, error.permanent)


@dataclass(frozen=True)
class StateChanged:
    """The task entered a state, or was asked to stop while running."""

    state: TaskState
    """The state from here on."""
    cause: StateCause
    """Why."""


@dataclass(frozen=True)
class Progress:
    """How far the running attempt has come."""

    fraction: float
    """Share done, 0 to 1."""
    message: str
    """A short text for people."""


@dataclass(frozen=True)
class OutputChunk:
    """A piece of output of the running attempt, in the order of sending."""

    payload: Payload
    """The piece."""


@dataclass(frozen=True)
class Truncated:
    """These events, both numbers included, were cut from the log. Only progress and chunks ever are."""

    from_sequence: int
    """First missing number."""
    to_sequence: int
    """Last missing number."""


@dataclass(frozen=True)
class TaskResult:
    """How a task ended. Always the last event of its log."""

    state: TaskState
    """A terminal state."""
    output: Payload | None = None
    """The output, if it succeeded."""
    error: TaskError | None = None
    """The error, if it failed."""

    @staticmethod
    def _of(result: proto.TaskResult) -> TaskResult:
        return TaskResult(TaskState.from_proto(result.state), _output(result), _error(result))


@dataclass(frozen=True)
class Unknown:
    """Something that this version does not know."""


#: What happened: the `kind` of an `Event`.
EventKind = Union[StateChanged, Progress, OutputChunk, Truncated, TaskResult, Unknown]


@dataclass(frozen=True)
class Event:
    """One numbered entry of a task's log."""

    sequence: int
    """Its number, from 1 without holes but those that a `Truncated` names. To go on from here, watch after it."""
    attempt: int
    """The attempt it belongs to; 0 before the first lease."""
    time: datetime | None
    """When it was stored, by the store's clock."""
    kind: EventKind
    """What happened."""

    @staticmethod
    def _of(event: proto.TaskEvent) -> Event:
        return Event(event.sequence, event.attempt, from_timestamp(event, "time"), _kind(event))


@dataclass(frozen=True)
class TaskSnapshot:
    """How a task stands."""

    task_id: str
    """The task."""
    state: TaskState
    """Its state."""
    attempt: int
    """The attempt that runs or ran last, from 1; 0: not leased yet."""
    output: Payload | None
    """The output, if it succeeded."""
    error: TaskError | None
    """The error, if it failed; otherwise that of the latest attempt that failed, if any."""
    create_time: datetime | None
    """When it was enqueued."""
    start_time: datetime | None
    """When its current or last attempt was leased."""
    finish_time: datetime | None
    """When it finished."""
    last_sequence: int
    """Number of the last event of its log."""
    cancel_requested: bool
    """True if a cancel request waits for the handler's answer."""

    @staticmethod
    def _of(answer: proto.GetResultResponse) -> TaskSnapshot:
        return TaskSnapshot(
            task_id=answer.task_id,
            state=TaskState.from_proto(answer.state),
            attempt=answer.attempt,
            output=_output(answer),
            error=_error(answer),
            create_time=from_timestamp(answer, "create_time"),
            start_time=from_timestamp(answer, "start_time"),
            finish_time=from_timestamp(answer, "finish_time"),
            last_sequence=answer.last_sequence,
            cancel_requested=answer.cancel_requested,
        )


@dataclass(frozen=True)
class Watched:
    """What came of one of many watched tasks: either an event, or why it is not watched any more."""

    task_id: str
    """The task, as it was named when it was added."""
    event: Event | None
    """The next event of its log."""
    error: Error | None
    """Why there are no more."""


@dataclass(frozen=True)
class Enqueued:
    """A task was stored."""

    task_id: str
    """Its id, a UUIDv7."""
    state: TaskState
    """Its state now: queued or scheduled, or any other if deduplicated."""
    deduplicated: bool
    """True if the idempotency key named an earlier task, which this answer is about."""

    @staticmethod
    def _of(answer: proto.EnqueueResponse) -> Enqueued:
        return Enqueued(answer.task_id, TaskState.from_proto(answer.state), answer.deduplicated)


@dataclass(frozen=True)
class Cancelled:
    """What became of a cancel request."""

    state: TaskState
    """The state now. Running: the handler was asked to stop. A terminal state other than cancelled: it was finished already."""
    cancel_requested: bool
    """True if the request now waits for a running handler."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list."""

    items: list[T]
    """What is on it; possibly nothing, although there are more pages."""
    next: str | None
    """What to ask for the next page with. None: this is the last one."""

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)


@dataclass(frozen=True)
class Stats:
    """How many calls a client made, and what they cost."""

    calls: int
    """Unary calls."""
    attempts: int
    """Tries of them, the first ones and those that found no server included."""


def _output(owner: proto.TaskResult | proto.GetResultResponse) -> Payload | None:
    return Payload(owner.output) if owner.HasField("output") else None


def _error(owner: proto.TaskResult | proto.GetResultResponse) -> TaskError | None:
    return TaskError._of(owner.error) if owner.HasField("error") else None


def _kind(event: proto.TaskEvent) -> EventKind:
    variant = event.WhichOneof("event")
    if variant == "state_changed":
        change = event.state_changed
        return StateChanged(TaskState.from_proto(change.state), StateCause.from_proto(change.cause))
    if variant == "progress":
        return Progress(event.progress.fraction, event.progress.message)
    if variant == "output_chunk":
        return OutputChunk(Payload(event.output_chunk.payload))
    if variant == "truncated":
        return Truncated(event.truncated.from_sequence, event.truncated.to_sequence)
    if variant == "result":
        return TaskResult._of(event.result)
    return Unknown()
