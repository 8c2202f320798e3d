"""What both kinds of contexts share."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from datetime import datetime

from tidemill import proto
from tidemill._core.job import Job, cut
from tidemill._core.times import from_duration, from_timestamp
from tidemill.event import TaskError
from tidemill.failure import Cancel, ChunkRefusedError, ChunkTooLargeError, Failure, Release, Stopped
from tidemill.payload import Payload, PayloadLike
from tidemill.trace import TraceContext
from tidemill.worker_events import CancelRequest

#: The contract's limits of one chunk, and of the text of progress.
_MOST_CHUNK = 64 * 1024
_MOST_PROGRESS = 1024
_log = logging.getLogger("tidemill.worker")


class BaseContext:
    """One attempt of one task, for its handler."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._assignment = job.assignment
        self.payload = Payload(job.assignment.payload)
        """The input."""

    @property
    def task_id(self) -> str:
        """The task."""
        return self._assignment.task_id

    @property
    def queue(self) -> str:
        """Its queue."""
        return self._assignment.queue

    @property
    def kind(self) -> str:
        """Its kind."""
        return self._assignment.kind

    @property
    def attempt(self) -> int:
        """Number of this attempt, from 1."""
        return self._assignment.attempt

    @property
    def max_attempts(self) -> int:
        """Attempts allowed in all."""
        return self._assignment.max_attempts

    @property
    def fence(self) -> int:
        """Grows with every lease of the task. Send it along with writes to other systems and let them refuse a smaller one than they have
        seen: so a handler that lost its lease without noticing changes nothing."""
        return self._assignment.fence

    @property
    def attempt_timeout(self) -> float | None:
        """Longest run of this attempt in seconds; after it a cancel request comes."""
        has = self._assignment.HasField("attempt_timeout")
        return from_duration(self._assignment.attempt_timeout) if has else None

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels given at enqueue."""
        return dict(self._assignment.labels)

    @property
    def trace_context(self) -> TraceContext | None:
        """Trace context given at enqueue. Tasks that this handler enqueues carry it on by themselves."""
        return TraceContext._of(self._assignment.trace_context) if self._assignment.HasField("trace_context") else None

    @property
    def create_time(self) -> datetime | None:
        """When the task was enqueued."""
        return from_timestamp(self._assignment, "create_time")

    @property
    def lease_time(self) -> datetime | None:
        """When this attempt was leased, by the store's clock."""
        return from_timestamp(self._assignment, "lease_time")

    @property
    def last_error(self) -> TaskError | None:
        """The error of the attempt before, if there was one."""
        return TaskError._of(self._assignment.last_error) if self._assignment.HasField("last_error") else None

    @property
    def cancel_request(self) -> CancelRequest | None:
        """The request to stop, if there is one."""
        return self._job.cancel_request

    def _progress(self, fraction: float, message: str) -> None:
        fraction = 0.0 if math.isnan(fraction) else min(max(fraction, 0.0), 1.0)
        progress = proto.Progress(fraction=fraction, message=cut(message, _MOST_PROGRESS))
        report = proto.ReportProgressRequest(lease_token=self._job.token, progress=progress)
        self._job.reports.progress(self._job, proto.WorkRequest(progress=report))

    def _chunk(self, piece: PayloadLike) -> proto.WorkRequest:
        payload = Payload.of(piece)
        if payload.size > _MOST_CHUNK:
            raise ChunkTooLargeError(f"a chunk of {payload.size} bytes: at most {_MOST_CHUNK} are allowed; split it")
        if self._job.refused is not None:
            raise ChunkRefusedError(f"an earlier chunk was refused: {self._job.refused}")
        report = proto.ReportProgressRequest(lease_token=self._job.token, output_chunk=payload.message)
        return proto.WorkRequest(progress=report)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} task_id={self.task_id!r} kind={self.kind!r} attempt={self.attempt}>"


def log_failure(job: Job, error: BaseException) -> None:
    """An exception that no handler means to raise is shown with its traceback where the worker runs, too."""
    if job.stopped or isinstance(error, (Failure, Release, Cancel, Stopped)):
        return
    facts = job.facts
    _log.error("task %s (%s), attempt %d: the handler raised", facts.task_id, facts.kind, facts.attempt, exc_info=error)
