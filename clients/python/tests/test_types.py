"""Names, payloads, tasks, errors, addresses: what needs no server."""

from __future__ import annotations

import pickle
import re
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from tests.fake import UNAVAILABLE, info, retry_info, status
from tidemill import (
    CancelCause,
    Client,
    ConnectionLostError,
    DeadlineExceededError,
    Error,
    ErrorReason,
    InvalidError,
    Outcome,
    Payload,
    Priority,
    RefusedError,
    RetryPolicy,
    StateCause,
    Task,
    TaskState,
    Tls,
    TraceContext,
    UnreachableError,
    Violation,
)
from tidemill._core.status import error_of_message
from tidemill._core.times import LONGEST, duration, from_duration
from tidemill.config import normalized
from tidemill.task import to_request
from tidemill.trace import current_trace


@pytest.mark.parametrize("names", [TaskState, StateCause, CancelCause, Priority, ErrorReason])
def test_every_name_of_the_contract_and_unknown_ones_survive(names: Any) -> None:
    enumeration, prefix = names._contract()
    for number in enumeration.values():
        name = enumeration.Name(number).removeprefix(prefix)
        if (names, number) != (Priority, 0):
            assert names.from_proto(number) is names(name)
            assert names(name).to_proto() == number
    unknown = names.from_proto(99)
    assert (str(unknown), unknown.to_proto(), unknown == names.from_proto(99)) == (f"{prefix}99", 99, True)
    with pytest.raises(ValueError, match="TYPO"):
        names("TYPO")


def test_only_the_four_ends_are_terminal() -> None:
    assert [state for state in TaskState if state.is_terminal] == ["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"]
    assert not TaskState.from_proto(99).is_terminal


def test_json_goes_there_and_back() -> None:
    value = {"a": [1, -2.5, True, None, "x"], "b": {"c": 2**53}}
    assert Payload.of(value).to_json() == value
    assert Payload.of(value).content_type == "application/json"
    assert Payload.of(b'{"a":1}').to_json() == Payload.of('{"a":1}').to_json() == {"a": 1}
    assert Payload.json("text").value == "text"
    assert Payload.json(None).to_bytes() == b"null"


def test_what_json_cannot_hold_is_named() -> None:
    for value, named in [
        ([2**53 + 1], "9007199254740993"),
        (float("nan"), "nan"),
        ({1: 2}, "int"),
        ({"a": {1}}, "set"),
        ("\ud800", "Unicode"),
    ]:
        with pytest.raises(InvalidError, match=named):
            Payload.of(value)  # type: ignore[arg-type]


def test_bytes_of_every_variant() -> None:
    assert Payload.of("é").to_bytes() == "é".encode()
    assert Payload.of(memoryview(b"\x01")).value == b"\x01"
    assert Payload.of([1]).to_bytes() == b"[1]"
    assert not Payload.of(None)
    assert Payload.of("a", "text/csv").content_type == "text/csv"
    assert pickle.loads(pickle.dumps(Payload.of("a"))) == Payload.of("a")


def test_every_request_has_a_key_and_a_given_one_stays() -> None:
    first, second = to_request(Task("a")), to_request(Task("a"))
    assert first.idempotency_key
    assert first.idempotency_key != second.idempotency_key
    assert to_request(Task("a", idempotency_key="k")).idempotency_key == "k"


def test_what_is_not_set_stays_absent() -> None:
    request = to_request(Task("a", idempotency_key="k"))
    assert [field.name for field, _ in request.ListFields()] == ["kind", "idempotency_key"]


def test_times_of_a_task() -> None:
    at = datetime(2030, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    request = to_request(Task("a", run_at=at, expires_in=1.5, attempt_timeout=timedelta(minutes=2)))
    assert request.run_at.ToDatetime(tzinfo=timezone.utc) == at
    assert (from_duration(request.expires_in), request.attempt_timeout.seconds) == (1.5, 120)
    assert to_request(Task("a", delay=0)).HasField("delay")
    with pytest.raises(InvalidError, match="not both"):
        to_request(Task("a", run_at=at, delay=1))


def test_huge_spans_of_time_saturate_far_beyond_every_limit_so_that_the_server_names_it() -> None:
    for span in (1e300, float("inf"), 10**400, timedelta.max, 2**63):
        assert duration(span).seconds == LONGEST
        assert span == timedelta.max or duration(-span).seconds == -LONGEST
        request = to_request(Task("a", delay=span, result_retention=span, retry_policy=RetryPolicy(max_backoff=span)))
        assert request.delay.seconds == request.result_retention.seconds == request.retry_policy.max_backoff.seconds == LONGEST
    assert from_duration(Duration(seconds=2**63 - 1, nanos=999_999_999)) == LONGEST
    assert from_duration(Duration(seconds=-(2**63))) == 0.0


def test_what_is_no_span_of_time_is_refused_with_its_text() -> None:
    for span in (float("nan"), "soon", None, object()):
        with pytest.raises(InvalidError, match="is not a span of time"):
            duration(span)  # type: ignore[arg-type]
    with pytest.raises(InvalidError, match="nan is not a span of time"):
        to_request(Task("a", delay=float("nan")))
    with pytest.raises(InvalidError, match="nan is not"):
        Client("localhost:1", timeout=float("nan"))
    with pytest.raises(InvalidError):
        to_request(Task("a", retry_policy=RetryPolicy(max_attempts=2**40)))


def test_the_trace_is_the_tasks_own_or_the_hooks_or_the_handlers() -> None:
    def trace(task: Task, hook: Any = None) -> str:
        return to_request(task, hook).trace_context.traceparent

    hook, handler = TraceContext("hook"), TraceContext("handler")
    token = current_trace.set(handler)
    try:
        assert TraceContext.current() == handler
        assert trace(Task("a", trace_context=TraceContext("own")), lambda: hook) == "own"
        assert trace(Task("a"), lambda: hook) == "hook"
        assert trace(Task("a"), lambda: None) == "handler"
    finally:
        current_trace.reset(token)
    assert not to_request(Task("a")).HasField("trace_context")


def test_the_text_names_reason_code_and_every_violation() -> None:
    error = RefusedError(
        "m", reason="INVALID_REQUEST", code="INVALID_ARGUMENT", violations=[Violation("kind", "required"), Violation("delay", "at most")]
    )
    assert str(error) == "INVALID_REQUEST (INVALID_ARGUMENT): m; kind: required; delay: at most"
    assert error.reason == ErrorReason.INVALID_REQUEST


def test_a_violation_that_the_message_holds_already_is_not_said_twice() -> None:
    def said(message: str, *violations: Violation) -> str:
        return str(RefusedError(message, reason="R", code="C", violations=violations))

    kind = Violation("kind", "is required: must match x")
    assert (
        said("the request is not valid: kind is required: must match x", kind)
        == "R (C): the request is not valid: kind is required: must match x"
    )
    # Two fields may break the same rule; the message of one of them does not name the other.
    queue = Violation("queue", "is required: must match x")
    assert said("kind is required: must match x", kind, queue) == "R (C): kind is required: must match x; queue: is required: must match x"


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (Task(5), "task of kind 5: kind must be text (str), not int"),  # type: ignore[arg-type]
        (Task("a", queue=5), "task of kind 'a': queue must be text (str), not int"),  # type: ignore[arg-type]
        (Task("a", idempotency_key=uuid.UUID(int=1)), "idempotency_key must be text (str), not UUID"),  # type: ignore[arg-type]
        (Task("a", labels=["b"]), "labels must be a mapping of texts to texts, not list"),  # type: ignore[arg-type]
        (Task("a", labels={"b": 5}), "names and values of labels must be text (str), not int"),  # type: ignore[dict-item]
        (Task("a", retry_policy=3), "retry_policy must be a RetryPolicy, not int"),  # type: ignore[arg-type]
        (Task("a", retry_policy=RetryPolicy(max_attempts="3")), "retry_policy.max_attempts must be a whole number, not str"),  # type: ignore[arg-type]
        (Task("a", retry_policy=RetryPolicy(multiplier="3")), "retry_policy.multiplier must be a number, not str"),  # type: ignore[arg-type]
        (Task("a", retry_policy=RetryPolicy(max_backoff="3 s")), "retry_policy.max_backoff: '3 s' is not a span of time"),  # type: ignore[arg-type]
        (Task("a", run_at="soon"), "run_at must be a datetime, not str"),  # type: ignore[arg-type]
        (Task("a", attempt_timeout="soon"), "attempt_timeout: 'soon' is not a span of time"),  # type: ignore[arg-type]
        (Task("a", drop_input_on_success="x"), "drop_input_on_success must be True or False, not str"),  # type: ignore[arg-type]
        (Task("a", priority="x"), "'x' is not a valid Priority"),  # type: ignore[arg-type]
    ],
)
def test_a_field_of_a_wrong_type_is_named_with_what_it_must_be(task: Task, text: str) -> None:
    with pytest.raises(InvalidError, match=re.escape(text)):
        to_request(task)


def test_errors_are_of_pythons_own_kinds_and_can_be_pickled() -> None:
    assert issubclass(UnreachableError, ConnectionError)
    assert issubclass(DeadlineExceededError, TimeoutError)
    assert issubclass(InvalidError, ValueError)
    for kind in (RefusedError, ConnectionLostError):
        error = kind("m", outcome=Outcome.UNKNOWN, code="UNAVAILABLE", address="http://here", idempotency_key="k")
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.outcome, again.idempotency_key) == (kind, str(error), Outcome.UNKNOWN, "k")


def read(*details: Any, code: int = UNAVAILABLE) -> Error:
    return error_of_message(status(code, "m", *details), "http://here")


def test_the_outcome_is_the_servers_word_and_else_the_codes() -> None:
    assert read(info("STORE_UNAVAILABLE", outcome="unknown")).outcome is Outcome.UNKNOWN
    assert read(info("DRAINING", outcome="not_applied")).outcome is Outcome.NOT_APPLIED
    assert read().outcome is Outcome.UNKNOWN
    assert read(code=5).outcome is Outcome.NOT_APPLIED


def test_unknown_reasons_survive_other_domains_are_a_proxys_and_broken_details_are_left_out() -> None:
    assert read(info("SOMETHING_NEW")).reason == "SOMETHING_NEW"
    foreign = read(info("QUEUE_FULL", domain="proxy.example"))
    assert (foreign.reason, str(foreign)) == ("", "UNAVAILABLE from http://here: m")
    broken = status(UNAVAILABLE)
    broken.details.add(type_url="x/google.rpc.BadRequest", value=b"\xff\xff\xff")
    assert error_of_message(broken, "a").violations == ()
    assert read(retry_info(1.5)).retry_after == 1.5


def test_addresses() -> None:
    assert normalized("localhost:7440") == "http://localhost:7440"
    assert normalized("https://a:1/") == "https://a:1"
    assert normalized("[::1]:7440") == "http://[::1]:7440"
    for url in ("", "ftp://a", "http://a b", "a:99999", "http://a:1/path"):
        with pytest.raises(InvalidError, match="HOST:PORT"):
            normalized(url)


def test_a_setup_that_cannot_work_is_refused_before_anything_is_sent() -> None:
    for options, named in [
        ({"token": "sec\nret"}, "token"),
        ({"timeout": 0}, "timeout"),
        ({"tls": Tls(ca=b"nonsense")}, "ca is not"),
        ({"tls": Tls(certificate=b"x")}, "come together"),
    ]:
        with pytest.raises(InvalidError, match=named) as found:
            Client("localhost:1", **options)  # type: ignore[arg-type]
        assert "sec" not in str(found.value)
    assert "secret" not in repr(Client("localhost:1", token="secret"))
    with pytest.raises(InvalidError, match="a Task is needed"):
        Client("localhost:1").enqueue("email.send")  # type: ignore[arg-type]


def test_without_anything_it_is_where_tidemill_dev_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TIDEMILL_URL", "TIDEMILL_RESULTS_URL", "TIDEMILL_WORKER_URL"):
        monkeypatch.setenv(name, "")
    settings = Client()._core.settings
    assert {settings.url, settings.results_url, settings.worker_url} == {"http://127.0.0.1:7440"}


def test_addresses_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMILL_URL", "http://main:1")
    monkeypatch.setenv("TIDEMILL_WORKER_URL", "http://worker:2")
    settings = Client()._core.settings
    assert (settings.url, settings.results_url, settings.worker_url) == ("http://main:1", "http://main:1", "http://worker:2")
    # Those of the environment do not belong to an address that the program names.
    assert Client("http://other:3")._core.settings.worker_url == "http://other:3"
