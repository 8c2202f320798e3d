"""Client and worker for [Tidemill](https://github.com/tidemill/tidemill), a durable task queue with a gRPC contract.

# Enqueue, and follow what becomes of it

```python
from tidemill import Client, Progress, Task, TaskResult

with Client("http://localhost:7440") as client:
    enqueued = client.enqueue(Task("email.send", {"to": "ann@example.org"}, delay=5))
    for event in client.watch(enqueued.task_id):
        match event.kind:
            case Progress(fraction, message):
                print(f"{fraction:.0%} {message}")
            case TaskResult(state, output):
                print(state, output)
```

# Run tasks

```python
from tidemill import Client, Context, Failure, Worker

worker = Worker(Client("http://localhost:7440"), concurrency=16)

@worker.handler("email.send")
def send(task: Context) -> str:
    message = task.payload.to_json()
    if "to" not in message:
        raise Failure("the input names nobody", permanent=True)
    return f"sent to {message['to']}"

worker.run()
```

`tidemill.aio` has the same as coroutines, with the same names.

# How the parts fit

```text
 Client ─────┐                 ┌──────────── engine: a thread of its own ─────────────┐
 aio.Client ─┼── calls ──────▶ │ call: deadline, key ─▶ line ─▶ budget ─▶ channel      │
             └── watches ────▶ │ follower: cursor, patience ─▶ stream of results       │
 Worker ─────┐                 │ session: leases, heartbeats, settles ─▶ Work stream   │
 aio.Worker ─┴◀─ handlers ───▶ │                                                       │
                               └───────────────────────────────────────────────────────┘
```

Everything that speaks the protocol lives on one event loop in a thread of its own, which both APIs use. So heartbeats do not wait for
handlers: one that blocks its thread or loop keeps its lease. Only code that holds Python's global lock for longer than a lease lasts,
which an extension module in C can do, stops the heartbeats as well: run such code in a process of its own.

# What happens when something fails

Every unary call has a deadline and is tried again within it where that is safe and may help: each enqueue carries an idempotency key,
made here if the caller gave none, so a repetition never stores a second task. An `Error` says whether the call left a trace:
`Outcome.NOT_APPLIED` or `Outcome.UNKNOWN`. A watch goes on after a broken stream from the last event that it yielded, so that every
sequence number comes exactly once. A worker keeps its leases over a broken stream.

# Processes that fork

Make a client after the fork, one in each process: connections do not survive it. One that was made before says so.
"""

from tidemill._core.batch import BATCH_LIMIT
from tidemill._version import __version__
from tidemill.client import Client
from tidemill.config import DEFAULT_URL, Tls
from tidemill.errors import (
    ConnectionLostError,
    ContractError,
    DeadlineExceededError,
    Error,
    InvalidError,
    Outcome,
    RefusedError,
    TlsProblem,
    UnreachableError,
    Violation,
)
from tidemill.event import (
    Cancelled,
    Enqueued,
    Event,
    EventKind,
    OutputChunk,
    Page,
    Progress,
    StateChanged,
    Stats,
    TaskError,
    TaskResult,
    TaskSnapshot,
    Truncated,
    Unknown,
    Watched,
)
from tidemill.failure import (
    Cancel,
    ChunkRefusedError,
    ChunkTooLargeError,
    Failure,
    Release,
    ReportError,
    Stopped,
)
from tidemill.names import CancelCause, ErrorReason, Priority, StateCause, TaskState
from tidemill.payload import Payload, PayloadLike
from tidemill.task import RetryPolicy, Task
from tidemill.trace import TraceContext
from tidemill.watch import Watch, WatchMany
from tidemill.worker import Context, Worker
from tidemill.worker_events import CancelRequest, TaskFacts, WorkerEvent

__all__ = [
    "BATCH_LIMIT",
    "DEFAULT_URL",
    "Cancel",
    "CancelCause",
    "CancelRequest",
    "Cancelled",
    "ChunkRefusedError",
    "ChunkTooLargeError",
    "Client",
    "ConnectionLostError",
    "Context",
    "ContractError",
    "DeadlineExceededError",
    "Enqueued",
    "Error",
    "ErrorReason",
    "Event",
    "EventKind",
    "Failure",
    "InvalidError",
    "Outcome",
    "OutputChunk",
    "Page",
    "Payload",
    "PayloadLike",
    "Priority",
    "Progress",
    "RefusedError",
    "Release",
    "ReportError",
    "RetryPolicy",
    "StateCause",
    "StateChanged",
    "Stats",
    "Stopped",
    "Task",
    "TaskError",
    "TaskFacts",
    "TaskResult",
    "TaskSnapshot",
    "TaskState",
    "Tls",
    "TlsProblem",
    "TraceContext",
    "Truncated",
    "Unknown",
    "UnreachableError",
    "Violation",
    "Watch",
    "WatchMany",
    "Watched",
    "Worker",
    "WorkerEvent",
    "__version__",
]
