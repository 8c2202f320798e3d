"""Reads a gRPC status: its details, and whether it was made on this side."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from tidemill._core.times import from_duration
from tidemill.errors import (
    ConnectionLostError,
    ContractError,
    DeadlineExceededError,
    Error,
    Outcome,
    RefusedError,
    TlsProblem,
    UnreachableError,
    Violation,
)

#: Domain of the server's own reasons; another one is a proxy's.
_DOMAIN = "tidemill.dev"
_DETAILS = "grpc-status-details-bin"
#: Codes that leave open whether the call was applied.
_OPEN = frozenset({"CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNKNOWN"})
#: Those do so, too, if they are not the server's own: e.g. its answer was too large for this side, after it had done what it answers.
_OPEN_IF_FOREIGN = frozenset({"RESOURCE_EXHAUSTED", "OUT_OF_RANGE", "DATA_LOSS"})

# gRPC's library does not say whether a status came over the wire. These are the texts of those it makes itself, in versions 1.62 to 1.85.
_NO_CONNECTION = (
    "failed to connect",
    "dns resolution failed",
    "errors resolving",
    "address lookup failed",
    "name resolution",
    "empty address list",
    "handshake failed",
)
_BROKEN = (
    "socket closed",
    "connection reset",
    "broken pipe",
    "connection aborted",
    "rst_stream",
    "stream removed",
    "goaway",
    "endpoint closing",
    "transport closed",
    "transport destroyed",
    "connection closed",
    "connection timed out",
    "keepalive",
    "ping timeout",
    "subchannel disconnected",
    "stream refused",
    "too_many_pings",
    "http2",
    "http/2",
)
_HINTS = {
    TlsProblem.UNTRUSTED: "the server's certificate is not trusted for this address: name the authority that signed it, or the right host",
    TlsProblem.NOT_SPOKEN: "the server does not speak TLS: use http://",
    TlsProblem.REQUIRED: "the server speaks TLS: use https://",
    TlsProblem.CERTIFICATE_REQUIRED: "over TLS the server asks for a client certificate",
}


def error_of(status: Any, address: str) -> Error:
    """The error of a status that a call to `address` ended with (a `grpc.aio.AioRpcError`)."""
    code = _code_name(status.code())
    text = " ".join((status.details() or "").split())
    facts = _read_details(status.trailing_metadata() or ())
    if facts["reason"] or facts["described"]:
        return _refused(code, text, address, facts)
    lower = text.lower()
    if code == "UNAVAILABLE" and any(words in lower for words in _NO_CONNECTION):
        return _unreachable(code, text, address)
    if code == "DEADLINE_EXCEEDED" and lower == "deadline exceeded":
        return deadline_error(Outcome.UNKNOWN, address, None)
    if code in _OPEN and any(words in lower for words in _BROKEN):
        return ConnectionLostError(text, outcome=Outcome.UNKNOWN, code=code, address=address)
    return _refused(code, text, address, facts)


def _advice(code: str, lower: str) -> str:
    """What refusals mean that are not the server's own words."""
    if code == "UNIMPLEMENTED" and "404" in lower:
        return "; is this the gRPC port of a Tidemill gateway? Its admin port, for one, answers so"
    if code == "OUT_OF_RANGE" and "message length" in lower:
        return "; the message, with the payload in it, is larger than the server takes. By default a payload may have 256 KiB"
    return ""


def error_of_message(status: status_pb2.Status, address: str) -> Error:
    """The error that came inside a message, e.g. of one entry of a batch."""
    facts = _facts()
    for detail in status.details:
        _add(facts, detail)
    return _refused(_code_name(status.code), status.message, address, facts)


def deadline_error(outcome: Outcome, address: str, limit: float | None) -> Error:
    """No answer from `address` within `limit` seconds."""
    within = "in time" if limit is None else f"within {limit:g} s"
    text = f"no answer from {address} {within}"
    return DeadlineExceededError(text, outcome=outcome, code="DEADLINE_EXCEEDED", address=address)


def broken_error(address: str, message: str, outcome: Outcome = Outcome.UNKNOWN) -> Error:
    """A stream is over that should not be."""
    return ConnectionLostError(message, outcome=outcome, address=address)


def contract_error(address: str, message: str) -> Error:
    """The server said what it must not."""
    return ContractError(message, outcome=Outcome.UNKNOWN, address=address)


def _unreachable(code: str, text: str, address: str) -> Error:
    problem = _tls_problem(text.lower(), address)
    # The library's preamble says nothing that the error's own does not.
    text = text.rsplit("last error: ", 1)[-1].removeprefix("UNKNOWN: ").removeprefix("UNAVAILABLE: ")
    error = UnreachableError(text, code=code, address=address)
    return error if problem is None else tls_error(error, problem)


def tls_error(error: Error, problem: TlsProblem) -> Error:
    """The same error, once it is known what is wrong about TLS."""
    return error._but(message=f"{error.message}; {_HINTS[problem]}", tls_problem=problem)


def _tls_problem(lower: str, address: str) -> TlsProblem | None:
    """What a failed handshake means for sure. That a connection was closed means nothing yet: see `Doorbell`."""

    def says(*words: str) -> bool:
        return any(word in lower for word in words)

    if not address.startswith("https://"):
        return None
    if says("certificate_verify_failed", "hostname verification", "peer name"):
        return TlsProblem.UNTRUSTED
    if says("wrong_version_number", "unknown_protocol", "http_request"):
        return TlsProblem.NOT_SPOKEN
    return TlsProblem.CERTIFICATE_REQUIRED if says("certificate_required") else None


def _refused(code: str, text: str, address: str, facts: dict[str, Any]) -> Error:
    said = facts["metadata"].get("outcome")
    if said is None:
        foreign = not facts["reason"] and code in _OPEN_IF_FOREIGN
        outcome = Outcome.UNKNOWN if code in _OPEN or foreign else Outcome.NOT_APPLIED
    else:
        outcome = Outcome.UNKNOWN if said == "unknown" else Outcome.NOT_APPLIED
    return RefusedError(
        text if facts["reason"] else text + _advice(code, text.lower()),
        outcome=outcome,
        reason=facts["reason"],
        code=code,
        metadata=facts["metadata"],
        violations=facts["violations"],
        retry_after=facts["retry_after"],
        address=address,
    )


def _facts() -> dict[str, Any]:
    return {"reason": "", "metadata": {}, "violations": [], "retry_after": None, "described": False}


def _read_details(metadata: Any) -> dict[str, Any]:
    facts = _facts()
    for key, value in metadata:
        if key != _DETAILS:
            continue
        # Details that cannot be read are left out: the code and the message stand without them.
        facts["described"] = True
        try:
            status = status_pb2.Status.FromString(value)
        except DecodeError:
            continue
        for detail in status.details:
            _add(facts, detail)
    return facts


def _add(facts: dict[str, Any], detail: Any) -> None:
    name = detail.type_url.rsplit("/", 1)[-1]
    kind = _KINDS.get(name)
    if kind is None:
        return
    try:
        message = kind.FromString(detail.value)
    except DecodeError:
        return
    if name == "google.rpc.ErrorInfo":
        if message.domain == _DOMAIN:
            facts["reason"], facts["metadata"] = message.reason, dict(message.metadata)
    elif name == "google.rpc.RetryInfo":
        facts["retry_after"] = from_duration(message.retry_delay)
    elif name == "google.rpc.BadRequest":
        facts["violations"] += [Violation(found.field, found.description) for found in message.field_violations]
    else:
        facts["violations"] += [Violation(found.subject, found.description) for found in message.violations]


_KINDS: dict[str, Any] = {
    f"google.rpc.{name}": getattr(error_details_pb2, name)
    for name in ("ErrorInfo", "RetryInfo", "BadRequest", "QuotaFailure", "PreconditionFailure")
}
_CODES: dict[int, str] = {code.value[0]: code.name for code in grpc.StatusCode}


def _code_name(code: Any) -> str:
    if isinstance(code, grpc.StatusCode):
        return code.name
    return _CODES.get(code, "UNKNOWN")
