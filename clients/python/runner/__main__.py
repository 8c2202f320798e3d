"""The conformance runner: JSON lines on stdin and stdout, see clients/conformance/README.md. `--sync` drives the synchronous API."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from runner.faces import AioFace, Face, SyncFace
from runner.wire import of_error, of_event, of_snapshot, of_worker_event, to_task
from tidemill import Enqueued, Error, InvalidError, Tls, WorkerEvent

_output = threading.Lock()


def say(message: dict[str, Any]) -> None:
    with _output:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


class Runner:
    def __init__(self, face: type[AioFace] | type[SyncFace]) -> None:
        self._make = face
        self._face: Face | None = None
        self._workers: dict[str, tuple[Any, asyncio.Task[Error | None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def face(self) -> Face:
        if self._face is None:
            raise InvalidError("no client yet")
        return self._face

    def begin(self, command: dict[str, Any]) -> None:
        self._spawn(self._obey(command))

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _obey(self, command: dict[str, Any]) -> None:
        number, op = command["id"], command["op"]
        method = getattr(self, f"op_{op}", None)
        if method is None:
            say({"id": number, "unsupported": f"this runner has no `{op}`"})
            return
        try:
            answer, after = await method(command)
        except Error as error:
            say({"id": number, "error": of_error(error)})
        except Exception as error:  # A mistake of the case or of the runner: it must show.
            say({"id": number, "error": {"kind": "runner", "message": f"{type(error).__name__}: {error}"}})
        else:
            say({"id": number, "ok": answer})
            if after is not None:
                self._spawn(after)

    async def op_client(self, command: dict[str, Any]) -> Any:
        options: dict[str, Any] = {
            name: command[name] for name in ("results_url", "worker_url", "max_tries") if command.get(name) is not None
        }
        if command.get("timeout_ms") is not None:
            options["timeout"] = command["timeout_ms"] / 1_000
        if command.get("ca"):
            options["tls"] = Tls(ca=Path(command["ca"]).read_bytes())
        before, self._face = self._face, self._make({"url": command.get("url"), **options})
        if before is not None:
            await before.call("close")
        return {}, None

    async def op_enqueue(self, command: dict[str, Any]) -> Any:
        return of_enqueued(await self.face.call("enqueue", to_task(command["task"]))), None

    async def op_enqueue_batch(self, command: dict[str, Any]) -> Any:
        outcomes = await self.face.call("enqueue_batch", [to_task(task) for task in command["tasks"]])
        said = [{"error": of_error(found)} if isinstance(found, Error) else {"ok": of_enqueued(found)} for found in outcomes]
        return {"outcomes": said}, None

    async def op_result(self, command: dict[str, Any]) -> Any:
        wait = command.get("wait_ms")
        if wait:
            return of_snapshot(await self.face.call("wait", command["task_id"], wait / 1_000)), None
        return of_snapshot(await self.face.call("result", command["task_id"])), None

    async def op_cancel(self, command: dict[str, Any]) -> Any:
        found = await self.face.call("cancel", command["task_id"], command.get("reason") or "")
        return {"state": str(found.state), "cancel_requested": found.cancel_requested}, None

    async def op_health(self, command: dict[str, Any]) -> Any:
        return {"status": await self.face.call("health")}, None

    async def op_watch(self, command: dict[str, Any]) -> Any:
        return {}, self._watch(self.face, command["watch"], command["task_id"], command.get("after") or 0)

    async def _watch(self, face: Face, name: str, task_id: str, after: int) -> None:
        try:
            async for event in face.watch(task_id, after):
                say({"watch": name} | of_event(task_id, event))
        except Error as error:
            say({"watch": name, "task_id": task_id, "error": of_error(error)})
        else:
            say({"watch": name, "end": True})

    async def op_watch_many(self, command: dict[str, Any]) -> Any:
        targets = [(target["task_id"], target.get("after") or 0) for target in command["targets"]]
        return {}, self._watch_many(self.face, command["watch"], targets)

    async def _watch_many(self, face: Face, name: str, targets: list[tuple[str, int]]) -> None:
        async for watched in face.watch_many(targets):
            if watched.error is not None:
                say({"watch": name, "task_id": watched.task_id, "error": of_error(watched.error)})
            elif watched.event is not None:
                say({"watch": name} | of_event(watched.task_id, watched.event))
        say({"watch": name, "end": True})

    async def op_worker_start(self, command: dict[str, Any]) -> Any:
        name = command["worker"]
        options: dict[str, Any] = {key: command[key] for key in ("queues", "concurrency") if command.get(key) is not None}
        for key in ("grace", "cancel_grace"):
            if command.get(f"{key}_ms") is not None:
                options[key] = command[f"{key}_ms"] / 1_000

        def listen(event: WorkerEvent) -> None:
            said = of_worker_event(event)
            if said is not None:
                say({"worker": name} | said)

        face = self.face
        worker = face.worker(command.get("kinds") or [], listen, options)

        async def run() -> None:
            ended = asyncio.ensure_future(self._run(face, worker))
            self._workers[name] = (worker, ended)
            error = await ended
            say({"worker": name, "event": "ended"} | ({"error": of_error(error)} if error else {}))

        return {}, run()

    async def _run(self, face: Face, worker: Any) -> Error | None:
        try:
            await face.run(worker)
        except Error as error:
            return error
        return None

    async def op_let_go(self, command: dict[str, Any]) -> Any:
        self.face.let_go(command["task_id"])
        return {}, None

    async def op_worker_health(self, command: dict[str, Any]) -> Any:
        worker, _ = self._workers[command["worker"]]
        return {"healthy": worker.is_healthy, "status": worker.status}, None

    async def op_worker_stop(self, command: dict[str, Any]) -> Any:
        worker, ended = self._workers[command["worker"]]
        worker.stop()
        error = await ended
        if error is not None:
            raise error
        return {}, None


def of_enqueued(found: Enqueued) -> dict[str, Any]:
    return {"task_id": found.task_id, "state": str(found.state), "deduplicated": found.deduplicated}


async def main() -> None:
    runner = Runner(SyncFace if "--sync" in sys.argv[1:] else AioFace)
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            if line.strip():
                loop.call_soon_threadsafe(runner.begin, json.loads(line))
        # Everything ends at once, whatever is under way.
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    await loop.create_future()


asyncio.run(main())
