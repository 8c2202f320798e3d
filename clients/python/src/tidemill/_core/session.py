"""The worker protocol from the handler process's side.

```text
                ┌───────── session, on the engine's thread ─────────┐
 Work stream ──▶│ assignments ─▶ held leases ─▶ runner of handlers  │ (a program's loop, or threads)
             ◀──│ echoes, settles ◀─ reports (bounded) ◀────────────│
                └────────────────────────────────────────────────────┘
```

The session echoes the server's pings, which renews the leases, apart from the handlers: those that keep their thread or loop busy do not
cost their leases. What is held outlives a broken stream: the next stream names it, and every settle that was not answered is said again.
A settle is done when the server has answered it, not before.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic

from tidemill import proto
from tidemill._core.engine import Mailbox
from tidemill._core.held import Held
from tidemill._core.job import Job, failed, release
from tidemill._core.reports import ReportQueue
from tidemill._core.retry import Again, backoff, resume
from tidemill._core.setup import Runner, Setup
from tidemill._core.status import broken_error
from tidemill._core.stream import WorkStream
from tidemill.errors import Error
from tidemill.failure import Failure
from tidemill.names import CancelCause, TaskState
from tidemill.worker_events import (
    CancelRequest,
    Connected,
    Disconnected,
    Draining,
    LeaseLost,
    Refused,
    Settled,
    Started,
    Stuck,
)

#: Longest wait between two connections, and before a settle is said again.
_MAX_BACKOFF = 5.0
#: Wait after a stream that the server ended with a reason which no repetition mends.
_AFTER_REFUSAL = 1.0
#: Refusals that may be of reports instead of the settle: more of them are hardly under way.
_MOST_AMBIGUOUS = 8
#: After the grace: how long the server may take to answer the last settles.
_LAST_WORD = 10.0


class Session:
    """One worker at work."""

    def __init__(self, setup: Setup, runner: Runner, loop: asyncio.AbstractEventLoop) -> None:
        self._setup = setup
        self._runner = runner
        self._link = setup.core.worker
        self.mailbox = Mailbox(loop)
        self._held: dict[str, Held] = {}
        self._reports = ReportQueue(self)
        self._stream: WorkStream | None = None
        self._opening: asyncio.Task[None] | None = None
        self._open_at = monotonic()
        self._begun = monotonic()
        self._failures = 0
        self._connected = False
        self._stuck: set[Job] = set()
        self._failed: Error | None = None
        self._wake = asyncio.Event()
        #: Set by the shutdown: when what still runs is given back.
        self._release_at: float | None = None
        self._released = False
        #: The stream is being half-closed, which gives back what comes from here on.
        self._finishing = False
        self.over = False

    # --- Life ---

    async def run(self) -> None:
        """Works until told to stop and everything is settled or given back."""
        try:
            while not self._done():
                self._open_if_due()
                await self._sleep()
                self._tick()
                if self._failed is not None:
                    raise self._failed
            await self._finish()
        finally:
            self.over = True
            self._abandon()

    def _done(self) -> bool:
        return self._release_at is not None and not self._held

    async def _finish(self) -> None:
        """Nothing is held any more: half-closes. A stream that is just being opened may have been assigned tasks already, which its
        half-close gives back; to break it off would charge them with a crash."""
        self._finishing = True
        if self._opening is not None:
            await asyncio.wait([self._opening], timeout=_LAST_WORD)
        if self._stream is not None:
            await self._stream.finish()
            self._stream = None

    def _abandon(self) -> None:
        """Whatever is left: its handlers are stopped, and its leases expire."""
        self._reports.close()
        for token in list(self._held):
            self._drop(token)
        if self._opening is not None:
            self._opening.cancel()
        if self._stream is not None:
            self._stream.leave()
            self._stream = None

    async def _sleep(self) -> None:
        due = self._next_due()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._wake.wait(), None if due is None else max(0.0, due - monotonic()))
        self._wake.clear()

    def _next_due(self) -> float | None:
        times = [held.due for held in self._held.values() if held.due is not None]
        if self._stream is not None:
            times.append(self._stream.silent_at)
        if self._wants_stream() and self._opening is None:
            times.append(self._open_at)
        if self._release_at is not None:
            times.append(self._release_at)
        return min(times, default=None)

    def _tick(self) -> None:
        now = monotonic()
        if self._stream is not None and self._stream.silent_at <= now:
            self._lost(self._stream, self._stream.silence_error())
        for token in [token for token, held in self._held.items() if held.due is not None and held.due <= now]:
            self._due(token)
        if self._release_at is not None and self._release_at <= now and self._held:
            if self._released:
                self._failed = self._unsettled()
            else:
                self._release_all()

    # --- Streams ---

    def _wants_stream(self) -> bool:
        return self._stream is None or self._stream.leaving

    def _open_if_due(self) -> None:
        if self._release_at is not None and not self._held:
            return
        if self._wants_stream() and self._opening is None and monotonic() >= self._open_at:
            self._opening = asyncio.ensure_future(self._open())

    async def _open(self) -> None:
        register = proto.Register(
            queues=self._setup.queues,
            kinds=list(self._setup.handlers),
            credits=self._credits(),
            held=list(self._held),
            name=self._setup.name,
        )
        try:
            stream = await WorkStream.open(self._link, register)
        except Error as error:
            self._opening = None
            self._not_opened(error)
        else:
            self._opening = None
            self._adopt(stream, register)
        self._wake.set()

    def _credits(self) -> int:
        return 0 if self._release_at is not None else self._setup.concurrency - len(self._stuck)

    def _adopt(self, stream: WorkStream, register: proto.Register) -> None:
        """The server has registered us: this is the stream now, and it is told whatever is still open."""
        self._failures, self._connected = 0, True
        old, self._stream = self._stream, stream
        adopted, named = set(stream.registered.adopted), set(register.held)
        # Assigned by a replica that drains, after the registration was on its way: nobody renews those yet.
        unnamed = not named.issuperset(self._held)
        for token, held in self._held.items():
            held.not_adopted = token in named and token not in adopted
            held.reports = 0
            if held.settle is not None:
                # Whether it was applied is unknown; to say it again is harmless.
                held.due = None
                stream.say(held.settle)
        if self._credits() != register.credits:
            self._say_credits()
        stream.start(self._hear, lambda error: self._lost(stream, error), self._reports.next)
        if old is not None:
            old.leave()
        if unnamed:
            # Another registration names them.
            stream.leaving, self._open_at = True, monotonic()
        self._setup.tell(self._runner, Connected(self._link.address))

    def _not_opened(self, error: Error) -> None:
        self._failures += 1
        may = resume(error)
        if may is None and self._connected and not error.reason:
            # Once it has worked, only our own server's considered word ends it: what a proxy says may pass, and leases are held.
            may = Again(0.0, whole_server=True)
        within = self._setup.connect_within
        late = within is not None and monotonic() - self._begun >= within and not self._connected
        if may is None or late:
            self._failed = error
            return
        self._open_at = monotonic() + may.delay + backoff(self._failures, _MAX_BACKOFF)
        self._setup.tell(self._runner, Disconnected(error))

    def _lost(self, stream: WorkStream, error: Error) -> None:
        """Whatever ended a stream that was registered, the next registration tells whether it is meant for good: e.g. a process that was
        paused is told by the end of its stream that its silence broke the rules."""
        stream.leave()
        if stream is not self._stream:
            return
        self._stream = None
        self._wake.set()
        may = resume(error)
        delay = _AFTER_REFUSAL if may is None else may.delay
        # A replica that drains closes its streams; the next one is being opened already.
        if not stream.leaving:
            self._failures += 1
            self._open_at = monotonic() + delay + backoff(self._failures, _MAX_BACKOFF)
            self._setup.tell(self._runner, Disconnected(error))

    # --- What the server says ---

    def _hear(self, answer: proto.WorkResponse) -> None:
        variant = answer.WhichOneof("message")
        if self._finishing:
            return
        if variant == "ping":
            self._say(proto.WorkRequest(echo=proto.Echo(number=answer.ping.number)))
        elif variant == "assignments":
            for assignment in answer.assignments.assignments:
                self._start(assignment)
        elif variant == "settled":
            settled = answer.settled
            held = self._drop(settled.lease_token)
            if held is not None:
                state = TaskState.from_proto(settled.state)
                self._setup.log.settled(held.job.facts, held.settle, state)
                self._setup.tell(self._runner, Settled(held.job.facts, state))
        elif variant == "cancel_requested":
            self._cancel_requested(answer.cancel_requested)
        elif variant == "lease_lost":
            self._lease_lost(answer.lease_lost.lease_token)
        elif variant == "refused":
            self._refused(answer.refused)
        elif variant == "drain" and self._stream is not None:
            self._stream.leaving = True
            self._open_at = monotonic()
            self._wake.set()

    def _start(self, assignment: proto.Assignment) -> None:
        handler = self._setup.handlers.get(assignment.kind)
        if handler is None:
            # The server assigns registered kinds only; should it not, another process may serve this one.
            self._say(release(assignment.lease_token))
            return
        job = Job(assignment, handler, self._reports)
        self._held[job.token] = Held(job)
        self._setup.tell(self._runner, Started(job.facts))
        self._runner.start(job)

    def _cancel_requested(self, cancel: proto.CancelRequested) -> None:
        held = self._held.get(cancel.lease_token)
        if held is None or held.settle is not None or held.job.said is not None:
            return
        held.job.cancel_request = CancelRequest(CancelCause.from_proto(cancel.cause), cancel.reason)
        if held.due is None:
            # It is said again after each registration: the grace began with the first.
            held.due = monotonic() + self._setup.cancel_grace
        self._runner.ask_to_stop(held.job)
        self._wake.set()

    def _lease_lost(self, token: str) -> None:
        held = self._held.get(token)
        if held is None:
            return
        said_at_registration, held.not_adopted = held.not_adopted, False
        # Otherwise the settle that was said again has an answer of its own to come.
        if held.settle is None or not said_at_registration:
            self._drop(token)
            self._setup.tell(self._runner, LeaseLost(held.job.facts))

    def _refused(self, refused: proto.Refused) -> None:
        held = self._held.get(refused.lease_token)
        if held is None:
            return
        message = f"{refused.reason}: {refused.message}"
        wrong = refused.reason == "INVALID_REQUEST" and not refused.outcome_unknown
        of_a_report = wrong and held.reports > 0
        if of_a_report:
            held.reports = min(held.reports, _MOST_AMBIGUOUS) - 1
        if held.settle is None:
            # A report; its handler hears of it with the next one.
            held.job.refused = message
        elif not wrong or of_a_report:
            # It may pass; or it was a report before the settle that was refused, which a refusal does not say: then the settle's own answer
            # is still to come, and to say it again is harmless.
            held.refusals += 1
            held.due = monotonic() + backoff(held.refusals, _MAX_BACKOFF)
            self._wake.set()
            return
        elif held.settle.HasField("complete"):
            # An output that the server cannot take must not be tried for ever: the next attempt would make the same one.
            failure = Failure(f"the output was refused: {message}", permanent=True)
            self._settle(refused.lease_token, failed(refused.lease_token, failure))
        else:
            # Nothing that could be said would be taken: the lease expires.
            self._drop(refused.lease_token)
        self._setup.tell(self._runner, Refused(held.job.facts, message))

    # --- What handlers say; see ReportQueue ---

    def ended(self, job: Job) -> None:
        """The handler has ended, whatever became of its lease."""
        job.over = True
        held = self._held.get(job.token)
        if held is not None and held.job is job and held.settle is None:
            held.due = None
        if job in self._stuck:
            self._stuck.discard(job)
            self._say_credits()

    def forward(self, job: Job, message: proto.WorkRequest, settles: bool) -> bool:
        """Something is about to be sent. False: it goes nowhere, because its lease was lost or its handler was stopped."""
        held = self._held.get(job.token)
        if held is None or held.settle is not None:
            return False
        if settles:
            held.settle, held.due = message, None
        else:
            held.reports += 1
        return True

    def wake_stream(self) -> None:
        if self._stream is not None:
            self._stream.wake()

    # --- From this side ---

    def _say(self, message: proto.WorkRequest) -> None:
        if self._stream is not None:
            self._stream.say(message)

    def _say_credits(self) -> None:
        self._say(proto.WorkRequest(credits=proto.Credits(credits=self._credits())))

    def _settle(self, token: str, message: proto.WorkRequest) -> None:
        """Ends an attempt from this side: its handler is stopped."""
        held = self._held[token]
        held.due, held.settle = None, message
        self._stop(held.job)
        self._say(message)

    def _drop(self, token: str) -> Held | None:
        """Whoever forgets a lease stops its handler: nothing it does would count."""
        held = self._held.pop(token, None)
        if held is not None:
            self._stop(held.job)
            if self._release_at is not None and not self._held:
                # The end of the shutdown waits for it.
                self._wake.set()
        return held

    def _stop(self, job: Job) -> None:
        if job.over or job.stopped:
            return
        job.stopped = True
        self._runner.stop(job)
        if not self.over:
            # It keeps its place until it has really ended; most do within a moment.
            self._stuck.add(job)
            asyncio.get_running_loop().call_later(_STUCK_AFTER, self._tell_stuck, job)
            self._say_credits()

    def _tell_stuck(self, job: Job) -> None:
        if job in self._stuck and not self.over:
            self._setup.tell(self._runner, Stuck(len(self._stuck)))

    def _due(self, token: str) -> None:
        """A settle is said again, or a handler that was asked to stop is stopped."""
        held = self._held[token]
        held.due = None
        if held.settle is not None:
            self._say(held.settle)
        # If it has ended in time, what it said is on its way.
        elif held.job.cancel_request is not None and held.job.said is None:
            self._settle(token, held.job.agreed())

    def drain(self, grace: float | None = None) -> None:
        """Begins the shutdown: takes no more, and gives back what still runs after the grace."""
        until = monotonic() + (self._setup.grace if grace is None else grace)
        if self._release_at is not None:
            # Sooner, if somebody became impatient; never later.
            if not self._released:
                self._release_at = min(self._release_at, until)
            self._wake.set()
            return
        self._release_at = until
        self._say_credits()
        self._setup.tell(self._runner, Draining(len(self._held)))
        self._wake.set()

    def _release_all(self) -> None:
        """The grace is over: what still runs is given back; what has ended waits for its answer."""
        for token, held in list(self._held.items()):
            if held.settle is None:
                self._settle(token, held.job.said or release(token, draining=True))
        self._release_at, self._released = monotonic() + _LAST_WORD, True

    def _unsettled(self) -> Error:
        text = f"{len(self._held)} tasks could neither be settled nor given back; their leases expire, which counts as a crash"
        return broken_error(self._link.address, text)

    # --- For the program ---

    @property
    def status(self) -> str:
        """See `Worker.status`."""
        if self.over:
            return "stopped"
        if self._release_at is not None:
            return "draining"
        stream = self._stream
        if stream is None or stream.leaving or stream.silent_at <= monotonic():
            return "disconnected" if self._connected else "connecting"
        late = self._runner.behind() > _STUCK_AFTER
        return "working" if self._credits() > 0 and not late else "stuck"


#: Stopped handlers that have not ended after this long are worth a warning.
_STUCK_AFTER = 5.0
