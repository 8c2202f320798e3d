"""What a user reads when TLS is the trouble, and when it is not."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from tests.fake import Fake
from tidemill import Client, Error, Task, Tls, TlsProblem, UnreachableError

_PEMS = Path(__file__).parent / "tls"
SERVER, KEY, STRANGER = ((_PEMS / name).read_bytes() for name in ("server.pem", "server.key", "stranger.pem"))
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@contextmanager
def peers(act: Callable[[socket.socket], None]) -> Iterator[int]:
    """Does this with everybody who connects."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    act(peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        # Closing it alone would not wake whoever accepts.
        listener.shutdown(socket.SHUT_RDWR)


def hang_up(peer: socket.socket) -> None:
    return


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def listen_and_hang_up(peer: socket.socket) -> None:
    peer.recv(65_536)


def http_1(peer: socket.socket) -> None:
    peer.recv(65_536)
    peer.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def failure(url: str, tls: Tls | None = None) -> Error:
    with Client(url, timeout=10.0, max_tries=1, tls=tls) as client, pytest.raises(UnreachableError) as found:
        client.enqueue(Task("a"))
    assert "\n" not in str(found.value)
    return found.value


def speaks_tls(version: ssl.TLSVersion, *, asks_for_a_certificate: bool = False) -> Callable[[socket.socket], None]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_PEMS / "server.pem", _PEMS / "server.key")
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    if asks_for_a_certificate:
        context.load_verify_locations(_PEMS / "server.pem")
        context.verify_mode = ssl.CERT_REQUIRED

    def act(peer: socket.socket) -> None:
        try:
            context.wrap_socket(peer, server_side=True).close()
        except (ssl.SSLError, OSError):
            return

    return act


@contextmanager
def tls_server(*, asks_for_a_certificate: bool = False) -> Iterator[str]:
    authority = SERVER if asks_for_a_certificate else None
    server = Fake(grpc.ssl_server_credentials([(KEY, SERVER)], authority, asks_for_a_certificate))
    yield f"localhost:{server.port}"
    server.stop()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("act", [hang_up, reset, listen_and_hang_up])
def test_nothing_is_said_of_tls_when_the_network_is_away(scheme: str, act: Callable[[socket.socket], None]) -> None:
    with peers(act) as port:
        error = failure(f"{scheme}://127.0.0.1:{port}")
    assert error.tls_problem is None
    # The address is named, and nothing else that looks like a remedy.
    assert "TLS" not in str(error).replace("https://127.0.0.1", "")
    assert "certificate" not in str(error)


def test_nor_of_a_server_that_speaks_neither_tls_nor_http_2() -> None:
    with peers(http_1) as port:
        assert failure(f"http://127.0.0.1:{port}").tls_problem is None


def test_plaintext_to_a_server_that_speaks_tls() -> None:
    with tls_server() as address:
        error = failure(f"http://{address}")
    assert error.tls_problem is TlsProblem.REQUIRED
    assert str(error).endswith("the server speaks TLS: use https://")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_with_servers_that_hang_up_without_a_word(version: ssl.TLSVersion) -> None:
    with peers(speaks_tls(version)) as port:
        assert failure(f"http://127.0.0.1:{port}").tls_problem is TlsProblem.REQUIRED


def test_tls_to_a_server_that_speaks_plaintext(fake: Fake) -> None:
    error = failure(f"https://127.0.0.1:{fake.port}")
    assert error.tls_problem is TlsProblem.NOT_SPOKEN
    assert str(error).endswith("the server does not speak TLS: use http://")


def test_a_stranger_is_not_trusted() -> None:
    with tls_server() as address:
        error = failure(f"https://{address}", Tls(ca=STRANGER))
        assert error.tls_problem is TlsProblem.UNTRUSTED
        assert "the server's certificate is not trusted" in str(error)
        assert failure(f"https://{address}", Tls(ca=SERVER, domain="other.example")).tls_problem is TlsProblem.UNTRUSTED


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_that_asks_for_a_certificate(version: ssl.TLSVersion) -> None:
    with peers(speaks_tls(version, asks_for_a_certificate=True)) as port:
        error = failure(f"https://localhost:{port}", Tls(ca=SERVER))
        assert error.tls_problem is TlsProblem.CERTIFICATE_REQUIRED
        assert str(error).endswith("over TLS the server asks for a client certificate")


def test_a_certificate_is_shown_to_a_server_that_asks_for_one() -> None:
    with tls_server(asks_for_a_certificate=True) as address:
        shown = Tls(ca=SERVER, certificate=SERVER, key=KEY)
        with Client(f"https://{address}", tls=shown) as client:
            assert client.enqueue(Task("a")).task_id == "id"
        assert failure(f"https://{address}", Tls(ca=SERVER)).kind == "unreachable"


def test_a_watch_says_it_too() -> None:
    with tls_server() as address, Client(f"http://{address}", timeout=2.0) as client, pytest.raises(UnreachableError) as found:
        next(client.watch("id"))
    assert found.value.tls_problem is TlsProblem.REQUIRED
