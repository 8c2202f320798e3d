"""What `conf.facts` tells."""

from __future__ import annotations

from typing import Any

from tidemill import Context, aio


def facts(task: Context | aio.Context) -> dict[str, Any]:
    trace = task.trace_context
    return {
        "task_id": task.task_id,
        "queue": task.queue,
        "kind": task.kind,
        "attempt": task.attempt,
        "max_attempts": task.max_attempts,
        "fence": task.fence,
        "labels": dict(task.labels),
        "traceparent": trace.traceparent if trace else "",
        "content_type": task.payload.content_type,
    }
