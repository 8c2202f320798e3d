"""How an attempt ends that did not succeed: what a handler raises."""

from __future__ import annotations

from tidemill._core.times import Seconds, seconds


class Failure(Exception):
    """The attempt failed. Any other exception counts as one that is tried again by the task's retry policy, with its text and the name
    of its type; this one says more.

    ```python
    raise Failure("the card was declined", permanent=True, type="CardDeclined")
    raise Failure("the mail server is busy", retry_after=60)
    ```
    """

    def __init__(self, message: str, *, permanent: bool = False, retry_after: Seconds | None = None, type: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent
        """Another attempt would not mend it: the task is a dead letter at once."""
        self.retry_after = None if retry_after is None else seconds(retry_after)
        """Wait this long, in seconds, before the next attempt instead of the policy's backoff; more than 7 days count as 7 days."""
        self.type = type
        """The kind of error, for people and filters; at most 256 bytes. Empty: the name of a subclass, if it is one."""


class Release(Exception):
    """Gives the task back uncharged, to the head of its line, for another handler process. At most 100 times for each task."""


class Cancel(Exception):
    """Agrees to a cancel request: the task ends CANCELLED, or EXPIRED. If nobody asked, it is an ordinary release."""


class ReportError(Exception):
    """Why a chunk was not taken."""


class ChunkTooLargeError(ReportError, ValueError):
    """It is larger than the contract allows."""


class ChunkRefusedError(ReportError):
    """The server refused an earlier chunk of this attempt, e.g. because its memory is full."""


class Stopped(BaseException):
    """Raised in a handler of the synchronous worker, by the methods of its context, once nothing that it says would count: its lease was
    lost, or it did not stop when it was asked to. Not an `Exception`, so that a handler that catches those still ends."""
