"""caller.py RECORD [SECONDS]: asks for a heavy job of that many seconds (30), and shows and records all that it reports until its result.

However it ends, start it again with the same RECORD: it goes on with the same job, from the event after the last one in the record.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import uuid
from typing import Any

import tidemill


class Record:
    """A file of lines of JSON: first what is asked for, then the events. It is what was seen and where to go on in one, so that the two
    cannot differ."""

    def __init__(self, path: str, seconds: float) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        with open(path, "rb") as file:
            text = file.read()
        # A line that a power cut left unfinished was not recorded.
        whole = text[: text.rfind(b"\n") + 1]
        os.ftruncate(self._file, len(whole))
        lines: list[dict[str, Any]] = [json.loads(line) for line in whole.splitlines()]
        if not lines:
            # Before the task exists: whoever dies in between asks again with the same key and gets the same task.
            lines = [{"key": str(uuid.uuid4()), "seconds": seconds}]
            self.write(lines[0])
        self.request = lines[0]
        self.last_sequence: int = lines[-1].get("sequence", 0)
        self.whole = "result" in lines[-1]

    def write(self, line: dict[str, Any]) -> None:
        os.write(self._file, (json.dumps(line) + "\n").encode())


def described(event: tidemill.Event) -> dict[str, Any]:
    match event.kind:
        case tidemill.StateChanged(state, cause):
            return {"state": state, "cause": cause}
        case tidemill.Progress(fraction, message):
            return {"progress": f"{fraction:.0%}", "message": message}
        case tidemill.OutputChunk(payload):
            return {"chunk": payload.text}
        case tidemill.TaskResult(state, output, error):
            return {"result": state, "output": output.to_json()} if output else {"result": state, "error": str(error)}
        case other:
            return {"other": repr(other)}


def main() -> None:
    record = Record(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 30.0)
    if record.whole:
        sys.exit("caller: this record has its result: for another job choose another one")
    request = record.request
    job = tidemill.Task("primes.count", {"seconds": request["seconds"]}, queue="heavy", idempotency_key=request["key"])
    # The address is that in TIDEMILL_URL, or localhost:7440.
    with tidemill.Client() as client:
        task_id = client.enqueue(job).task_id
        print(f"caller: task {task_id}, from event {record.last_sequence + 1}", flush=True)

        def broke(error: tidemill.Error) -> None:
            print(f"caller: {error}; resuming", flush=True)

        for event in client.watch(task_id, after=record.last_sequence, on_break=broke):
            content = described(event)
            record.write({"sequence": event.sequence, **content})
            print(f"{event.sequence:5}  {'  '.join(map(str, content.values()))}", flush=True)


if __name__ == "__main__":
    # As Ctrl-C, so that run.sh can end it, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("caller: stopped; the job goes on. Start me again with the same record to see the rest")
