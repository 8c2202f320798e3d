"""A server that does what a test tells it, to break on purpose. The real one is the conformance suite's."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from tidemill import proto
from tidemill._gen.v1 import gateway_service_pb2_grpc, results_service_pb2_grpc, worker_service_pb2_grpc

T = TypeVar("T")

#: Nothing takes this long, even on a busy machine: what has not come by then does not come.
LIMIT = 20.0
INVALID_ARGUMENT = 3
NOT_FOUND = 5
RESOURCE_EXHAUSTED = 8
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
UNAVAILABLE = 14


def status(code: int, message: str = "m", *details: Any) -> status_pb2.Status:
    found = status_pb2.Status(code=code, message=message)
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        found.details.append(packed)
    return found


def info(reason: str, domain: str = "tidemill.dev", **metadata: str) -> Any:
    return error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata)


def retry_info(seconds: float) -> Any:
    whole = int(seconds)
    return error_details_pb2.RetryInfo(retry_delay=Duration(seconds=whole, nanos=int((seconds - whole) * 1e9)))


def refuse(context: Any, found: status_pb2.Status) -> None:
    context.set_trailing_metadata((("grpc-status-details-bin", found.SerializeToString()),))
    codes = {code.value[0]: code for code in grpc.StatusCode}
    context.abort(codes[found.code], found.message)


class Heard(list[T]):
    """A list that can be waited on."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def append(self, item: T) -> None:
        with self._changed:
            super().append(item)
            self._changed.notify_all()

    def extend(self, items: Iterable[T]) -> None:
        with self._changed:
            super().extend(items)
            self._changed.notify_all()

    def until(self, found: Callable[[], Any], what: str) -> None:
        """Waits until this is true, which may have become so with every new item."""
        with self._changed:
            assert self._changed.wait_for(found, LIMIT), f"{what} did not come; {list(self)}"


#: The worker has ended its side.
_READ = object()


class WorkStream:
    """One stream of a worker, seen from the server."""

    def __init__(self, register: proto.Register) -> None:
        self.register = register
        self.heard: list[proto.WorkRequest] = []
        #: `half-closed` or `broken off`, once it has ended.
        self.ended: str | None = None
        self._settles = False
        self._changed = threading.Condition()
        self._to_say: queue.Queue[Any] = queue.Queue()

    def say(self, **message: Any) -> None:
        self._to_say.put(proto.WorkResponse(**message))

    def assign(self, token: str, kind: str = "k", text: str = "", attempt: int = 1) -> None:
        task = proto.Assignment(
            lease_token=token, task_id=f"id-{token}", kind=kind, attempt=attempt, max_attempts=4, payload=proto.Payload(text=text)
        )
        self.say(assignments=proto.Assignments(assignments=[task]))

    def settle_all(self) -> None:
        with self._changed:
            self._settles = True
            for message in self.heard:
                self._settle(message)

    def _settle(self, message: proto.WorkRequest) -> None:
        variant = message.WhichOneof("message")
        if variant in {"complete", "fail", "release"}:
            self.say(settled=proto.Settled(lease_token=getattr(message, variant).lease_token))

    def close(self, found: status_pb2.Status | None = None) -> None:
        """Ends it from the server's side."""
        self._to_say.put(found)

    def expect(self, variant: str, count: int = 1) -> Any:
        """The count-th message of this kind, as soon as it has come."""

        def found() -> Any:
            all_of_it = [message for message in self.heard if message.WhichOneof("message") == variant]
            return getattr(all_of_it[count - 1], variant) if len(all_of_it) >= count else None

        return self._until(found, f"{variant} number {count}")

    def expect_end(self) -> str:
        return str(self._until(lambda: self.ended, "its end"))

    def said(self, variant: str) -> int:
        return sum(message.WhichOneof("message") == variant for message in self.heard)

    def _until(self, found: Callable[[], Any], what: str) -> Any:
        with self._changed:
            assert self._changed.wait_for(lambda: found() is not None, LIMIT), f"{what} did not come; {self.heard}, {self.ended}"
            return found()

    def read(self, requests: Iterator[proto.WorkRequest]) -> None:
        try:
            for request in requests:
                with self._changed:
                    self.heard.append(request)
                    if self._settles:
                        self._settle(request)
                    self._changed.notify_all()
        except Exception:
            self._end("broken off")
            # Whoever waits for something to say would keep the process from its end.
            self._to_say.put(None)
        else:
            self._to_say.put(_READ)

    def answers(self, context: Any) -> Iterator[proto.WorkResponse]:
        while (said := self._to_say.get()) is not None:
            if isinstance(said, status_pb2.Status):
                refuse(context, said)
            if said is _READ:
                break
            yield said
        else:
            return
        # gRPC's server may tell of a cancelled stream as of one that was half-closed. Only the latter takes another answer.
        try:
            yield proto.WorkResponse(ping=proto.Ping())
        except GeneratorExit:
            self._end("broken off")
        else:
            self._end("half-closed")

    def _end(self, how: str) -> None:
        with self._changed:
            self.ended = how
            self._changed.notify_all()


class Fake(
    gateway_service_pb2_grpc.GatewayServiceServicer,
    results_service_pb2_grpc.ResultsServiceServicer,
    worker_service_pb2_grpc.WorkerServiceServicer,
):
    """Set what a method does; by default everything is taken."""

    def __init__(self, credentials: grpc.ServerCredentials | None = None, address: str = "127.0.0.1:0") -> None:
        self.requests: list[Any] = []
        self.on_enqueue: Callable[[Any, Any], Any] = lambda request, context: proto.EnqueueResponse(task_id="id", state=2)  # type: ignore[arg-type]
        self.on_batch: Callable[[Any, Any], Any] = lambda request, context: None
        self.on_result: Callable[[Any, Any], Any] = lambda request, context: None
        self.on_watch: Callable[[Any, Any], Iterator[Any]] = lambda request, context: iter(())
        self.on_watch_many: Callable[[Any, Any], Iterator[Any]] = lambda requests, context: iter(())
        self.on_register: Callable[[proto.Register, Any], proto.Registered] = lambda register, context: registered(register)
        #: Registrations, as soon as they come; `stream` waits for the answered ones.
        self.registering: queue.Queue[proto.Register] = queue.Queue()
        self._streams: queue.Queue[WorkStream] = queue.Queue()
        self._all: list[WorkStream] = []
        self._server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.so_reuseport", 0)])
        gateway_service_pb2_grpc.add_GatewayServiceServicer_to_server(self, self._server)
        results_service_pb2_grpc.add_ResultsServiceServicer_to_server(self, self._server)
        worker_service_pb2_grpc.add_WorkerServiceServicer_to_server(self, self._server)
        if credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, credentials)
        self.url = f"http://127.0.0.1:{self.port}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait(LIMIT)

    def stream(self) -> WorkStream:
        """The next stream that registered."""
        return self._streams.get(timeout=LIMIT)

    def settle_all(self) -> None:
        """From here on every settle is answered, those that came before included."""
        for stream in self._all:
            stream.settle_all()

    def Enqueue(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.requests.append(request)
        return self.on_enqueue(request, context)

    def BatchEnqueue(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.requests.append(request)
        return self.on_batch(request, context)

    def GetResult(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.requests.append(request)
        return self.on_result(request, context)

    def WatchResult(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.requests.append(request)
        yield from self.on_watch(request, context)

    def WatchResults(self, requests: Any, context: Any) -> Any:  # noqa: N802
        yield from self.on_watch_many(requests, context)

    def Work(self, requests: Any, context: Any) -> Any:  # noqa: N802
        register = next(requests).register
        stream = WorkStream(register)
        self._all.append(stream)
        self.registering.put(register)
        first = self.on_register(register, context)
        threading.Thread(target=stream.read, args=(requests,), daemon=True).start()
        yield proto.WorkResponse(registered=first)
        self._streams.put(stream)
        yield from stream.answers(context)


def registered(register: proto.Register, ping: float = 60.0) -> proto.Registered:
    """Everything that is held is adopted."""
    interval = Duration(seconds=int(ping), nanos=int(ping % 1 * 1e9))
    return proto.Registered(adopted=register.held, ping_interval=interval)


def state_event(sequence: int) -> proto.WatchResultResponse:
    change = proto.StateChanged(state=3, cause=3)  # type: ignore[arg-type]
    return proto.WatchResultResponse(event=proto.TaskEvent(sequence=sequence, attempt=1, state_changed=change))


def truncated_event(begin: int, end: int) -> proto.WatchResultResponse:
    gap = proto.Truncated(from_sequence=begin, to_sequence=end)
    return proto.WatchResultResponse(event=proto.TaskEvent(sequence=end, truncated=gap))


def result_event(sequence: int) -> proto.WatchResultResponse:
    result = proto.TaskResult(state=4, output=proto.Payload(text="done"))  # type: ignore[arg-type]
    return proto.WatchResultResponse(event=proto.TaskEvent(sequence=sequence, attempt=1, result=result))
