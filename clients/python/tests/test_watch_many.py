"""Watches of many tasks over one stream."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

from tests.fake import NOT_FOUND, UNAVAILABLE, Fake, Heard, info, result_event, state_event, status
from tidemill import Client, ContractError, UnreachableError, aio, proto


class Many:
    """The server's side of `WatchResults`: streams that a test writes to."""

    def __init__(self, fake: Fake) -> None:
        self.added: list[Heard[tuple[str, int]]] = []
        self.removed: Heard[str] = Heard()
        self.script: list[Any] = []
        fake.on_watch_many = self._watch

    def expect_added(self, count: int) -> None:
        """So many have been added to the first stream."""
        self.added[0].until(lambda: len(self.added[0]) == count, f"task number {count}")

    def _watch(self, requests: Any, context: Any) -> Iterator[Any]:
        mine: Heard[tuple[str, int]] = Heard()
        self.added.append(mine)

        def read() -> None:
            try:
                for request in requests:
                    mine.extend((target.task_id, target.after_sequence) for target in request.add)
                    self.removed.extend(request.remove)
            except Exception:
                return

        threading.Thread(target=read, daemon=True).start()
        items = self.script.pop(0)
        for item in items:
            if callable(item):
                item()
            else:
                yield item


def many(task_id: str, event: proto.WatchResultResponse) -> proto.WatchResultsResponse:
    return proto.WatchResultsResponse(task_id=task_id, event=event.event)


def test_many_go_on_from_their_own_numbers(fake: Fake, client: Client) -> None:
    server = Many(fake)
    server.script = [
        [many("a", state_event(1)), many("b", state_event(1)), many("b", state_event(2))],
        [many("a", result_event(2)), many("b", result_event(3))],
    ]
    found = [(watched.task_id, watched.event.sequence) for watched in client.watch_many(["a", "b"]) if watched.event]
    assert found == [("a", 1), ("b", 1), ("b", 2), ("a", 2), ("b", 3)]
    assert [sorted(added) for added in server.added] == [[("a", 0), ("b", 0)], [("a", 1), ("b", 2)]]


def test_one_bad_id_does_not_end_the_others_and_a_passing_refusal_is_tried_again(fake: Fake, client: Client) -> None:
    server = Many(fake)
    refused = proto.WatchResultsResponse(task_id="bad", error=status(NOT_FOUND, "m", info("TASK_NOT_FOUND")))
    passing = proto.WatchResultsResponse(task_id="a", error=status(UNAVAILABLE, "m", info("STORE_UNAVAILABLE")))
    added = lambda: server.expect_added(3)  # noqa: E731
    server.script = [[refused, passing, added, many("a", result_event(1))]]
    found = list(client.watch_many(["a", "bad"]))
    assert [(watched.task_id, watched.error is None) for watched in found] == [("bad", False), ("a", True)]


def test_tasks_are_added_and_removed_while_it_runs(fake: Fake, client: Client) -> None:
    server = Many(fake)
    removed = lambda: server.removed.until(lambda: server.removed == ["b"], "that b is removed")  # noqa: E731
    added = lambda: server.expect_added(3)  # noqa: E731
    server.script = [[many("a", result_event(1)), removed, added, many("b", state_event(1)), many("c", result_event(8))]]
    watch = client.watch_many(["a", "b"], keep_open=True)
    assert next(watch).task_id == "a"
    watch.remove("b")
    watch.add("c", after=7)
    watch.end()
    assert [watched.task_id for watched in watch] == ["c"], "what b said after its removal goes nowhere"
    assert ("c", 7) in server.added[0]


def test_every_task_is_told_when_no_stream_can_be_had() -> None:
    async def main() -> None:
        async with aio.Client("127.0.0.1:1", timeout=0.4) as client:
            found = [watched async for watched in client.watch_many(["a", "b"])]
            assert sorted(watched.task_id for watched in found) == ["a", "b"]
            assert all(isinstance(watched.error, UnreachableError) for watched in found)

    asyncio.run(main())


def test_a_task_that_is_added_again_after_its_removal_misses_and_doubles_nothing(fake: Fake, client: Client) -> None:
    server = Many(fake)
    again = lambda: server.expect_added(2)  # noqa: E731
    # What was on its way when the task was removed comes after it was added again.
    late = [many("a", state_event(4)), many("a", result_event(5))]
    anew = [many("a", state_event(sequence)) for sequence in range(1, 5)]
    server.script = [[*(many("a", state_event(sequence)) for sequence in range(1, 4)), again, *late, *anew, many("a", result_event(5))]]
    watch = client.watch_many(["a"], keep_open=True)
    assert [next(watch).event.sequence for _ in range(3)] == [1, 2, 3]  # type: ignore[union-attr]
    watch.remove("a")
    watch.add("a")
    watch.end()
    found = list(watch)
    assert [watched.error for watched in found] == [None] * 5
    assert [watched.event.sequence for watched in found if watched.event] == [1, 2, 3, 4, 5]


def test_a_task_that_is_added_again_while_it_is_watched_is_restarted(fake: Fake, client: Client) -> None:
    server = Many(fake)
    again = lambda: server.expect_added(2)  # noqa: E731
    anew = [many("a", state_event(2)), many("a", state_event(3)), many("a", result_event(4))]
    server.script = [[many("a", state_event(1)), many("a", state_event(2)), again, many("a", state_event(3)), *anew]]
    watch = client.watch_many(["a"])
    assert [next(watch).event.sequence for _ in range(2)] == [1, 2]  # type: ignore[union-attr]
    watch.add("a", after=1)
    assert [watched.event.sequence for watched in watch if watched.event] == [2, 3, 4]


def test_a_task_that_is_added_again_after_its_end_is_told_anew(fake: Fake, client: Client) -> None:
    server = Many(fake)
    again = lambda: server.expect_added(2)  # noqa: E731
    log = [many("a", state_event(1)), many("a", result_event(2))]
    server.script = [[*log, again, *log]]
    watch = client.watch_many(["a"], keep_open=True)
    assert [next(watch).event.sequence for _ in range(2)] == [1, 2]  # type: ignore[union-attr]
    watch.add("a")
    watch.end()
    assert [watched.event.sequence for watched in watch if watched.event] == [1, 2]


def test_a_hole_ends_the_watch_of_its_task_at_the_server_too(fake: Fake, client: Client) -> None:
    server = Many(fake)
    removed = lambda: server.removed.until(lambda: server.removed == ["a"], "that a is removed")  # noqa: E731
    again = lambda: server.expect_added(2)  # noqa: E731
    late, anew = many("a", state_event(4)), [many("a", state_event(1)), many("a", result_event(2))]
    server.script = [[many("a", state_event(1)), many("a", state_event(3)), removed, again, late, *anew]]
    watch = client.watch_many(["a"], keep_open=True)
    assert next(watch).event
    assert isinstance(next(watch).error, ContractError)
    watch.add("a")
    watch.end()
    assert [watched.event.sequence for watched in watch if watched.event] == [1, 2]
