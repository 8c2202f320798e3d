"""Many tasks with few calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic

from tidemill import proto
from tidemill._core.link import Link
from tidemill._core.retry import Limits, again, backoff
from tidemill._core.status import contract_error, error_of_message
from tidemill.errors import Error, Outcome
from tidemill.event import Enqueued

#: Most tasks of one call of the contract.
BATCH_LIMIT = 1_000
#: A call takes 4 MiB; the rest is for what encloses the entries.
_BATCH_BYTES = 4 * 1024 * 1024 - 64 * 1024
_ENCLOSING = 8

_Open = tuple[int, proto.EnqueueRequest]


async def send_all(link: Link, limits: Limits, path: str, requests: Sequence[proto.EnqueueRequest]) -> list[Enqueued | Error]:
    """One outcome for each request, in order, with as many calls as it takes."""
    outcomes: dict[int, Enqueued | Error] = {}
    for part in split(enumerate(requests)):
        await _send(link, limits, path, part, outcomes)
    return [outcomes[index] for index in range(len(requests))]


def split(requests: Iterable[_Open]) -> Iterator[list[_Open]]:
    """Parts that one call takes each."""
    part: list[_Open] = []
    size = 0
    for index, request in requests:
        more = request.ByteSize() + _ENCLOSING
        if part and (len(part) == BATCH_LIMIT or size + more > _BATCH_BYTES):
            yield part
            part, size = [], 0
        part.append((index, request))
        size += more
    if part:
        yield part


async def _send(link: Link, limits: Limits, path: str, part: list[_Open], outcomes: dict[int, Enqueued | Error]) -> None:
    """One call, and as many again as its refused entries need."""
    until = monotonic() + limits.deadline
    tries = 0
    # Entries that an earlier call may have stored, even if a later one did not.
    open_ended: set[int] = set()

    def failed(index: int, request: proto.EnqueueRequest, error: Error) -> Error:
        if error.outcome is Outcome.UNKNOWN:
            open_ended.add(index)
        outcome = Outcome.UNKNOWN if index in open_ended else error.outcome
        return error._but(outcome=outcome, idempotency_key=request.idempotency_key)

    while part:
        tries += 1
        left = Limits(max(0.0, until - monotonic()), limits.tries)
        message = proto.BatchEnqueueRequest(requests=[request for _, request in part])
        try:
            answer = await link.unary(path, message, proto.BatchEnqueueResponse, left)
            if len(answer.outcomes) != len(part):
                raise contract_error(link.address, f"{len(answer.outcomes)} outcomes for {len(part)} tasks")
        except Error as error:
            # Whatever ended the call ended it for each entry.
            for index, request in part:
                outcomes[index] = failed(index, request, error)
            return
        refused: list[_Open] = []
        delay = 0.0
        for (index, request), outcome in zip(part, answer.outcomes, strict=True):
            found = _outcome(outcome, link.address)
            if isinstance(found, Error):
                found = failed(index, request, found)
                if (next_try := again(found)) is not None:
                    refused.append((index, request))
                    delay = max(delay, next_try.delay)
            outcomes[index] = found
        pause = delay + backoff(tries, limits.deadline)
        over = limits.tries is not None and tries >= limits.tries
        if not refused or over or monotonic() + pause >= until:
            return
        await asyncio.sleep(pause)
        part = refused


def _outcome(outcome: proto.BatchEnqueueOutcome, address: str) -> Enqueued | Error:
    variant = outcome.WhichOneof("outcome")
    if variant == "response":
        return Enqueued._of(outcome.response)
    if variant == "error":
        return error_of_message(outcome.error, address)
    return contract_error(address, "an outcome that says nothing")
