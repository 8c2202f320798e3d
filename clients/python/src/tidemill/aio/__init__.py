"""The asyncio API: the same names as in `tidemill`, as coroutines. What is not here is in `tidemill` and serves both."""

from tidemill.aio._client import Client
from tidemill.aio._watch import Watch, WatchMany
from tidemill.aio._worker import Context, Worker

__all__ = ["Client", "Context", "Watch", "WatchMany", "Worker"]
