"""Why a call failed, and whether it left a trace.

```text
Error ─┬─ RefusedError           the server, or a proxy before it, refused: see `reason` and `code`
       ├─ UnreachableError       no server could be reached at the address
       ├─ ConnectionLostError    the connection broke before the answer came
       ├─ DeadlineExceededError  no answer came before the deadline
       ├─ InvalidError           refused on this side; nothing was sent
       └─ ContractError          the server broke the contract
```
"""

from __future__ import annotations

import copy
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

_E = TypeVar("_E", bound="Error")


class Outcome(str, enum.Enum):
    """Whether a failed call left a trace at the server."""

    NOT_APPLIED = "not_applied"
    """It did not."""
    UNKNOWN = "unknown"
    """It may have. To make the same call again is safe; for an enqueue with the same idempotency key."""


class TlsProblem(str, enum.Enum):
    """What seems to be wrong between the client and the server about TLS."""

    UNTRUSTED = "untrusted"
    """The server's certificate is not trusted, or not for this address."""
    NOT_SPOKEN = "not_spoken"
    """The server does not speak TLS."""
    REQUIRED = "required"
    """The server seems to speak nothing else."""
    CERTIFICATE_REQUIRED = "certificate_required"
    """The server seems to ask for a certificate of the client."""


@dataclass(frozen=True)
class Violation:
    """One violated field, quota or precondition."""

    subject: str
    """The field's path in the request, or the subject of a quota."""
    description: str
    """What is wrong with it, and the limit."""


class Error(Exception):
    """Why a call failed. Its text is one line that names the reason and every violated field."""

    kind: str = "refused"
    """What kind of failure it was; each kind has a class of its own."""
    message: str
    """The message alone, without reason, code and violations."""
    outcome: Outcome
    """Whether the call left a trace. Considers all tries of the call."""
    reason: str
    """The name of the server's reason, e.g. `QUEUE_FULL`; empty if it gave none. Compares with `ErrorReason`."""
    code: str
    """The gRPC code's name, e.g. `NOT_FOUND`; empty if no status came."""
    metadata: Mapping[str, str]
    """Metadata of the server's reason, e.g. `task_id` of IDEMPOTENCY_KEY_REUSED."""
    violations: Sequence[Violation]
    """Every violation that the server named."""
    retry_after: float | None
    """How many seconds the server asks to wait before another try."""
    address: str
    """The address that was asked; empty if none was."""
    idempotency_key: str | None
    """The key of a failed enqueue: with it the same task can be enqueued again without storing it twice."""
    tls_problem: TlsProblem | None
    """What seems to be wrong about TLS; the text says it, too."""

    # Only the message is positional, so that the standard library's way of pickling exceptions works.
    def __init__(
        self,
        message: str,
        *,
        outcome: Outcome = Outcome.NOT_APPLIED,
        reason: str = "",
        code: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        retry_after: float | None = None,
        address: str = "",
        idempotency_key: str | None = None,
        tls_problem: TlsProblem | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.outcome = outcome
        self.reason = reason
        self.code = code
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after = retry_after
        self.address = address
        self.idempotency_key = idempotency_key
        self.tls_problem = tls_problem

    def __str__(self) -> str:
        return "; ".join(
            [self._headline(), *(f"{found.subject}: {found.description}" for found in self.violations if not self._says(found))]
        )

    def _says(self, violation: Violation) -> bool:
        """The server puts a single violation into its message, too."""
        return violation.subject in self.message and violation.description in self.message

    def _headline(self) -> str:
        return self.message

    def _but(self: _E, **changes: object) -> _E:
        """A copy of it with other attributes: one error may have to be told to many callers."""
        other = copy.copy(self)
        for name, value in changes.items():
            setattr(other, name, value)
        return other


class RefusedError(Error):
    """The server, or a proxy before it, refused."""

    kind = "refused"

    def _headline(self) -> str:
        if self.reason:
            return f"{self.reason} ({self.code}): {self.message}"
        return f"{self.code} from {self.address}: {self.message}"


class UnreachableError(Error, ConnectionError):
    """No server could be reached at the address."""

    kind = "unreachable"

    def _headline(self) -> str:
        return f"cannot reach {self.address}: {self.message}"


class ConnectionLostError(Error, ConnectionError):
    """The connection broke before the answer came."""

    kind = "connection_lost"

    def _headline(self) -> str:
        code = f" ({self.code})" if self.code else ""
        return f"lost the connection to {self.address}{code}: {self.message}"


class DeadlineExceededError(Error, TimeoutError):
    """No answer came before the deadline."""

    kind = "deadline_exceeded"


class InvalidError(Error, ValueError):
    """The input or the configuration was refused on this side; nothing was sent."""

    kind = "invalid"


class ContractError(Error):
    """The server broke the contract."""

    kind = "contract"

    def _headline(self) -> str:
        return f"the server broke the contract: {self.message}"
