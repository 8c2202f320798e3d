"""W3C Trace Context: where a task comes from."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from tidemill import proto

#: That of the task whose handler runs here. Private to the package: the runners of handlers set it.
current_trace: ContextVar[TraceContext | None] = ContextVar("tidemill_trace", default=None)


@dataclass(frozen=True)
class TraceContext:
    """Trace context of a caller, as W3C Trace Context defines it. It is stored with the task and passed on to its handler as it is."""

    traceparent: str
    """The `traceparent` header, at most 64 bytes."""
    tracestate: str = ""
    """The `tracestate` header, at most 512 bytes; often empty."""

    @staticmethod
    def current() -> TraceContext | None:
        """The context of the task whose handler runs here. Tasks that it enqueues carry it on, unless they have one of their own."""
        return current_trace.get()

    @staticmethod
    def _of(message: proto.TraceContext) -> TraceContext:
        return TraceContext(message.traceparent, message.tracestate)

    def _to_proto(self) -> proto.TraceContext:
        return proto.TraceContext(traceparent=self.traceparent, tracestate=self.tracestate)
