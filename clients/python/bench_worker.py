"""A worker for kind `bench` that settles a number of tasks, then prints what that took as one line of JSON and ends.

    PYTHONPATH=src python bench_worker.py --tasks 10000 [--enqueue] [--sync] [--concurrency 100] [--queue bench] [--url http://localhost:7440]

The clock runs from the first handler's start to the last settle that the server has confirmed. CPU time is that of this process, the
enqueueing with `--enqueue` (before the worker starts) not included.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import time
from typing import Any

from tidemill import Client, Context, Error, Task, Worker, WorkerEvent, aio
from tidemill.worker_events import Settled, Started


class Clock:
    """Counts settles, and stops the worker after the last one."""

    def __init__(self, tasks: int) -> None:
        self._left = self._tasks = tasks
        self._begun = self._ended = 0.0
        self._cpu_begun = self._cpu_ended = 0.0
        self.worker: Worker | aio.Worker | None = None

    def hear(self, event: WorkerEvent) -> None:
        if isinstance(event, Started) and not self._begun:
            self._begun, self._cpu_begun = time.monotonic(), cpu()
        elif isinstance(event, Settled):
            self._left -= 1
            if self._left == 0 and self.worker is not None:
                self._ended, self._cpu_ended = time.monotonic(), cpu()
                self.worker.stop()

    def figures(self) -> dict[str, Any]:
        seconds, used = self._ended - self._begun, self._cpu_ended - self._cpu_begun
        return {
            "tasks": self._tasks - self._left,
            "seconds": round(seconds, 3),
            "tasks_per_second": round(self._tasks / seconds, 1),
            "cpu_us_per_task": round(used / self._tasks * 1e6, 1),
        }


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def enqueue(client: Client, tasks: int, queue: str) -> None:
    for outcome in client.enqueue_batch(Task("bench", "x", queue=queue) for _ in range(tasks)):
        if isinstance(outcome, Error):
            raise outcome


def run_sync(options: argparse.Namespace, clock: Clock) -> None:
    with Client(options.url) as client:
        worker = Worker(client, queues=[options.queue], concurrency=options.concurrency, on_event=clock.hear)

        @worker.handler("bench")
        def bench(task: Context) -> str:
            return "done"

        clock.worker = worker
        worker.run()


async def run_asyncio(options: argparse.Namespace, clock: Clock) -> None:
    async with aio.Client(options.url) as client:
        worker = aio.Worker(client, queues=[options.queue], concurrency=options.concurrency, on_event=clock.hear)

        @worker.handler("bench")
        async def bench(task: aio.Context) -> str:
            return "done"

        clock.worker = worker
        await worker.run()


def main() -> None:
    parser = argparse.ArgumentParser(description="Settles tasks of kind `bench` and prints what that took.")
    parser.add_argument("--url", help="default: TIDEMILL_URL, or http://127.0.0.1:7440")
    parser.add_argument("--queue", default="bench")
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--enqueue", action="store_true", help="enqueue the tasks first")
    parser.add_argument("--sync", action="store_true", help="the synchronous worker instead of the asyncio one")
    options = parser.parse_args()
    if options.enqueue:
        with Client(options.url) as client:
            enqueue(client, options.tasks, options.queue)
    clock = Clock(options.tasks)
    if options.sync:
        run_sync(options, clock)
    else:
        asyncio.run(run_asyncio(options, clock))
    print(json.dumps({"worker": "sync" if options.sync else "asyncio"} | clock.figures()))


if __name__ == "__main__":
    main()
