"""One address: its channel, and what the calls over it share."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio

from tidemill._core.retry import Limits, Line, call
from tidemill.config import Settings, Tls
from tidemill.errors import InvalidError

#: A silent peer is given up after about half a minute, so that a watch notices a network that swallows packets.
_KEEPALIVE_INTERVAL_MS = 20_000
_KEEPALIVE_TIMEOUT_MS = 10_000
#: The server sends at most 4 MiB.
_MOST_RECEIVED = 8 * 1024 * 1024
_PORTS = {"http": 80, "https": 443}


class Link:
    """One address of a server. Its methods belong to the engine's thread."""

    def __init__(self, address: str, settings: Settings) -> None:
        self.address = address
        self.line = Line()
        self.timeout = settings.timeout
        self.closed = False
        self._settings = settings
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
        scheme, _, host = self.address.partition("://")
        target = host if _has_port(host) else f"{host}:{_PORTS[scheme]}"
        options = _options(self._settings, host)
        if scheme == "http":
            return grpc.aio.insecure_channel(target, options)
        return grpc.aio.secure_channel(target, _credentials(self._settings.tls), options)

    async def unary(self, path: str, request: Any, answer: Any, limits: Limits) -> Any:
        """Calls a method until it is answered, refused, or the limits are reached."""

        async def send(left: float) -> Any:
            method = self.channel.unary_unary(path, request_serializer=_serialized, response_deserializer=answer.FromString)
            try:
                return await method(request, timeout=left, metadata=self.metadata)
            except asyncio.CancelledError:
                if self.closed:
                    raise InvalidError("the client was closed during the call") from None
                raise

        return await call(self.line, self.address, limits, send)

    async def close(self) -> None:
        """Breaks off what is under way."""
        self.closed = True
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()


def _serialized(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _has_port(host: str) -> bool:
    return ":" in host.rpartition("]")[2]


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
        ("grpc.min_reconnect_backoff_ms", max(1_000, int(settings.timeout * 1_000))),
        # Channels with the same options would share one connection.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if settings.tls.domain:
        options.append(("grpc.ssl_target_name_override", settings.tls.domain))
        options.append(("grpc.default_authority", settings.tls.domain))
    if host.startswith(("127.", "localhost", "[::1]")):
        # No proxy leads to this machine.
        options.append(("grpc.enable_http_proxy", 0))
    return options
