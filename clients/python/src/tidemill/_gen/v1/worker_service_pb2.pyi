from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tidemill._gen.v1 import task_pb2 as _task_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CancelCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CANCEL_CAUSE_UNSPECIFIED: _ClassVar[CancelCause]
    CANCEL_CAUSE_CLIENT: _ClassVar[CancelCause]
    CANCEL_CAUSE_EXPIRY: _ClassVar[CancelCause]
    CANCEL_CAUSE_ATTEMPT_TIMEOUT: _ClassVar[CancelCause]

class MessageKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MESSAGE_KIND_UNSPECIFIED: _ClassVar[MessageKind]
    MESSAGE_KIND_PROGRESS: _ClassVar[MessageKind]
    MESSAGE_KIND_COMPLETE: _ClassVar[MessageKind]
    MESSAGE_KIND_FAIL: _ClassVar[MessageKind]
    MESSAGE_KIND_RELEASE: _ClassVar[MessageKind]
CANCEL_CAUSE_UNSPECIFIED: CancelCause
CANCEL_CAUSE_CLIENT: CancelCause
CANCEL_CAUSE_EXPIRY: CancelCause
CANCEL_CAUSE_ATTEMPT_TIMEOUT: CancelCause
MESSAGE_KIND_UNSPECIFIED: MessageKind
MESSAGE_KIND_PROGRESS: MessageKind
MESSAGE_KIND_COMPLETE: MessageKind
MESSAGE_KIND_FAIL: MessageKind
MESSAGE_KIND_RELEASE: MessageKind

class Assignment(_message.Message):
    __slots__ = ("lease_token", "task_id", "queue", "kind", "payload", "attempt", "max_attempts", "fence", "lease_ttl", "attempt_timeout", "labels", "trace_context", "create_time", "lease_time", "last_error")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    FENCE_FIELD_NUMBER: _ClassVar[int]
    LEASE_TTL_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TRACE_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LEASE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    lease_token: str
    task_id: str
    queue: str
    kind: str
    payload: _task_pb2.Payload
    attempt: int
    max_attempts: int
    fence: int
    lease_ttl: _duration_pb2.Duration
    attempt_timeout: _duration_pb2.Duration
    labels: _containers.ScalarMap[str, str]
    trace_context: _task_pb2.TraceContext
    create_time: _timestamp_pb2.Timestamp
    lease_time: _timestamp_pb2.Timestamp
    last_error: _task_pb2.TaskError
    def __init__(self, lease_token: _Optional[str] = ..., task_id: _Optional[str] = ..., queue: _Optional[str] = ..., kind: _Optional[str] = ..., payload: _Optional[_Union[_task_pb2.Payload, _Mapping]] = ..., attempt: _Optional[int] = ..., max_attempts: _Optional[int] = ..., fence: _Optional[int] = ..., lease_ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., attempt_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., trace_context: _Optional[_Union[_task_pb2.TraceContext, _Mapping]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., lease_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_error: _Optional[_Union[_task_pb2.TaskError, _Mapping]] = ...) -> None: ...

class WorkRequest(_message.Message):
    __slots__ = ("register", "echo", "credits", "progress", "complete", "fail", "release")
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    ECHO_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    FAIL_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    register: Register
    echo: Echo
    credits: Credits
    progress: ReportProgressRequest
    complete: CompleteTaskRequest
    fail: FailTaskRequest
    release: ReleaseTaskRequest
    def __init__(self, register: _Optional[_Union[Register, _Mapping]] = ..., echo: _Optional[_Union[Echo, _Mapping]] = ..., credits: _Optional[_Union[Credits, _Mapping]] = ..., progress: _Optional[_Union[ReportProgressRequest, _Mapping]] = ..., complete: _Optional[_Union[CompleteTaskRequest, _Mapping]] = ..., fail: _Optional[_Union[FailTaskRequest, _Mapping]] = ..., release: _Optional[_Union[ReleaseTaskRequest, _Mapping]] = ...) -> None: ...

class Register(_message.Message):
    __slots__ = ("queues", "kinds", "credits", "held", "name")
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    queues: _containers.RepeatedScalarFieldContainer[str]
    kinds: _containers.RepeatedScalarFieldContainer[str]
    credits: int
    held: _containers.RepeatedScalarFieldContainer[str]
    name: str
    def __init__(self, queues: _Optional[_Iterable[str]] = ..., kinds: _Optional[_Iterable[str]] = ..., credits: _Optional[int] = ..., held: _Optional[_Iterable[str]] = ..., name: _Optional[str] = ...) -> None: ...

class Echo(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

class Credits(_message.Message):
    __slots__ = ("credits",)
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    credits: int
    def __init__(self, credits: _Optional[int] = ...) -> None: ...

class WorkResponse(_message.Message):
    __slots__ = ("registered", "assignments", "ping", "cancel_requested", "lease_lost", "drain", "settled", "refused")
    REGISTERED_FIELD_NUMBER: _ClassVar[int]
    ASSIGNMENTS_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    CANCEL_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    LEASE_LOST_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    registered: Registered
    assignments: Assignments
    ping: Ping
    cancel_requested: CancelRequested
    lease_lost: LeaseLost
    drain: Drain
    settled: Settled
    refused: Refused
    def __init__(self, registered: _Optional[_Union[Registered, _Mapping]] = ..., assignments: _Optional[_Union[Assignments, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., cancel_requested: _Optional[_Union[CancelRequested, _Mapping]] = ..., lease_lost: _Optional[_Union[LeaseLost, _Mapping]] = ..., drain: _Optional[_Union[Drain, _Mapping]] = ..., settled: _Optional[_Union[Settled, _Mapping]] = ..., refused: _Optional[_Union[Refused, _Mapping]] = ...) -> None: ...

class Registered(_message.Message):
    __slots__ = ("adopted", "ping_interval", "lease_ttl")
    ADOPTED_FIELD_NUMBER: _ClassVar[int]
    PING_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    LEASE_TTL_FIELD_NUMBER: _ClassVar[int]
    adopted: _containers.RepeatedScalarFieldContainer[str]
    ping_interval: _duration_pb2.Duration
    lease_ttl: _duration_pb2.Duration
    def __init__(self, adopted: _Optional[_Iterable[str]] = ..., ping_interval: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., lease_ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Assignments(_message.Message):
    __slots__ = ("assignments",)
    ASSIGNMENTS_FIELD_NUMBER: _ClassVar[int]
    assignments: _containers.RepeatedCompositeFieldContainer[Assignment]
    def __init__(self, assignments: _Optional[_Iterable[_Union[Assignment, _Mapping]]] = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

class CancelRequested(_message.Message):
    __slots__ = ("lease_token", "cause", "reason")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    lease_token: str
    cause: CancelCause
    reason: str
    def __init__(self, lease_token: _Optional[str] = ..., cause: _Optional[_Union[CancelCause, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class LeaseLost(_message.Message):
    __slots__ = ("lease_token",)
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    lease_token: str
    def __init__(self, lease_token: _Optional[str] = ...) -> None: ...

class Drain(_message.Message):
    __slots__ = ("grace",)
    GRACE_FIELD_NUMBER: _ClassVar[int]
    grace: _duration_pb2.Duration
    def __init__(self, grace: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Settled(_message.Message):
    __slots__ = ("lease_token", "state")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    lease_token: str
    state: _task_pb2.TaskState
    def __init__(self, lease_token: _Optional[str] = ..., state: _Optional[_Union[_task_pb2.TaskState, str]] = ...) -> None: ...

class Refused(_message.Message):
    __slots__ = ("lease_token", "reason", "message", "outcome_unknown", "kind")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    lease_token: str
    reason: str
    message: str
    outcome_unknown: bool
    kind: MessageKind
    def __init__(self, lease_token: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., outcome_unknown: bool = ..., kind: _Optional[_Union[MessageKind, str]] = ...) -> None: ...

class LeaseTasksRequest(_message.Message):
    __slots__ = ("queues", "kinds", "max", "wait", "request_id")
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    queues: _containers.RepeatedScalarFieldContainer[str]
    kinds: _containers.RepeatedScalarFieldContainer[str]
    max: int
    wait: _duration_pb2.Duration
    request_id: str
    def __init__(self, queues: _Optional[_Iterable[str]] = ..., kinds: _Optional[_Iterable[str]] = ..., max: _Optional[int] = ..., wait: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class LeaseTasksResponse(_message.Message):
    __slots__ = ("assignments",)
    ASSIGNMENTS_FIELD_NUMBER: _ClassVar[int]
    assignments: _containers.RepeatedCompositeFieldContainer[Assignment]
    def __init__(self, assignments: _Optional[_Iterable[_Union[Assignment, _Mapping]]] = ...) -> None: ...

class HeartbeatTasksRequest(_message.Message):
    __slots__ = ("lease_tokens",)
    LEASE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    lease_tokens: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, lease_tokens: _Optional[_Iterable[str]] = ...) -> None: ...

class HeartbeatTasksResponse(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[HeartbeatOutcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[HeartbeatOutcome, _Mapping]]] = ...) -> None: ...

class HeartbeatOutcome(_message.Message):
    __slots__ = ("lease_token", "lease_lost", "cancel_cause", "remaining", "cancel_reason")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LEASE_LOST_FIELD_NUMBER: _ClassVar[int]
    CANCEL_CAUSE_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    CANCEL_REASON_FIELD_NUMBER: _ClassVar[int]
    lease_token: str
    lease_lost: bool
    cancel_cause: CancelCause
    remaining: _duration_pb2.Duration
    cancel_reason: str
    def __init__(self, lease_token: _Optional[str] = ..., lease_lost: bool = ..., cancel_cause: _Optional[_Union[CancelCause, str]] = ..., remaining: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., cancel_reason: _Optional[str] = ...) -> None: ...

class ReportProgressRequest(_message.Message):
    __slots__ = ("lease_token", "progress", "output_chunk")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_CHUNK_FIELD_NUMBER: _ClassVar[int]
    lease_token: str
    progress: _task_pb2.Progress
    output_chunk: _task_pb2.Payload
    def __init__(self, lease_token: _Optional[str] = ..., progress: _Optional[_Union[_task_pb2.Progress, _Mapping]] = ..., output_chunk: _Optional[_Union[_task_pb2.Payload, _Mapping]] = ...) -> None: ...

class ReportProgressResponse(_message.Message):
    __slots__ = ("sequence", "cancel_cause")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CANCEL_CAUSE_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    cancel_cause: CancelCause
    def __init__(self, sequence: _Optional[int] = ..., cancel_cause: _Optional[_Union[CancelCause, str]] = ...) -> None: ...

class CompleteTaskRequest(_message.Message):
    __slots__ = ("lease_token", "output")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    lease_token: str
    output: _task_pb2.Payload
    def __init__(self, lease_token: _Optional[str] = ..., output: _Optional[_Union[_task_pb2.Payload, _Mapping]] = ...) -> None: ...

class CompleteTaskResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: _task_pb2.TaskState
    def __init__(self, state: _Optional[_Union[_task_pb2.TaskState, str]] = ...) -> None: ...

class FailTaskRequest(_message.Message):
    __slots__ = ("lease_token", "message", "type", "permanent", "retry_after")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PERMANENT_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    lease_token: str
    message: str
    type: str
    permanent: bool
    retry_after: _duration_pb2.Duration
    def __init__(self, lease_token: _Optional[str] = ..., message: _Optional[str] = ..., type: _Optional[str] = ..., permanent: bool = ..., retry_after: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class FailTaskResponse(_message.Message):
    __slots__ = ("state", "due_time")
    STATE_FIELD_NUMBER: _ClassVar[int]
    DUE_TIME_FIELD_NUMBER: _ClassVar[int]
    state: _task_pb2.TaskState
    due_time: _timestamp_pb2.Timestamp
    def __init__(self, state: _Optional[_Union[_task_pb2.TaskState, str]] = ..., due_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReleaseTaskRequest(_message.Message):
    __slots__ = ("lease_token", "cancelled", "draining")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    lease_token: str
    cancelled: bool
    draining: bool
    def __init__(self, lease_token: _Optional[str] = ..., cancelled: bool = ..., draining: bool = ...) -> None: ...

class ReleaseTaskResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: _task_pb2.TaskState
    def __init__(self, state: _Optional[_Union[_task_pb2.TaskState, str]] = ...) -> None: ...
