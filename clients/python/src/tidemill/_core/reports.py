"""What handlers say, on its way to the server: in order for each handler, and bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from tidemill import proto
from tidemill._core.job import Job
from tidemill.failure import ReportError

if TYPE_CHECKING:
    from tidemill._core.session import Session

#: Chunks and progress of all handlers that wait to be sent.
_MOST = 256

_Report = tuple[Job, proto.WorkRequest, bool]


class ReportQueue:
    """Settles are always taken, there are never more than leases; chunks wait for room, and progress is dropped without it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._queue: deque[_Report] = deque()
        self._room: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def ended(self, job: Job, settle: proto.WorkRequest) -> None:
        """A handler has ended; from any thread."""
        self._session.mailbox.post(lambda: self._ended(job, settle))

    def progress(self, job: Job, report: proto.WorkRequest) -> None:
        """From any thread; never waits."""
        self._session.mailbox.post(lambda: self._progress(job, report))

    async def chunk(self, job: Job, report: proto.WorkRequest) -> None:
        """On the engine; waits for room."""
        while len(self._queue) >= _MOST and not self._closed:
            room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._room.append(room)
            await room
        if self._closed:
            raise ReportError("the worker has stopped")
        self._push(job, report, False)

    def next(self) -> proto.WorkRequest | None:
        """What is to be sent next."""
        while self._queue:
            job, message, settles = self._queue.popleft()
            self._make_room()
            if self._session.forward(job, message, settles):
                return message
        return None

    def close(self) -> None:
        """Nothing more goes anywhere."""
        self._closed = True
        self._queue.clear()
        while self._room:
            self._make_room()

    def _ended(self, job: Job, settle: proto.WorkRequest) -> None:
        self._session.ended(job)
        self._push(job, settle, True)

    def _progress(self, job: Job, report: proto.WorkRequest) -> None:
        # Progress is advice, and there will be more.
        if len(self._queue) < _MOST:
            self._push(job, report, False)

    def _push(self, job: Job, message: proto.WorkRequest, settles: bool) -> None:
        if not self._closed:
            self._queue.append((job, message, settles))
            self._session.wake_stream()

    def _make_room(self) -> None:
        while self._room:
            room = self._room.popleft()
            if not room.done():
                room.set_result(None)
                return
