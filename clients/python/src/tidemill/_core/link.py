"""One address: its channel, and what the calls over it share."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

import grpc
import grpc.aio

from tidemill._core.doorbell import Doorbell
from tidemill._core.retry import Limits, Line, call
from tidemill._core.status import error_of
from tidemill.config import Settings, Tls, split
from tidemill.errors import Error, InvalidError

#: A silent peer is given up after about half a minute, so that a watch notices a network that swallows packets.
_KEEPALIVE_INTERVAL_MS = 20_000
_KEEPALIVE_TIMEOUT_MS = 10_000
#: The server sends at most 4 MiB.
_MOST_RECEIVED = 8 * 1024 * 1024
#: gRPC's own number for the longest time that a connection may take; it has 32 bits.
_LONGEST_CONNECT_MS = 3_600_000


class Link:
    """One address of a server. Its methods belong to the engine's thread."""

    def __init__(self, address: str, settings: Settings) -> None:
        self.address = address
        self.line = Line()
        self.timeout = settings.timeout
        self.closed = False
        self._settings = settings
        self._doorbell = Doorbell(address, settings.tls)
        self._channel: Any = None
        self.metadata = (("authorization", f"Bearer {settings.token}"),) if settings.token else ()

    @property
    def channel(self) -> Any:
        """The shared connection; made with the first call."""
        if self.closed:
            raise InvalidError("the client is closed")
        if self._channel is None:
            self._channel = self.fresh()
        return self._channel

    def fresh(self) -> Any:
        """A connection of its own, so that whoever balances the load may choose anew."""
        scheme, host, port = split(self.address)
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        options = _options(self._settings, host)
        if scheme == "http":
            return grpc.aio.insecure_channel(target, options)
        return grpc.aio.secure_channel(target, _credentials(self._settings.tls), options)

    async def unary(self, path: str, request: Any, answer: Any, limits: Limits) -> Any:
        """Calls a method until it is answered, refused, or the limits are reached. `request`: the message, or what makes it of the time
        that is left."""

        async def send(left: float) -> Any:
            method = self.channel.unary_unary(path, request_serializer=_serialized, response_deserializer=answer.FromString)
            message = request(left) if callable(request) else request
            until = monotonic() + left
            try:
                return await method(message, timeout=left, metadata=self.metadata)
            except grpc.aio.AioRpcError as status:
                raise await self._doorbell.explained(error_of(status, self.address), until - monotonic()) from None
            except asyncio.CancelledError:
                if self.closed:
                    raise InvalidError("the client was closed during the call") from None
                raise

        return await call(self.line, self.address, limits, send)

    async def error(self, status: grpc.aio.AioRpcError) -> Error:
        """The error of a call that ended with this, and whether TLS is the trouble."""
        return await self._doorbell.explained(error_of(status, self.address))

    async def close(self) -> None:
        """Breaks off what is under way."""
        self.closed = True
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()


def _serialized(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(tls.ca, tls.key, tls.certificate)


def _options(settings: Settings, host: str) -> list[tuple[str, Any]]:
    options: list[tuple[str, Any]] = [
        ("grpc.primary_user_agent", settings.user_agent),
        ("grpc.keepalive_time_ms", _KEEPALIVE_INTERVAL_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
        # Otherwise pings stop after two without data, on a watch whose task has nothing to say.
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_receive_message_length", _MOST_RECEIVED),
        # Tries are made here, where their outcomes are known.
        ("grpc.enable_retries", 0),
        # The line decides when to try again; the library's own backoff would grow to two minutes.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1_000),
        ("grpc.min_reconnect_backoff_ms", min(max(1_000, int(settings.timeout * 1_000)), _LONGEST_CONNECT_MS)),
        # Channels with the same options would share one connection.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if settings.tls.domain:
        options.append(("grpc.ssl_target_name_override", settings.tls.domain))
        options.append(("grpc.default_authority", settings.tls.domain))
    if host.startswith("127.") or host in {"localhost", "::1"}:
        # No proxy leads to this machine.
        options.append(("grpc.enable_http_proxy", 0))
    return options
