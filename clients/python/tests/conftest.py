from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fake import Fake
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
