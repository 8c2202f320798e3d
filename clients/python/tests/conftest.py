from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fake import Fake
from tests.workers import Bench, Start
from tidemill import Client


@pytest.fixture
def fake() -> Iterator[Fake]:
    server = Fake()
    yield server
    server.stop()


@pytest.fixture
def client(fake: Fake) -> Iterator[Client]:
    with Client(fake.url, timeout=5.0) as made:
        yield made


@pytest.fixture(params=["sync", "aio"])
def start(request: pytest.FixtureRequest, fake: Fake) -> Iterator[Start]:
    """Starts a worker of either kind."""
    started: list[Bench] = []

    def begin(**options: Any) -> Bench:
        started.append(Bench(request.param, fake, **options))
        return started[-1]

    yield begin
    for bench in started:
        bench.gate.set()
        fake.settle_all()
        bench.worker._running.stop(0.0)
        bench.join()
