"""The synchronous client."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, TypeVar

from tidemill import proto
from tidemill._core.core import Core
from tidemill._core.engine import engine
from tidemill._core.times import Seconds, seconds
from tidemill._core.watch import GIVE_UP_AFTER, Follower, OnBreak
from tidemill._core.watch_many import FollowerOfMany
from tidemill.config import Settings, Tls
from tidemill.errors import Error
from tidemill.event import Cancelled, Enqueued, Page, Stats, TaskSnapshot
from tidemill.names import TaskState
from tidemill.task import Task
from tidemill.trace import TraceContext
from tidemill.watch import Watch, WatchMany

T = TypeVar("T")


class Client:
    """A client of Tidemill. Safe to use from many threads, which share its connections and its retry budget. Connects with the first call.

    ```python
    with Client("http://localhost:7440") as client:
        enqueued = client.enqueue(Task("email.send", "hello"))
        print(client.watch(enqueued.task_id).result())
    ```
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        results_url: str | None = None,
        worker_url: str | None = None,
        tls: Tls | None = None,
        token: str | None = None,
        timeout: Seconds = 10.0,
        max_tries: int | None = None,
        user_agent: str | None = None,
        trace_context: Callable[[], TraceContext | None] | None = None,
    ) -> None:
        """
        - `url`: `http://HOST:PORT`, `https://HOST:PORT`, or `HOST:PORT` for plaintext. Without it TIDEMILL_URL, TIDEMILL_RESULTS_URL and
          TIDEMILL_WORKER_URL of the environment, and without those http://127.0.0.1:7440.
        - `results_url`, `worker_url`: addresses of these roles, where they have some of their own.
        - `tls`: how `https://` addresses are trusted.
        - `token`: sent as `authorization: Bearer` with every call. Over `http://` it can be read on the way.
        - `timeout`: longest time for one unary call, all its tries included.
        - `max_tries`: most tries of one unary call. Without it as many as the timeout and the retry budget allow, so that a call outlives a
          restart of the server. A program that a person waits for may want fewer.
        - `user_agent`: name of the program in the server's logs.
        - `trace_context`: where the trace of an enqueued task comes from that names none, e.g. the current span of your tracing library. If
          it answers None, the task takes that of the handler that enqueues it.

        Raises `InvalidError` with what is wrong.
        """
        settings = Settings.of(url, results_url, worker_url, tls, token, timeout, max_tries, user_agent, trace_context)
        self._core = Core(settings)
        self._engine = engine()

    def enqueue(self, task: Task) -> Enqueued:
        """Stores a task. When this returns, it is durable in the sense of the server's durability mode. Tried again within the timeout
        where that may help; the idempotency key, given or made here, keeps a repetition from storing a second task.

        Raises `Error` for the reasons of the contract's `Enqueue`: its `outcome` says whether the task may have been stored, and its
        `idempotency_key` is the key to repeat it with.
        """
        return self._run(self._core.enqueue(self._core.request(task)))

    def enqueue_batch(self, tasks: Iterable[Task]) -> list[Enqueued | Error]:
        """Stores many tasks, each on its own: the answer has one outcome for each, in order. Makes as many calls of at most 1,000 tasks and
        4 MiB as it takes, each within the timeout; entries that are refused for the moment only are sent again, as with `enqueue`."""
        return self._run(self._core.enqueue_batch([self._core.request(task) for task in tasks]))

    def cancel(self, task_id: str, reason: str = "") -> Cancelled:
        """Cancels a task: a waiting one ends at once, a running one is asked to stop. Asking again is harmless."""
        return self._run(self._core.cancel(task_id, reason))

    def result(self, task_id: str) -> TaskSnapshot:
        """How a task stands now. A task that is not finished is no error, nor is one that failed: see its `state`."""
        return self._run(self._core.result(task_id))

    def wait(self, task_id: str, wait: Seconds) -> TaskSnapshot:
        """How a task stands as soon as it has finished, or when `wait` is over: then its state is not terminal."""
        return self._run(self._core.wait(task_id, wait))

    def watch(
        self,
        task_id: str,
        after: int = 0,
        *,
        give_up_after: Seconds = GIVE_UP_AFTER,
        on_break: OnBreak | None = None,
    ) -> Watch:
        """Follows the log of a task from after this event to its result, through broken connections.

        - `after`: the last sequence already seen. The result comes even if this is its own number.
        - `give_up_after`: ends with the last error when no stream could be had for this long. Before the first stream, the client's timeout
          and tries count instead: the address may be wrong.
        - `on_break`: hears of every break that the watch is about to mend. Called on the engine's thread: must not wait.
        """
        return Watch(Follower(self._core, task_id, after, seconds(give_up_after), on_break), after)

    def watch_many(
        self,
        task_ids: Iterable[str] = (),
        *,
        keep_open: bool = False,
        give_up_after: Seconds = GIVE_UP_AFTER,
        on_break: OnBreak | None = None,
    ) -> WatchMany:
        """Follows the logs of many tasks over one stream, each as `watch` does; more can be added while it runs. A task leaves by itself
        after its result or an error. Ends when every task has left; with `keep_open` not before `WatchMany.end` was called."""
        watch = WatchMany(FollowerOfMany(self._core, keep_open, seconds(give_up_after), on_break))
        for task_id in task_ids:
            watch.add(task_id)
        return watch

    def queues(self, page_size: int = 0, page: str | None = None) -> Page[proto.Queue]:
        """A page of the queues, by name. At most 1,000 on a page; 0: 100. `page`: `Page.next` of the page before."""
        return self._run(self._core.queues(page_size, page))

    def queue(self, name: str) -> proto.Queue:
        """One queue with its kinds."""
        return self._run(self._core.queue(name))

    def tasks(self, queue: str, state: TaskState, page_size: int = 0, page: str | None = None) -> Page[proto.Task]:
        """A page of the tasks of one queue that are in one state, without payloads. At most 500 on a page; 0: 50."""
        return self._run(self._core.tasks(queue, state, page_size, page))

    def task(self, task_id: str) -> proto.Task:
        """One task, with its payloads."""
        return self._run(self._core.task(task_id))

    def health(self, service: str = "") -> str:
        """Whether the gateway's address serves: `SERVING`, `NOT_SERVING` (it starts, drains, or cannot reach its store) or `UNKNOWN`. Empty
        `service`: the process as a whole; else the full name of a gRPC service."""
        return self._run(self._core.health(self._core.gateway, service))

    def results_health(self, service: str = "") -> str:
        """The same of the results role's address."""
        return self._run(self._core.health(self._core.results, service))

    def worker_health(self, service: str = "") -> str:
        """The same of the worker role's address."""
        return self._run(self._core.health(self._core.worker, service))

    @property
    def stats(self) -> Stats:
        """How many unary calls were made over all connections, and how many tries they took."""
        return self._core.stats()

    def close(self) -> None:
        """Ends every call, watch and connection of this client. Workers keep connections of their own."""
        self._run(self._core.close())

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._core.settings.url!r})"

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        answer = self._engine.submit(work)
        try:
            return answer.result()
        except BaseException:
            # E.g. an interrupt from the keyboard.
            answer.cancel()
            raise
