"""The handlers that every runner has, for the synchronous worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from runner.facts import facts
from tidemill import Cancel, Client, Context, Failure, Task

Handler = Callable[[Context], Any]


def handlers(client: Client, gates: dict[str, threading.Event]) -> dict[str, Handler]:
    def echo(task: Context) -> Any:
        return task.payload

    def fail(task: Context) -> Any:
        raise Failure(task.payload.text or "", type="Conf")

    def permanent(task: Context) -> Any:
        raise Failure(task.payload.text or "", permanent=True)

    def retry_after(task: Context) -> Any:
        if task.attempt == 1:
            raise Failure("busy", retry_after=0.6)
        return "later"

    def flaky(task: Context) -> Any:
        if task.attempt == 1:
            raise Failure("too early", type="TooEarly")
        return task.last_error.type if task.last_error else ""

    def throw(task: Context) -> Any:
        raise RuntimeError("boom")

    def report(task: Context) -> Any:
        task.progress(0.5, "half")
        for piece in range(task.payload.to_json()["chunks"]):
            task.chunk(f"piece {piece}")
        return "done"

    def wait_cancel(task: Context) -> Any:
        task.wait_cancelled()
        raise Cancel

    def ignore_cancel(task: Context) -> Any:
        task.wait_cancelled()
        return "anyway"

    def deaf(task: Context) -> Any:
        while True:
            task.sleep(3_600)

    def hold(task: Context) -> Any:
        gate = gates.setdefault(task.task_id, threading.Event())
        while not gate.wait(0.02):
            task.raise_if_stopped()
        return "kept"

    def block(task: Context) -> Any:
        time.sleep(task.payload.to_json()["ms"] / 1_000)
        return "blocked"

    def stubborn(task: Context) -> Any:
        time.sleep(task.payload.to_json()["ms"] / 1_000)
        return "stubborn"

    def bad_output(task: Context) -> Any:
        return object()

    def enqueue(task: Context) -> Any:
        return client.enqueue(Task("conf.nobody")).task_id

    found = [echo, fail, permanent, retry_after, flaky, throw, report, wait_cancel, ignore_cancel]
    found += [deaf, hold, block, stubborn, bad_output, enqueue]
    return {f"conf.{handler.__name__}": handler for handler in found} | {"conf.facts": facts}
