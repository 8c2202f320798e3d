"""What both clients do, on the engine's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any

from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from tidemill import proto
from tidemill._core.batch import send_all
from tidemill._core.link import Link
from tidemill._core.retry import Limits
from tidemill._core.status import contract_error
from tidemill._core.times import Seconds, duration, seconds
from tidemill.config import Settings
from tidemill.errors import Error, InvalidError
from tidemill.event import Cancelled, Enqueued, Page, Stats, TaskSnapshot
from tidemill.names import TaskState
from tidemill.task import Task, to_request

GATEWAY = "/tidemill.v1.GatewayService/"
RESULTS = "/tidemill.v1.ResultsService/"
ADMIN = "/tidemill.v1.AdminService/"
#: The server holds an answer back for at most 60 s; half of it also passes proxies that cut quiet calls.
_LONGEST_WAIT = 30.0
#: Between two calls of one wait, so that a server that does not hold back is not flooded.
_PAUSE = 0.2
_HEALTH = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING"}


class Core:
    """The connections of one client, and its unary calls. Only the constructor, `request` and `stats` may be used off the engine."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.gateway = Link(settings.url, settings)
        links = {settings.url: self.gateway}
        self.results = links.setdefault(settings.results_url, Link(settings.results_url, settings))
        self.worker = links.setdefault(settings.worker_url, Link(settings.worker_url, settings))
        self.links = tuple(links.values())
        self.limits = Limits(settings.timeout, settings.max_tries)

    def request(self, task: Task) -> proto.EnqueueRequest:
        """The message of a task. To be made where the caller's trace is."""
        if not isinstance(task, Task):
            raise InvalidError(f"a Task is needed, not {type(task).__qualname__}")
        return to_request(task, self.settings.trace)

    async def enqueue(self, request: proto.EnqueueRequest) -> Enqueued:
        try:
            answer = await self.gateway.unary(GATEWAY + "Enqueue", request, proto.EnqueueResponse, self.limits)
        except Error as error:
            raise error._but(idempotency_key=request.idempotency_key) from None
        return Enqueued._of(answer)

    async def enqueue_batch(self, requests: Sequence[proto.EnqueueRequest]) -> list[Enqueued | Error]:
        return await send_all(self.gateway, self.limits, GATEWAY + "BatchEnqueue", requests)

    async def cancel(self, task_id: str, reason: str) -> Cancelled:
        request = proto.CancelTaskRequest(task_id=task_id, reason=reason)
        answer = await self.gateway.unary(GATEWAY + "CancelTask", request, proto.CancelTaskResponse, self.limits)
        return Cancelled(TaskState.from_proto(answer.state), answer.cancel_requested)

    async def result(self, task_id: str, wait: float = 0.0) -> TaskSnapshot:
        def request(left: float) -> proto.GetResultRequest:
            # A later try has less time: the server must not hold its answer back for longer than this side waits.
            held_back = min(wait, left - self.limits.deadline)
            return proto.GetResultRequest(task_id=task_id, wait=duration(held_back) if held_back > 0.0 else None)

        limits = Limits(self.limits.deadline + wait, self.limits.tries)
        answer = await self.results.unary(RESULTS + "GetResult", request, proto.GetResultResponse, limits)
        return TaskSnapshot._of(answer)

    async def wait(self, task_id: str, wait: Seconds) -> TaskSnapshot:
        until = monotonic() + seconds(wait)
        while True:
            found = await self.result(task_id, min(max(0.0, until - monotonic()), _LONGEST_WAIT))
            if found.state.is_terminal or monotonic() + _PAUSE >= until:
                return found
            await asyncio.sleep(_PAUSE)

    async def queues(self, page_size: int, page: str | None) -> Page[proto.Queue]:
        request = proto.ListQueuesRequest(page_size=page_size, page_token=page or "")
        answer = await self._admin("ListQueues", request, proto.ListQueuesResponse)
        return Page(list(answer.queues), answer.next_page_token or None)

    async def queue(self, name: str) -> proto.Queue:
        answer = await self._admin("GetQueue", proto.GetQueueRequest(queue=name), proto.GetQueueResponse)
        return self._required(answer, "queue", "GetQueue")  # type: ignore[no-any-return]

    async def tasks(self, queue: str, state: TaskState, page_size: int, page: str | None) -> Page[proto.Task]:
        number: Any = state.to_proto()
        request = proto.ListTasksRequest(queue=queue, state=number, page_size=page_size, page_token=page or "")
        answer = await self._admin("ListTasks", request, proto.ListTasksResponse)
        return Page(list(answer.tasks), answer.next_page_token or None)

    async def task(self, task_id: str) -> proto.Task:
        answer = await self._admin("GetTask", proto.GetTaskRequest(task_id=task_id), proto.GetTaskResponse)
        return self._required(answer, "task", "GetTask")  # type: ignore[no-any-return]

    async def health(self, link: Link, service: str) -> str:
        # The health protocol's messages have the form of these two: one string, one number. So its generated code, which programs may
        # have in another version, is not needed.
        path = "/grpc.health.v1.Health/Check"
        answer = await link.unary(path, StringValue(value=service), Int32Value, self.limits)
        return _HEALTH.get(answer.value, "UNKNOWN")

    def stats(self) -> Stats:
        links = {self.gateway, self.results}
        return Stats(sum(link.line.calls for link in links), sum(link.line.attempts for link in links))

    async def close(self) -> None:
        await asyncio.gather(*(link.close() for link in self.links))

    async def _admin(self, method: str, request: Any, answer: Any) -> Any:
        return await self.gateway.unary(ADMIN + method, request, answer, self.limits)

    def _required(self, answer: Any, field: str, method: str) -> Any:
        if not answer.HasField(field):
            raise contract_error(self.gateway.address, f"{method} answered without a {field}")
        return getattr(answer, field)
