"""What is to be enqueued."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, SupportsFloat, SupportsIndex

from tidemill import proto
from tidemill._core.times import Seconds, duration, seconds, timestamp
from tidemill.errors import InvalidError
from tidemill.names import Priority
from tidemill.payload import Payload, PayloadLike
from tidemill.trace import TraceContext, current_trace


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how fast a failed task is tried again. What is not set takes the server's default: 4 attempts, 1 s doubling up to
    10 min, with full jitter."""

    max_attempts: int = 0
    """Attempts in all, the first included: 1 to 100. Failures and crashes count, releases do not."""
    initial_backoff: Seconds | None = None
    """Backoff after the first failure, 1 ms to 24 h."""
    max_backoff: Seconds | None = None
    """Upper bound of the backoff, at most 7 days."""
    multiplier: float = 0.0
    """Growth of the backoff from one failure to the next, 1 to 100."""

    def _to_proto(self) -> proto.RetryPolicy:
        return proto.RetryPolicy(
            max_attempts=self.max_attempts,
            initial_backoff=None if self.initial_backoff is None else duration(self.initial_backoff),
            max_backoff=None if self.max_backoff is None else duration(self.max_backoff),
            multiplier=self.multiplier,
        )


@dataclass(frozen=True)
class Task:
    """A task to enqueue. Only the kind is required; what is not set stays absent in the request, so that the server's defaults apply.

    ```python
    Task("email.send", {"to": "ann@example.org"}, queue="mail", delay=60, labels={"customer": "42"})
    ```
    """

    kind: str
    """Selects the handler: `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`. One that no worker serves is no error: the task waits."""
    payload: PayloadLike = None
    """The input: text, bytes, a value for JSON, or a `Payload`."""
    queue: str = field(default="", kw_only=True)
    """The queue, in the form of a kind. Without it: `default`."""
    idempotency_key: str = field(default="", kw_only=True)
    """Makes repetitions safe beyond one call: in one queue the same key with the same content never stores a second task, as long as the
    first is not finished and 24 h after; `Enqueued.deduplicated` tells. With other content it is refused: IDEMPOTENCY_KEY_REUSED. 1 to 255
    bytes. Without it a fresh key protects the tries of one call."""
    priority: Priority | None = field(default=None, kw_only=True)
    """Order among ready tasks."""
    delay: Seconds | None = field(default=None, kw_only=True)
    """Not before this long from now, at most 365 days."""
    run_at: datetime | None = field(default=None, kw_only=True)
    """Not before this time, at most 365 days ahead; a time in the past means now. Either this or `delay`."""
    retry_policy: RetryPolicy | None = field(default=None, kw_only=True)
    """Retries."""
    attempt_timeout: Seconds | None = field(default=None, kw_only=True)
    """Longest run of one attempt, 1 s to 24 h. Without it: 30 min."""
    expires_in: Seconds | None = field(default=None, kw_only=True)
    """Give up if the task is not finished by then, 1 s to 365 days from now. Without it: never."""
    result_retention: Seconds | None = field(default=None, kw_only=True)
    """How long the finished task is kept, 1 s to 365 days. Without it: 24 h, FAILED 30 days."""
    labels: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """At most 32; names in the form of a kind, values at most 256 bytes."""
    trace_context: TraceContext | None = field(default=None, kw_only=True)
    """The caller's trace. Without it: that of the client's hook, or of the handler that enqueues."""
    drop_input_on_success: bool = field(default=False, kw_only=True)
    """Drops the input once the task has succeeded, to save memory."""


#: Where the trace of a task comes from that names none.
TraceSource = Callable[[], "TraceContext | None"]


def to_request(task: Task, trace: TraceSource | None = None) -> proto.EnqueueRequest:
    """The message as it is sent: with a key, and with the trace it belongs to. To be called where the caller's context is."""
    if task.delay is not None and task.run_at is not None:
        raise InvalidError("a task has either a delay or a run_at, not both")
    payload = Payload.of(task.payload)
    try:
        request = proto.EnqueueRequest(
            queue=task.queue,
            kind=task.kind,
            payload=None if task.payload is None else payload.message,
            idempotency_key=task.idempotency_key or str(uuid.uuid4()),
            retry_policy=None if task.retry_policy is None else task.retry_policy._to_proto(),
            labels=dict(task.labels),
            drop_input_on_success=task.drop_input_on_success,
        )
        if task.priority is not None:
            request.priority = Priority(task.priority).to_proto()  # type: ignore[assignment]
        if task.delay is not None:
            request.delay.CopyFrom(duration(task.delay))
        if task.run_at is not None:
            request.run_at.CopyFrom(timestamp(task.run_at))
        for name in _SPANS:
            if (span := getattr(task, name)) is not None:
                getattr(request, name).CopyFrom(duration(span))
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidError(f"task of kind {task.kind!r}: {_wrong_field(task) or error}") from error
    context = task.trace_context or (trace() if trace is not None else None) or current_trace.get()
    if context is not None:
        request.trace_context.CopyFrom(context._to_proto())
    return request


_TEXTS = ("kind", "queue", "idempotency_key")
_SPANS = ("attempt_timeout", "expires_in", "result_retention")


def _wrong_field(task: Task) -> str | None:
    """Names the first field of another type than it must have: the message's own complaint names none."""
    wanted: list[tuple[str, Any, type, str]] = [(name, getattr(task, name), str, "text (str)") for name in _TEXTS]
    wanted += [
        ("run_at", task.run_at, datetime, "a datetime"),
        ("retry_policy", task.retry_policy, RetryPolicy, "a RetryPolicy"),
        ("labels", task.labels, Mapping, "a mapping of texts to texts"),
        ("drop_input_on_success", task.drop_input_on_success, bool, "True or False"),
    ]
    if isinstance(task.labels, Mapping):
        wanted += [("names and values of labels", part, str, "text (str)") for label in task.labels.items() for part in label]
    spans = [(name, getattr(task, name)) for name in ("delay", *_SPANS)]
    if isinstance(policy := task.retry_policy, RetryPolicy):
        wanted.append(("retry_policy.max_attempts", policy.max_attempts, SupportsIndex, "a whole number"))
        wanted.append(("retry_policy.multiplier", policy.multiplier, SupportsFloat, "a number"))
        spans += [(f"retry_policy.{name}", getattr(policy, name)) for name in ("initial_backoff", "max_backoff")]
    for name, value, must, said in wanted:
        if value is not None and not isinstance(value, must):
            return f"{name} must be {said}, not {type(value).__qualname__}"
    for name, span in spans:
        try:
            seconds(0 if span is None else span)
        except InvalidError as error:
            return f"{name}: {error}"
    return None
