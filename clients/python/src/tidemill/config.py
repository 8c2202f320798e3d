"""How a client is set up."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from tidemill._core.times import Seconds, seconds
from tidemill._version import __version__
from tidemill.errors import InvalidError
from tidemill.trace import TraceContext

#: Where `tidemill dev` serves.
DEFAULT_URL = "http://127.0.0.1:7440"
_MOST_PORT = 65_535


@dataclass(frozen=True)
class Tls:
    """How addresses that begin with `https://` are trusted. By default the authorities that come with gRPC are, or those of the file
    that GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names."""

    ca: bytes | None = None
    """Trusts these authorities (PEM), and no others."""
    certificate: bytes | None = None
    """Shown, with its chain, to a server that asks for one (PEM)."""
    key: bytes | None = field(default=None, repr=False)
    """Proves the certificate (PEM)."""
    domain: str | None = None
    """Expected in the server's certificate instead of the address's host."""

    def _check(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise InvalidError("tls: a certificate and its key come together")
        for name, pem in (("ca", self.ca), ("certificate", self.certificate)):
            if pem is None:
                continue
            try:
                ssl.create_default_context(cadata=pem.decode("ascii"))
            except (ssl.SSLError, ValueError) as error:
                raise InvalidError(f"tls: {name} is not a certificate in PEM: {error}") from None
        if self.key is not None and b"PRIVATE KEY-----" not in self.key:
            raise InvalidError("tls: key is not a private key in PEM")


@dataclass(frozen=True)
class Settings:
    """What both kinds of clients are made of; see `Client` for what each field means. Private to the package."""

    url: str
    results_url: str
    worker_url: str
    tls: Tls
    token: str | None = field(repr=False)
    timeout: float
    max_tries: int | None
    user_agent: str
    trace: Callable[[], TraceContext | None] | None

    @staticmethod
    def of(
        url: str | None,
        results_url: str | None,
        worker_url: str | None,
        tls: Tls | None,
        token: str | None,
        timeout: Seconds,
        max_tries: int | None,
        user_agent: str | None,
        trace: Callable[[], TraceContext | None] | None,
    ) -> Settings:
        """Checks everything that can be checked without a connection."""
        if url is None:
            # The other two belong to the one of the environment, not to one that the program names.
            results_url = results_url or os.environ.get("TIDEMILL_RESULTS_URL")
            worker_url = worker_url or os.environ.get("TIDEMILL_WORKER_URL")
            url = os.environ.get("TIDEMILL_URL") or DEFAULT_URL
        if tls is not None:
            tls._check()
        if token is not None and not re.fullmatch(r"[\x20-\x7e]+", token):
            # The token itself must never be part of a message.
            raise InvalidError("token: holds characters that no header may have, or none at all")
        if not seconds(timeout) > 0.0:
            raise InvalidError(f"timeout: {timeout} is not a time")
        main = normalized(url)
        return Settings(
            url=main,
            results_url=normalized(results_url) if results_url else main,
            worker_url=normalized(worker_url) if worker_url else main,
            tls=tls or Tls(),
            token=token,
            timeout=seconds(timeout),
            max_tries=None if max_tries is None else max(1, max_tries),
            user_agent=user_agent or f"tidemill-python/{__version__}",
            trace=trace,
        )


_ADDRESS = re.compile(r"(?:(https?)://)?(\[[0-9A-Fa-f:.%]+\]|[^\s/:@\[\]]+)(?::([0-9]{1,5}))?/?")


def normalized(url: str) -> str:
    """`localhost:7440` means `http://localhost:7440`."""
    found = _ADDRESS.fullmatch(url)
    if not found or (found[3] is not None and int(found[3]) > _MOST_PORT):
        raise InvalidError(f"address `{url}`: write http://HOST:PORT, or https://HOST:PORT for TLS")
    scheme, host = found[1] or "http", found[2]
    return f"{scheme}://{host}:{found[3]}" if found[3] else f"{scheme}://{host}"


_PORTS = {"http": 80, "https": 443}


def split(address: str) -> tuple[str, str, int]:
    """Scheme, host without brackets, and port of a normalized address."""
    scheme, _, rest = address.partition("://")
    host, port = rest, ""
    if ":" in rest.rpartition("]")[2]:
        host, _, port = rest.rpartition(":")
    return scheme, host.strip("[]"), int(port) if port else _PORTS[scheme]
