"""The leases that are held, over all streams."""

from __future__ import annotations

from tidemill import proto
from tidemill._core.job import Job


class Held:
    """One lease."""

    __slots__ = ("due", "job", "not_adopted", "refusals", "reports", "settle")

    def __init__(self, job: Job) -> None:
        self.job = job
        #: Progress and chunks that were sent over the stream: so many refusals may be of them, and not of the settle.
        self.reports = 0
        #: How the attempt ended, once that was said; kept until the server has answered it, to be said again after a broken stream.
        self.settle: proto.WorkRequest | None = None
        #: The registration did not adopt it: that it is lost is said once apart from the settle's own answer.
        self.not_adopted = False
        #: How often the server could not take the settle.
        self.refusals = 0
        #: When the handler that was asked to stop is stopped, or the settle is said again.
        self.due: float | None = None
