"""One attempt of one task, between the session and its handler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from tidemill import proto
from tidemill._core.times import duration, seconds
from tidemill.errors import InvalidError
from tidemill.failure import Cancel, Failure, Release, Stopped
from tidemill.names import CancelCause
from tidemill.payload import Payload
from tidemill.worker_events import CancelRequest, TaskFacts

#: Far above the largest output that any server takes (1 MiB), and below the largest message: a larger one would break the stream.
_MOST_OUTPUT = 4 * 1024 * 1024
#: The contract's limits in bytes; longer texts are cut by the server, and here, so that one cannot be too large for a message.
_MOST_MESSAGE = 8 * 1024
_MOST_TYPE = 256
#: The contract's longest, in seconds. A failure that names more must not be refused, which would cost the lease and count as a crash.
_MOST_RETRY_AFTER = 7 * 86_400.0


class Reports(Protocol):
    """Where handlers say something; from any thread."""

    def ended(self, job: Job, settle: proto.WorkRequest) -> None: ...

    def progress(self, job: Job, report: proto.WorkRequest) -> None: ...

    async def chunk(self, job: Job, report: proto.WorkRequest) -> None: ...


class Job:
    """One attempt. What changes is written on the engine's thread and read by the handler."""

    def __init__(self, assignment: proto.Assignment, handler: Callable[[Any], Any], reports: Reports) -> None:
        self.assignment = assignment
        self.token = assignment.lease_token
        self.handler = handler
        self.reports = reports
        self.facts = TaskFacts(assignment.task_id, assignment.kind, assignment.attempt)
        self.cancel_request: CancelRequest | None = None
        self.stopped = False
        #: How the handler ended, from that moment on, even if nobody could be told yet: what waits for a stream is not what still runs.
        self.said: proto.WorkRequest | None = None
        #: The session knows that the handler has returned.
        self.over = False
        #: What the server said of a chunk that it did not take.
        self.refused: str | None = None
        #: Of the runner: set when the handler is asked to stop or stopped, and when it is stopped.
        self.asked: Any = None
        self.ended: Any = None
        self.running: Any = None

    def end(self, settle: proto.WorkRequest) -> None:
        """The handler has ended; from any thread."""
        self.said = settle
        self.reports.ended(self, settle)

    def completed(self, value: Any) -> proto.WorkRequest:
        """What to say of a handler that returned this."""
        try:
            output = Payload.of(value)
        except InvalidError as error:
            type_name = type(value).__qualname__
            text = f"the handler returned what cannot be serialised ({type_name}): {error}"
            return self._failed(Failure(text, permanent=True, type="Unserializable"))
        if output.size > _MOST_OUTPUT:
            text = f"an output of {output.size} bytes: no server takes more than 1 MiB"
            return self._failed(Failure(text, permanent=True, type="OutputTooLarge"))
        return proto.WorkRequest(complete=proto.CompleteTaskRequest(lease_token=self.token, output=output.message))

    def raised(self, error: BaseException) -> proto.WorkRequest:
        """What to say of a handler that raised this."""
        if isinstance(error, Release):
            return release(self.token)
        agreed = isinstance(error, (Cancel, Stopped))
        # A handler that was asked to stop and whose waits were cut off has agreed.
        if agreed or (isinstance(error, asyncio.CancelledError) and self.cancel_request is not None):
            return self.agreed()
        # A subclass may have left out what makes it one.
        if isinstance(error, Failure) and hasattr(error, "retry_after"):
            return self._failed(error)
        name = type(error).__qualname__
        module = type(error).__module__
        name = name if module in {"builtins", "__main__"} else f"{module}.{name}"
        return self._failed(Failure(_text(error) or name, type=name))

    def agreed(self) -> proto.WorkRequest:
        """What to say of a handler that stops because it was asked to. One that ran too long has failed, whatever it calls it: a release
        would not count it, and it would run too long for ever."""
        if self.cancel_request is not None and self.cancel_request.cause is CancelCause.ATTEMPT_TIMEOUT:
            return self._failed(Failure("the attempt ran longer than its attempt_timeout", type="AttemptTimeout"))
        return release(self.token, cancelled=True)

    def _failed(self, failure: Failure) -> proto.WorkRequest:
        return failed(self.token, failure)


def failed(token: str, failure: Failure) -> proto.WorkRequest:
    """Ends an attempt as failed."""
    name = failure.type or (type(failure).__qualname__ if type(failure) is not Failure else "")
    fail = proto.FailTaskRequest(
        lease_token=token,
        message=cut(failure.message, _MOST_MESSAGE),
        type=cut(name, _MOST_TYPE),
        permanent=failure.permanent,
        retry_after=None if failure.retry_after is None else duration(min(max(seconds(failure.retry_after), 0.0), _MOST_RETRY_AFTER)),
    )
    return proto.WorkRequest(fail=fail)


def release(token: str, *, cancelled: bool = False, draining: bool = False) -> proto.WorkRequest:
    """Gives a task back, or agrees to a cancel request."""
    return proto.WorkRequest(release=proto.ReleaseTaskRequest(lease_token=token, cancelled=cancelled, draining=draining))


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        # Its text is the program's code, too.
        return ""


def cut(text: object, most: int) -> str:
    """So many bytes of a text at most, whole characters."""
    # Surrogates, which no message can hold, become question marks.
    return str(text).encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
