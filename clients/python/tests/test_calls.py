"""Unary calls: what is tried again, what is not, and what is said of it."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from tests.fake import (
    LIMIT,
    NOT_FOUND,
    OUT_OF_RANGE,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
    UNIMPLEMENTED,
    Fake,
    info,
    refuse,
    result_event,
    retry_info,
    status,
)
from tidemill import (
    Client,
    ConnectionLostError,
    DeadlineExceededError,
    InvalidError,
    Outcome,
    RefusedError,
    Task,
    UnreachableError,
    aio,
    proto,
)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def refuses(fake: Fake, times: int, found: Any) -> None:
    """The first calls are refused."""
    taken = fake.on_enqueue

    def answer(request: Any, context: Any) -> Any:
        if len(fake.requests) <= times:
            refuse(context, found)
        return taken(request, context)

    fake.on_enqueue = answer


def test_unavailable_is_tried_again_with_the_same_key(fake: Fake, client: Client) -> None:
    refuses(fake, 2, status(UNAVAILABLE, "m", info("STORE_UNAVAILABLE", outcome="unknown")))
    assert client.enqueue(Task("a")).task_id == "id"
    keys = {request.idempotency_key for request in fake.requests}
    assert (len(fake.requests), len(keys)) == (3, 1)
    assert "" not in keys
    assert (client.stats.calls, client.stats.attempts) == (1, 3)


def test_a_considered_refusal_is_not_tried_again(fake: Fake, client: Client) -> None:
    refuses(fake, 9, status(NOT_FOUND, "m", info("QUEUE_NOT_FOUND")))
    with pytest.raises(RefusedError) as found:
        client.enqueue(Task("a", idempotency_key="mine"))
    assert len(fake.requests) == 1
    error = found.value
    assert (error.reason, error.code, error.outcome, error.idempotency_key) == ("QUEUE_NOT_FOUND", "NOT_FOUND", Outcome.NOT_APPLIED, "mine")


def test_exhausted_is_tried_again_only_when_the_server_says_when(fake: Fake, client: Client) -> None:
    refuses(fake, 1, status(RESOURCE_EXHAUSTED, "m", info("QUEUE_FULL")))
    with pytest.raises(RefusedError, match="QUEUE_FULL"):
        client.enqueue(Task("a"))
    assert len(fake.requests) == 1
    fake.requests.clear()
    refuses(fake, 1, status(RESOURCE_EXHAUSTED, "m", info("QUEUE_FULL"), retry_info(0.3)))
    begun = time.monotonic()
    client.enqueue(Task("a"))
    assert time.monotonic() - begun >= 0.3


def test_no_try_is_made_that_the_server_would_refuse_anyway(fake: Fake) -> None:
    refuses(fake, 9, status(RESOURCE_EXHAUSTED, "m", info("QUEUE_FULL"), retry_info(60)))
    with Client(fake.url, timeout=30.0) as client, pytest.raises(RefusedError) as found:
        client.enqueue(Task("a"))
    assert found.value.retry_after == 60
    assert len(fake.requests) == 1


def test_an_earlier_try_may_have_left_a_trace(fake: Fake, client: Client) -> None:
    def answer(request: Any, context: Any) -> Any:
        if len(fake.requests) == 1:
            refuse(context, status(UNAVAILABLE, "m", info("STORE_UNAVAILABLE", outcome="unknown")))
        refuse(context, status(3, "m", info("INVALID_REQUEST", outcome="not_applied")))

    fake.on_enqueue = answer
    with pytest.raises(RefusedError) as found:
        client.enqueue(Task("a"))
    assert found.value.outcome is Outcome.UNKNOWN


def test_an_expired_deadline_says_that_nobody_knows(fake: Fake) -> None:
    release = threading.Event()
    fake.on_enqueue = lambda request, context: release.wait(LIMIT) and None
    begun = time.monotonic()
    with Client(fake.url, timeout=0.4) as client, pytest.raises(DeadlineExceededError, match=r"within 0\.4 s") as found:
        client.enqueue(Task("a"))
    assert time.monotonic() - begun > 0.3
    assert not release.is_set(), "the server is still at it"
    release.set()
    assert (found.value.outcome, found.value.code) == (Outcome.UNKNOWN, "DEADLINE_EXCEEDED")


def test_the_deadline_is_sent_along(fake: Fake) -> None:
    left: list[float] = []

    def answer(request: Any, context: Any) -> Any:
        left.append(context.time_remaining())
        return proto.EnqueueResponse(task_id="id")

    fake.on_enqueue = answer
    with Client(fake.url, timeout=60.0, token="t") as client:
        client.enqueue(Task("a"))
    assert 30.0 < left[0] < 61.0


@pytest.mark.parametrize("timeout", [timedelta(days=60), 1e300, float("inf")])
def test_a_huge_timeout_is_none_that_breaks_anything(fake: Fake, timeout: Any) -> None:
    with Client(fake.url, timeout=timeout) as client:
        assert client.enqueue(Task("a")).task_id == "id"
        fake.on_watch = lambda request, context: iter([result_event(1)])
        assert [event.sequence for event in client.watch("id", give_up_after=timeout)] == [1]


def test_credentials_and_name_go_with_every_call(fake: Fake) -> None:
    seen: dict[str, Any] = {}

    def answer(request: Any, context: Any) -> Any:
        seen.update(context.invocation_metadata())
        return proto.EnqueueResponse(task_id="id")

    fake.on_enqueue = answer
    with Client(fake.url, token="secret", user_agent="billing/1") as client:
        client.enqueue(Task("a"))
    assert seen["authorization"] == "Bearer secret"
    assert seen["user-agent"].startswith("billing/1")


def test_a_wrong_address_is_one_clear_line() -> None:
    port = free_port()
    with Client(f"127.0.0.1:{port}", timeout=0.5) as client, pytest.raises(UnreachableError) as found:
        client.enqueue(Task("a"))
    text = str(found.value)
    assert text.startswith(f"cannot reach http://127.0.0.1:{port}: ")
    assert "\n" not in text
    assert "refused" in text
    assert found.value.outcome is Outcome.NOT_APPLIED
    assert found.value.idempotency_key


def test_a_connection_that_breaks_before_the_answer() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            # An HTTP/2 server as far as its settings go; it hangs up when the request comes.
            peer, _ = listener.accept()
            with peer:
                peer.sendall(bytes.fromhex("000000040000000000"))
                heard = b""
                while b"Enqueue" not in heard and b"/tidemill" not in heard and len(heard) < 600:
                    heard += peer.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        with (
            Client(f"127.0.0.1:{listener.getsockname()[1]}", timeout=3.0, max_tries=1) as client,
            pytest.raises(ConnectionLostError) as found,
        ):
            client.enqueue(Task("a"))
        thread.join()
    assert found.value.outcome is Outcome.UNKNOWN


def test_an_answer_that_is_too_large_for_this_side_leaves_open_what_became_of_the_call(fake: Fake, client: Client) -> None:
    fake.on_enqueue = lambda request, context: proto.EnqueueResponse(task_id="x" * (9 * 1024 * 1024))
    with pytest.raises(RefusedError) as found:
        client.enqueue(Task("a"))
    assert (found.value.code, found.value.outcome) == ("RESOURCE_EXHAUSTED", Outcome.UNKNOWN)


def test_a_refusal_by_something_else_than_a_gateway_says_what_to_look_at(fake: Fake, client: Client) -> None:
    refuses(fake, 9, status(UNIMPLEMENTED, "Received http2 header with status: 404"))
    with pytest.raises(RefusedError, match=r"status: 404; is this the gRPC port of a Tidemill gateway\?"):
        client.enqueue(Task("a"))


def test_a_message_that_is_too_large_is_named_with_the_limit(fake: Fake, client: Client) -> None:
    text = "Error, decoded message length too large: found 9000051 bytes, the limit is: 8388608 bytes"
    refuses(fake, 9, status(OUT_OF_RANGE, text))
    with pytest.raises(RefusedError, match=r"8388608 bytes; the message, with the payload in it, is larger than the server takes"):
        client.enqueue(Task("a"))


def test_an_unknown_state_of_a_newer_server_is_no_error(fake: Fake, client: Client) -> None:
    newer = proto.GetResultResponse(task_id="id")
    newer.MergeFromString(b"\x10\x63" + b"\xfa\x07\x03new")  # State 99, and field 127.
    fake.on_result = lambda request, context: newer
    assert client.result("id").state == "TASK_STATE_99"


def test_a_closed_client_says_so(fake: Fake) -> None:
    client = Client(fake.url)
    client.enqueue(Task("a"))
    client.close()
    with pytest.raises(InvalidError, match="closed"):
        client.enqueue(Task("a"))


def test_a_call_that_is_under_way_when_the_client_is_closed_says_so(fake: Fake) -> None:
    came, release = threading.Event(), threading.Event()

    def answer(request: Any, context: Any) -> None:
        came.set()
        release.wait(LIMIT)

    def close() -> None:
        came.wait(LIMIT)
        client.close()

    fake.on_enqueue = answer
    client = Client(fake.url)
    threading.Thread(target=close).start()
    with pytest.raises(InvalidError, match="closed during the call"):
        client.enqueue(Task("a"))
    release.set()


def test_a_cancelled_caller_cancels_the_call(fake: Fake) -> None:
    came, gone = threading.Event(), threading.Event()

    def answer(request: Any, context: Any) -> Any:
        context.add_callback(gone.set)
        came.set()
        gone.wait(LIMIT)

    fake.on_enqueue = answer

    async def main() -> None:
        async with aio.Client(fake.url) as client:
            call = asyncio.ensure_future(client.enqueue(Task("a")))
            await asyncio.to_thread(came.wait, LIMIT)
            call.cancel()
            assert await asyncio.to_thread(gone.wait, LIMIT)
            with pytest.raises(asyncio.CancelledError):
                await call

    asyncio.run(main())


def test_one_asyncio_client_serves_several_loops(fake: Fake) -> None:
    client = aio.Client(fake.url)
    for _ in range(3):
        assert asyncio.run(client.enqueue(Task("a"))).task_id == "id"
    asyncio.run(client.close())


def test_a_hook_that_calls_the_client_is_told_instead_of_hanging(fake: Fake) -> None:
    # On the engine's thread it would wait for itself.
    heard: list[Any] = []

    def on_break(error: Any) -> None:
        try:
            client.result("id")
        except InvalidError as refused:
            heard.append(str(refused))

    with Client(fake.url) as client:
        first = client.watch("id", on_break=on_break)
        fake.on_watch = lambda request, context: iter(()) if len(fake.requests) == 1 else iter([result_event(1)])
        list(first)
    assert heard == ["a hook of the client must not call the client"]
