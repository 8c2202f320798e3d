"""The contract's enumerations. Each is a string, and names of a newer server that this version does not know survive as text."""

from __future__ import annotations

import enum
from typing import Any, TypeVar

from tidemill._gen.v1 import error_pb2, task_pb2, worker_service_pb2

_N = TypeVar("_N", bound="Name")


class Name(str, enum.Enum):
    """A name of the contract, without the prefix of its enumeration."""

    def __str__(self) -> str:
        return str(self.value)

    # An enumeration takes plain attributes for members; methods are none.
    @classmethod
    def _contract(cls) -> tuple[Any, str]:
        raise NotImplementedError

    @classmethod
    def from_proto(cls: type[_N], number: int) -> _N:
        """The name of the contract's number; for an unknown number a name of its own, such as `TASK_STATE_99`."""
        known: dict[int, _N] = _BY_NUMBER.get(cls, {})
        found = known.get(number)
        return found if found is not None else cls._unknown(number)

    @classmethod
    def _unknown(cls: type[_N], number: int) -> _N:
        text = f"{cls._contract()[1]}{number}"
        member = str.__new__(cls, text)
        member._name_, member._value_ = text, text
        return member

    def to_proto(self) -> int:
        """The contract's number."""
        enumeration, prefix = self._contract()
        numbers = enumeration.DESCRIPTOR.values_by_name
        if prefix + self.value in numbers:
            return int(numbers[prefix + self.value].number)
        return int(self.value[len(prefix) :])


class TaskState(Name):
    """Where a task stands. The four terminal states never change."""

    UNSPECIFIED = "UNSPECIFIED"
    """Never sent by a server."""
    SCHEDULED = "SCHEDULED"
    """Not before a time: delayed, or waiting for its next attempt."""
    QUEUED = "QUEUED"
    """Ready: runs as soon as a handler process with a free place serves its queue and kind."""
    RUNNING = "RUNNING"
    """Leased by a handler process."""
    SUCCEEDED = "SUCCEEDED"
    """Terminal: completed; the output is kept for the retention."""
    FAILED = "FAILED"
    """Terminal: a dead letter."""
    CANCELLED = "CANCELLED"
    """Terminal: cancelled by a client."""
    EXPIRED = "EXPIRED"
    """Terminal: not finished within `expires_in`."""

    @classmethod
    def _contract(cls) -> tuple[Any, str]:
        return task_pb2.TaskState, "TASK_STATE_"

    @property
    def is_terminal(self) -> bool:
        """True for the states that never change."""
        return self in _TERMINAL


class StateCause(Name):
    """Why a task changed its state."""

    UNSPECIFIED = "UNSPECIFIED"
    """The server did not say."""
    ENQUEUED = "ENQUEUED"
    """The gateway took it in."""
    DUE = "DUE"
    """The time of a scheduled task came."""
    LEASED = "LEASED"
    """A handler process got it."""
    RETRY = "RETRY"
    """The attempt failed; another one follows."""
    CRASHED = "CRASHED"
    """The lease expired without a word; another attempt follows."""
    RELEASED = "RELEASED"
    """The handler process gave it back, uncharged."""
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    """A client asked the running task to stop."""
    EXPIRY_REQUESTED = "EXPIRY_REQUESTED"
    """`expires_in` passed while it ran; it was asked to stop."""
    FINISHED = "FINISHED"
    """A terminal transition."""

    @classmethod
    def _contract(cls) -> tuple[Any, str]:
        return task_pb2.StateCause, "STATE_CAUSE_"


class CancelCause(Name):
    """Why a handler is asked to stop."""

    UNSPECIFIED = "UNSPECIFIED"
    """The server did not say."""
    CLIENT = "CLIENT"
    """A client cancelled the task."""
    EXPIRY = "EXPIRY"
    """The task's `expires_in` is over."""
    ATTEMPT_TIMEOUT = "ATTEMPT_TIMEOUT"
    """The attempt ran longer than its `attempt_timeout`."""

    @classmethod
    def _contract(cls) -> tuple[Any, str]:
        return worker_service_pb2.CancelCause, "CANCEL_CAUSE_"


class Priority(Name):
    """Order among the ready tasks of one queue and kind."""

    LOW = "LOW"
    """After everything else."""
    NORMAL = "NORMAL"
    """The default."""
    HIGH = "HIGH"
    """Before normal."""
    URGENT = "URGENT"
    """Before everything else."""

    @classmethod
    def _contract(cls) -> tuple[Any, str]:
        return task_pb2.Priority, "PRIORITY_"


class ErrorReason(Name):
    """Machine-readable reasons of errors, for comparisons: `error.reason == ErrorReason.QUEUE_FULL`."""

    UNSPECIFIED = "UNSPECIFIED"
    """Never sent."""
    INVALID_REQUEST = "INVALID_REQUEST"
    """A field is malformed, missing or out of range; the violations name every such field."""
    TASK_NOT_FOUND = "TASK_NOT_FOUND"
    """No such task, or it belongs to another namespace, or its retention is over."""
    QUEUE_NOT_FOUND = "QUEUE_NOT_FOUND"
    """No task was ever enqueued to this queue."""
    LEASE_LOST = "LEASE_LOST"
    """The lease expired and the task was granted to another handler or ended."""
    SEQUENCE_AHEAD = "SEQUENCE_AHEAD"
    """The watch was to start beyond the last event of the task."""
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    """The key was used with other content; the error's metadata names the `task_id`."""
    QUEUE_FULL = "QUEUE_FULL"
    """The queue holds as many unfinished tasks as it may."""
    QUEUE_BYTES_EXCEEDED = "QUEUE_BYTES_EXCEEDED"
    """The unfinished tasks of the queue hold as many bytes as they may."""
    MEMORY_EXHAUSTED = "MEMORY_EXHAUSTED"
    """The store's memory is above the watermark at which enqueues stop."""
    WATCH_LIMIT = "WATCH_LIMIT"
    """Too many tasks are watched, or a stream made no progress for too long."""
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    """The store cannot be reached, is loading, or refused the command."""
    STORE_CHANGED = "STORE_CHANGED"
    """The store is not the one that the server started with: an operator must act."""
    DRAINING = "DRAINING"
    """The server is shutting down; another replica will serve the call."""
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    """The deadline of the call passed at the server."""
    INTERNAL = "INTERNAL"
    """A bug of the server; its log has the details."""
    OUTPUT_TOO_LARGE = "OUTPUT_TOO_LARGE"
    """Of a task: its output was over the limit."""
    ATTEMPT_TIMEOUT = "ATTEMPT_TIMEOUT"
    """Of a task: the attempt ran longer than its `attempt_timeout`."""
    CRASH_LIMIT = "CRASH_LIMIT"
    """Of a task: its handler processes crashed as often as the limit allows."""
    RELEASE_LIMIT = "RELEASE_LIMIT"
    """Of a task: handlers released it more often than allowed."""
    HANDLER_FAILED = "HANDLER_FAILED"
    """Of a task: the handler reported a failure."""
    PROTOCOL_VIOLATION = "PROTOCOL_VIOLATION"
    """The call does not fit the state of the stream."""
    ATTEMPTS_EXHAUSTED = "ATTEMPTS_EXHAUSTED"
    """Of a task: its last allowed attempt ended because the lease expired."""
    STREAM_SILENT = "STREAM_SILENT"
    """Nothing came over the worker's stream for three ping intervals; it connects again."""

    @classmethod
    def _contract(cls) -> tuple[Any, str]:
        return error_pb2.ErrorReason, "ERROR_REASON_"


_TERMINAL = frozenset({TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED, TaskState.EXPIRED})
_BY_NUMBER: dict[type[Any], dict[int, Any]] = {
    cls: {member.to_proto(): member for member in cls} for cls in (TaskState, StateCause, CancelCause, Priority, ErrorReason)
}
