"""Makes one call out of several tries, without making an outage worse.

- **Line.** After a server was away (unreachable, connection lost, UNAVAILABLE), callers stand in line and one of them at a time tries,
  after a backoff with full jitter; when it is answered, all others go. So an outage costs each call one failed try, not one for each
  backoff, and new calls wait instead of failing.
- **Budget.** A try after the first takes a token; each answered call earns a fifth of one. So retries are at most 1.2 times the calls
  in the long run, however many callers there are. An empty budget makes callers wait, not fail: it also fills slowly by itself.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

from tidemill._core.status import deadline_error
from tidemill.errors import (
    ConnectionLostError,
    DeadlineExceededError,
    Error,
    Outcome,
    RefusedError,
    UnreachableError,
)

T = TypeVar("T")

_BASE = 0.1
#: Longest wait between two probes of a server that is away.
_PROBE_CAP = 1.0
#: How long one caller may keep the others waiting: a call that takes long by its nature, or a replica that hangs, must not hold the line.
_LONGEST_TURN = 1.0
#: The server's timer works from the same deadline, and may run out sooner by about this much. Nor is it worth another try.
_NEAR = 0.05


@dataclass(frozen=True)
class Again:
    """When the same call may be tried again: after this many seconds; of the whole server, or of this call only."""

    delay: float
    whole_server: bool


def again(error: Error) -> Again | None:
    """By the rule of AIP-194: UNAVAILABLE always, RESOURCE_EXHAUSTED only if the server says when, others never."""
    if isinstance(error, (UnreachableError, ConnectionLostError)):
        return Again(0.0, whole_server=True)
    if isinstance(error, RefusedError):
        if error.code == "UNAVAILABLE":
            return Again(error.retry_after or 0.0, whole_server=True)
        if error.code == "RESOURCE_EXHAUSTED" and error.retry_after is not None:
            return Again(error.retry_after, whole_server=False)
    return None


def resume(error: Error) -> Again | None:
    """The same for a stream, which may be resumed after anything but a considered refusal."""
    considered = bool(error.reason) and error.code != "DEADLINE_EXCEEDED"
    if not considered and error.code in {"UNKNOWN", "INTERNAL", "ABORTED", "CANCELLED", "DEADLINE_EXCEEDED"}:
        return Again(0.0, whole_server=True)
    return again(error)


def more_telling(before: Error | None, now: Error) -> Error:
    """Of two vain tries. A name may stand for several addresses, of which gRPC tells what befell one: what it said of TLS is not to be
    hidden by a refused connection to another one."""
    unreachable = isinstance(before, UnreachableError) and isinstance(now, UnreachableError)
    if before is not None and unreachable and before.tls_problem is not None and now.tls_problem is None:
        return before
    return now


def backoff(failures: int, cap: float) -> float:
    """A random wait before try `failures + 1`, between 0 and the smaller of `cap` and 100 ms doubled with each failure."""
    # The exponent is bounded so that the power stays a number.
    return random.random() * min(_BASE * 2.0 ** min(failures - 1, 60), cap)


class Budget:
    """Tokens for retries."""

    _COST = 1.0
    _EARNED = 0.2
    _MOST = 100.0
    _A_SECOND = 10.0

    def __init__(self) -> None:
        self._tokens = self._MOST
        self._filled = monotonic()

    def wait(self) -> float:
        """Takes a token and answers 0, or says how long to wait before asking again."""
        now = monotonic()
        self._tokens = min(self._MOST, self._tokens + (now - self._filled) * self._A_SECOND)
        self._filled = now
        if self._tokens >= self._COST:
            self._tokens -= self._COST
            return 0.0
        return (self._COST - self._tokens) / self._A_SECOND + 0.001

    def earn(self) -> None:
        """A call was answered."""
        self._tokens = min(self._MOST, self._tokens + self._EARNED)


@dataclass
class _Away:
    """A server that did not answer."""

    failures: int
    not_before: float
    error: Error


class Line:
    """What the tries of one address share."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._away: _Away | None = None
        self.budget = Budget()
        self.calls = 0
        self.attempts = 0

    @asynccontextmanager
    async def turn(self, deadline: float) -> AsyncIterator[None]:
        """Waits while the server is away; then its holder is the only one that tries, for a second. Raises `asyncio.TimeoutError` at the
        deadline."""
        if not await self._enter(deadline):
            yield
            return
        held = True

        def leave() -> None:
            nonlocal held
            if held:
                held = False
                self._turn.release()

        timer = asyncio.get_running_loop().call_later(_LONGEST_TURN, leave)
        try:
            yield
        finally:
            timer.cancel()
            leave()

    async def _enter(self, deadline: float) -> bool:
        if self._away is None:
            return False
        await asyncio.wait_for(self._turn.acquire(), deadline - monotonic())
        try:
            # If it is back, all that stand in line may go at once.
            held = self._away is not None
            if self._away is not None:
                await _sleep_until(self._away.not_before, deadline)
        except BaseException:
            self._turn.release()
            raise
        if not held:
            self._turn.release()
        return held

    def back(self) -> None:
        """The server answered, whatever it said."""
        self._away = None

    def away(self, error: Error, delay: float) -> None:
        """The server was away for a try."""
        failures = self._away.failures + 1 if self._away else 1
        error = more_telling(self.why, error)
        self._away = _Away(failures, monotonic() + delay + backoff(failures, _PROBE_CAP), error)

    @property
    def why(self) -> Error | None:
        """Why the server counts as away."""
        return self._away.error if self._away else None


async def _sleep_until(time: float, deadline: float) -> None:
    if time >= deadline:
        await asyncio.sleep(max(0.0, deadline - monotonic()))
        raise asyncio.TimeoutError
    await asyncio.sleep(max(0.0, time - monotonic()))


@dataclass(frozen=True)
class Limits:
    """How one call is made."""

    deadline: float
    """Longest time for all tries, in seconds."""
    tries: int | None
    """Most tries. None: as many as the deadline allows."""


async def call(line: Line, address: str, limits: Limits, send: Callable[[float], Awaitable[T]]) -> T:
    """Makes tries with `send`, which gets the time that is left and raises `Error`, until one is answered, refused for good, or the limits
    are reached. Only for calls that are safe to repeat. The outcome of the error considers all tries."""
    deadline = monotonic() + limits.deadline
    line.calls += 1
    outcome, last, tries = Outcome.NOT_APPLIED, None, 0
    while True:
        pause = 0.0
        try:
            if tries:
                await _take(line.budget, deadline)
            async with line.turn(deadline):
                why = last or line.why
                if why is not None and monotonic() + _NEAR >= deadline:
                    # Such a try would tell nothing but that its time was too short, and leave open what became of it.
                    raise why._but(outcome=outcome)
                line.attempts += 1
                answer, error = await _attempt(address, deadline, limits.deadline, send)
                if error is None:
                    line.back()
                    line.budget.earn()
                    return answer  # type: ignore[return-value]
                tries += 1
                if error.outcome is Outcome.UNKNOWN:
                    outcome = Outcome.UNKNOWN
                next_try = again(error)
                if next_try is not None and next_try.whole_server:
                    line.away(error, next_try.delay)
                # A deadline that passed says nothing about the server.
                elif not isinstance(error, DeadlineExceededError):
                    line.back()
        except asyncio.TimeoutError:
            late = last or line.why or deadline_error(Outcome.NOT_APPLIED, address, limits.deadline)
            raise late._but(outcome=outcome) from None
        last = error = more_telling(last, error)
        over = limits.tries is not None and tries >= limits.tries
        if next_try is None or over:
            raise error._but(outcome=outcome) from None
        if not next_try.whole_server:
            pause = next_try.delay + backoff(tries, limits.deadline)
            if monotonic() + pause >= deadline:
                raise error._but(outcome=outcome) from None
            await asyncio.sleep(pause)


async def _take(budget: Budget, deadline: float) -> None:
    while (wait := budget.wait()) > 0.0:
        await _sleep_until(monotonic() + wait, deadline)


async def _attempt(address: str, deadline: float, limit: float, send: Callable[[float], Awaitable[T]]) -> tuple[T | None, Error | None]:
    left = deadline - monotonic()
    if left <= 0.0:
        return None, deadline_error(Outcome.NOT_APPLIED, address, limit)
    try:
        return await send(left), None
    except Error as found:
        error = found
    # The library's timer, or that of the server's, which works from the deadline sent along and gives no reason.
    timer = error.code in {"CANCELLED", "DEADLINE_EXCEEDED"} and not error.reason
    near = monotonic() + _NEAR >= deadline
    if isinstance(error, DeadlineExceededError) or (timer and near):
        return None, deadline_error(error.outcome, address, limit)
    return None, error
