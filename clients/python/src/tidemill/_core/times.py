"""Times and spans of time, to and from the contract."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Any, Union

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from tidemill.errors import InvalidError

#: A span of time: seconds, or a timedelta.
Seconds = Union[float, timedelta]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: A hundred years: far beyond every limit of the contract, so that the server names the limit, and far below what overflows a clock.
LONGEST = 100 * 365 * 86_400.0


def seconds(span: Seconds) -> float:
    """A span as seconds, at most `LONGEST` of either sign. Raises `InvalidError` for what is no span of time."""
    try:
        found = span.total_seconds() if isinstance(span, timedelta) else float(span)
    except OverflowError:
        # An integer that no float can hold.
        found = math.copysign(math.inf, 1 if span > 0 else -1)  # type: ignore[operator]
    except (TypeError, ValueError):
        found = math.nan
    if math.isnan(found):
        raise InvalidError(f"{span!r} is not a span of time: seconds or a timedelta is needed")
    return min(max(found, -LONGEST), LONGEST)


def duration(span: Seconds) -> Duration:
    """A span as a message. Rounded to microseconds."""
    micros = round(seconds(span) * 1_000_000)
    sign = -1 if micros < 0 else 1
    secs, rest = divmod(abs(micros), 1_000_000)
    return Duration(seconds=sign * secs, nanos=sign * rest * 1_000)


def from_duration(message: Any) -> float:
    """A span that the server sent, in seconds. A negative one counts as zero, a huge one as `LONGEST`."""
    return min(max(0.0, float(message.seconds) + float(message.nanos) / 1e9), LONGEST)


def timestamp(time: datetime) -> Timestamp:
    """A time as a message. One without a zone is the machine's local time."""
    try:
        whole = (time if time.tzinfo else time.astimezone()) - _EPOCH
    except (OverflowError, OSError) as error:
        raise InvalidError(f"{time} is out of the range of times: {error}") from None
    return Timestamp(seconds=whole.days * 86_400 + whole.seconds, nanos=whole.microseconds * 1_000)


def from_timestamp(owner: Any, field: str) -> datetime | None:
    """A time that the server sent, in UTC; None if it is absent or out of Python's range."""
    if not owner.HasField(field):
        return None
    message = getattr(owner, field)
    try:
        return _EPOCH + timedelta(seconds=message.seconds, microseconds=message.nanos // 1_000)
    except OverflowError:
        return None
