"""Handles orders until Ctrl-C. Start as many of these processes as you like, here or elsewhere: together they are the pool."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

import tidemill
from tidemill import aio

LIMIT = 450.0
FLAKY = 0.2


class AmountTooHigh(tidemill.Failure):
    """Fails each time. `permanent=True` would make it a dead letter at once; here all three retries are to be seen."""


class PaymentFailed(tidemill.Failure):
    """Fails now and then, as payments do."""


class Journal:
    """What the handlers did, for `verify.py`: a line when one starts and one when it ends, each in one write, which outlives `kill -9`."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    @contextmanager
    def attempt(self, task: aio.Context, order: str) -> Iterator[None]:
        self._note("start", task, order)
        how = "ok"
        try:
            yield
        except BaseException as error:
            how = type(error).__name__
            raise
        finally:
            # Before the worker settles: the next attempt can only start later.
            self._note(how, task, order)
            print(f"  worker {os.getpid()}: {order}  attempt {task.attempt} {how}", flush=True)

    def _note(self, what: str, task: aio.Context, order: str) -> None:
        # This clock is the same one for all processes of the machine.
        line = {"at": time.monotonic(), "pid": os.getpid(), "task": task.task_id, "order": order, "attempt": task.attempt, "what": what}
        os.write(self._file, (json.dumps(line) + "\n").encode())


async def run(journal: Journal, concurrency: int) -> None:
    # The address is that in TIDEMILL_URL, or localhost:7440.
    async with aio.Client() as client:
        worker = aio.Worker(client, queues=["orders"], concurrency=concurrency)

        @worker.handler("order.handle")
        async def handle(task: aio.Context) -> dict[str, object]:
            order = task.payload.to_json()
            with journal.attempt(task, order["id"]):
                await asyncio.sleep(random.uniform(0.1, 0.6))  # a payment provider takes its time
                if order["amount"] > LIMIT:
                    raise AmountTooHigh(f"{order['amount']:.2f} is over the limit of {LIMIT:.2f}")
                if random.random() < FLAKY:
                    raise PaymentFailed("the payment provider is busy")
                # A provider that gets the key of the order charges once, even if this attempt is not the last one.
            return {"receipt": f"r-{order['id']}-{task.attempt}"}

        await worker.run()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--concurrency", type=int, default=4, help="orders at a time")
    arguments.add_argument("--journal", default=os.devnull, help="file to note starts and ends in")
    chosen = arguments.parse_args()
    asyncio.run(run(Journal(chosen.journal), chosen.concurrency))


if __name__ == "__main__":
    main()
