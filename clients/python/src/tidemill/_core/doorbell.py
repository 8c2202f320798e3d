"""Finds out whether TLS is the trouble where gRPC's library only says that the connection was closed.

That is all that it tells of a TLS server that was spoken to in plaintext, of one that wants a certificate, and of a network or a server
that is simply away. So this side offers a TLS handshake, over a connection of its own, and hears what the answer is. It neither trusts
the server nor sends it anything.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

from tidemill._core.status import tls_error
from tidemill.config import Tls, split
from tidemill.errors import Error, TlsProblem, UnreachableError

#: What comes of a handshake comes soon; a network that is away is not waited for.
_PATIENCE = 1.0
#: What gRPC's library says of connections that were closed early.
_PUZZLING = ("socket closed", "connection reset", "broken pipe", "http1.x", "settings frame", "unwrap failed", "handshake failed")
#: Servers of TLS 1.2 have no word of their own for it.
_WANTS_CERTIFICATE = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "HANDSHAKE_FAILURE")


class Doorbell:
    """Of one address."""

    def __init__(self, address: str, tls: Tls) -> None:
        self._address = address
        self._tls = tls
        self._ringing: asyncio.Task[TlsProblem | None] | None = None

    async def explained(self, error: Error, patience: float = _PATIENCE) -> Error:
        """The same error, or one that says what is wrong about TLS."""
        puzzling = isinstance(error, UnreachableError) and any(words in error.message.lower() for words in _PUZZLING)
        if not puzzling or error.tls_problem is not None:
            return error
        problem = None
        # What is not known in time is not said.
        with suppress(asyncio.TimeoutError):
            problem = await asyncio.wait_for(asyncio.shield(self._ring()), min(patience, _PATIENCE))
        return error if problem is None else tls_error(error, problem)

    def _ring(self) -> asyncio.Task[TlsProblem | None]:
        """Once for all who ask at the same time."""
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.ensure_future(self._ask())
        return self._ringing

    async def _ask(self) -> TlsProblem | None:
        try:
            return await asyncio.wait_for(self._shake_hands(), _PATIENCE)
        except ssl.SSLError as error:
            return self._meaning(error.reason or "")
        except (OSError, asyncio.TimeoutError):
            # The network, which says nothing about TLS.
            return None

    async def _shake_hands(self) -> TlsProblem | None:
        scheme, host, port = split(self._address)
        reader, writer = await asyncio.open_connection(host, port, ssl=_unverified(), server_hostname=self._tls.domain or host)
        try:
            if scheme == "http":
                return TlsProblem.REQUIRED
            # A server of TLS 1.3 says after the handshake that it wants a certificate.
            await reader.read(1)
            return None
        finally:
            writer.close()

    def _meaning(self, reason: str) -> TlsProblem | None:
        if self._address.startswith("http://"):
            # Only who speaks TLS raises its alerts.
            return TlsProblem.REQUIRED if "ALERT" in reason else None
        wanted = self._tls.certificate is None and any(words in reason for words in _WANTS_CERTIFICATE)
        return TlsProblem.CERTIFICATE_REQUIRED if wanted else None


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context
