"""Whole processes: signals and forks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.fake import LIMIT, Fake

_PROGRAM = """
import asyncio, sys
import tidemill
from tidemill import aio
if sys.argv[1] == "sync":
    worker = tidemill.Worker(tidemill.Client(sys.argv[2]))
    worker.handle("k", lambda task: None)
    worker.run()
else:
    async def handler(task): pass
    async def main():
        worker = aio.Worker(aio.Client(sys.argv[2]))
        worker.handle("k", handler)
        await worker.run()
    asyncio.run(main())
print("in order")
"""


@pytest.mark.parametrize("kind", ["sync", "aio"])
def test_a_signal_stops_the_process_in_order_and_without_noise(fake: Fake, kind: str) -> None:
    command = [sys.executable, "-W", "error", "-c", _PROGRAM, kind, fake.url]
    # gRPC's own notices are not ours.
    environment = os.environ | {"GRPC_VERBOSITY": "NONE"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        stream = fake.stream()
        process.send_signal(signal.SIGTERM)
        try:
            out, err = process.communicate(timeout=LIMIT)
        finally:
            # Without effect if it has ended.
            process.kill()
    assert (process.returncode, out, err) == (0, "in order\n", "")
    assert stream.expect_end() == "half-closed"


def test_a_client_that_was_made_before_a_fork_says_so(fake: Fake) -> None:
    program = """
import os, sys
import tidemill
client = tidemill.Client(sys.argv[1])
if os.fork() == 0:
    try:
        client.enqueue(tidemill.Task("a"))
    except tidemill.InvalidError as error:
        print(error, flush=True)
    print(tidemill.Client(sys.argv[1]).enqueue(tidemill.Task("a")).task_id, flush=True)
    os._exit(0)
os.wait()
"""
    command = [sys.executable, "-c", program, fake.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)
    assert done.stdout.splitlines() == ["this client was made before the process forked: make one in each process", "id"]
