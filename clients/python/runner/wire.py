"""JSON of the conformance runner, to and from the client's types."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from typing import Any

from tidemill import (
    Error,
    Event,
    OutputChunk,
    Payload,
    Priority,
    Progress,
    RetryPolicy,
    StateChanged,
    Task,
    TaskError,
    TaskResult,
    TaskSnapshot,
    TraceContext,
    Truncated,
    WorkerEvent,
)
from tidemill.worker_events import Connected, Disconnected, Draining, LeaseLost, Refused, Settled, Started


def to_task(said: dict[str, Any]) -> Task:
    options: dict[str, Any] = {
        name: said[name] for name in ("queue", "idempotency_key", "labels", "drop_input_on_success") if said.get(name) is not None
    }
    for name in ("delay", "attempt_timeout", "expires_in", "result_retention"):
        if said.get(f"{name}_ms") is not None:
            options[name] = said[f"{name}_ms"] / 1_000
    if said.get("run_in_ms") is not None:
        options["run_at"] = datetime.now(timezone.utc) + timedelta(milliseconds=said["run_in_ms"])
    if said.get("priority"):
        options["priority"] = Priority(said["priority"])
    if said.get("retry_policy"):
        options["retry_policy"] = _to_policy(said["retry_policy"])
    if said.get("traceparent"):
        options["trace_context"] = TraceContext(said["traceparent"], said.get("tracestate") or "")
    return Task(said["kind"], _to_payload(said), **options)


def _to_payload(said: dict[str, Any]) -> Payload | None:
    content_type = said.get("content_type") or ""
    if said.get("text") is not None:
        return Payload.of(said["text"], content_type)
    if "json" in said:
        return Payload.json(said["json"], content_type)
    if said.get("data") is not None:
        return Payload.of(base64.b64decode(said["data"]), content_type)
    return Payload.of(None, content_type) if content_type else None


def _to_policy(said: dict[str, Any]) -> RetryPolicy:
    def seconds(name: str) -> float | None:
        return said[name] / 1_000 if said.get(name) is not None else None

    return RetryPolicy(
        max_attempts=said.get("max_attempts") or 0,
        initial_backoff=seconds("initial_backoff_ms"),
        max_backoff=seconds("max_backoff_ms"),
        multiplier=said.get("multiplier") or 0.0,
    )


def of_payload(payload: Payload | None) -> dict[str, Any]:
    if payload is None or payload.message.WhichOneof("content") is None:
        return {}
    variant = payload.message.WhichOneof("content")
    value = payload.value
    content = base64.b64encode(value).decode() if variant == "data" else value
    return {str(variant): content, "content_type": payload.content_type}


def of_task_error(error: TaskError) -> dict[str, Any]:
    return {"reason": str(error.reason), "message": error.message, "type": error.type, "permanent": error.permanent}


def of_error(error: Error) -> dict[str, Any]:
    said: dict[str, Any] = {
        "kind": error.kind,
        "reason": error.reason,
        "outcome": error.outcome.value,
        "violations": [{"subject": found.subject, "description": found.description} for found in error.violations],
        "message": str(error),
    }
    if error.code:
        said["code"] = error.code
    if error.retry_after is not None:
        said["retry_after_ms"] = round(error.retry_after * 1_000)
    if error.idempotency_key is not None:
        said["idempotency_key"] = error.idempotency_key
    return said


def of_snapshot(found: TaskSnapshot) -> dict[str, Any]:
    said: dict[str, Any] = {
        "state": str(found.state),
        "attempt": found.attempt,
        "last_sequence": found.last_sequence,
        "cancel_requested": found.cancel_requested,
    }
    return said | _ending(found.output, found.error)


def of_event(task_id: str, event: Event) -> dict[str, Any]:
    said = {"task_id": task_id, "sequence": event.sequence, "attempt": event.attempt}
    return said | _of_kind(event)


def _of_kind(event: Event) -> dict[str, Any]:
    kind = event.kind
    if isinstance(kind, StateChanged):
        return {"type": "state", "state": str(kind.state), "cause": str(kind.cause)}
    if isinstance(kind, Progress):
        return {"type": "progress", "fraction": kind.fraction, "message": kind.message}
    if isinstance(kind, OutputChunk):
        return {"type": "chunk", "payload": of_payload(kind.payload)}
    if isinstance(kind, Truncated):
        return {"type": "truncated", "from": kind.from_sequence, "to": kind.to_sequence}
    if isinstance(kind, TaskResult):
        return {"type": "result", "state": str(kind.state)} | _ending(kind.output, kind.error)
    return {"type": "unknown"}


def _ending(output: Payload | None, error: TaskError | None) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if output is not None:
        said["output"] = of_payload(output)
    if error is not None:
        said["error"] = of_task_error(error)
    return said


def of_worker_event(event: WorkerEvent) -> dict[str, Any] | None:
    if isinstance(event, Connected):
        return {"event": "connected"}
    if isinstance(event, Disconnected):
        return {"event": "disconnected", "error": of_error(event.error)}
    if isinstance(event, Draining):
        return {"event": "draining"}
    if isinstance(event, (Started, Settled, LeaseLost, Refused)):
        said: dict[str, Any] = {"task_id": event.task.task_id, "attempt": event.task.attempt}
        if isinstance(event, Started):
            return {"event": "started"} | said
        if isinstance(event, Settled):
            return {"event": "settled", "state": str(event.state)} | said
        if isinstance(event, LeaseLost):
            return {"event": "lease_lost"} | said
        return {"event": "refused", "message": event.message} | said
    return None
