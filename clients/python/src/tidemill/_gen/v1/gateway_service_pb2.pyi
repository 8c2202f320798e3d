from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from tidemill._gen.v1 import task_pb2 as _task_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EnqueueRequest(_message.Message):
    __slots__ = ("queue", "kind", "payload", "idempotency_key", "priority", "delay", "run_at", "retry_policy", "attempt_timeout", "expires_in", "result_retention", "labels", "trace_context", "drop_input_on_success")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    RUN_AT_FIELD_NUMBER: _ClassVar[int]
    RETRY_POLICY_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_FIELD_NUMBER: _ClassVar[int]
    RESULT_RETENTION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TRACE_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    DROP_INPUT_ON_SUCCESS_FIELD_NUMBER: _ClassVar[int]
    queue: str
    kind: str
    payload: _task_pb2.Payload
    idempotency_key: str
    priority: _task_pb2.Priority
    delay: _duration_pb2.Duration
    run_at: _timestamp_pb2.Timestamp
    retry_policy: _task_pb2.RetryPolicy
    attempt_timeout: _duration_pb2.Duration
    expires_in: _duration_pb2.Duration
    result_retention: _duration_pb2.Duration
    labels: _containers.ScalarMap[str, str]
    trace_context: _task_pb2.TraceContext
    drop_input_on_success: bool
    def __init__(self, queue: _Optional[str] = ..., kind: _Optional[str] = ..., payload: _Optional[_Union[_task_pb2.Payload, _Mapping]] = ..., idempotency_key: _Optional[str] = ..., priority: _Optional[_Union[_task_pb2.Priority, str]] = ..., delay: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., run_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., retry_policy: _Optional[_Union[_task_pb2.RetryPolicy, _Mapping]] = ..., attempt_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., expires_in: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., result_retention: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., trace_context: _Optional[_Union[_task_pb2.TraceContext, _Mapping]] = ..., drop_input_on_success: bool = ...) -> None: ...

class EnqueueResponse(_message.Message):
    __slots__ = ("task_id", "state", "deduplicated")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DEDUPLICATED_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    state: _task_pb2.TaskState
    deduplicated: bool
    def __init__(self, task_id: _Optional[str] = ..., state: _Optional[_Union[_task_pb2.TaskState, str]] = ..., deduplicated: bool = ...) -> None: ...

class BatchEnqueueRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[EnqueueRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[EnqueueRequest, _Mapping]]] = ...) -> None: ...

class BatchEnqueueResponse(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[BatchEnqueueOutcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[BatchEnqueueOutcome, _Mapping]]] = ...) -> None: ...

class BatchEnqueueOutcome(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: EnqueueResponse
    error: _status_pb2.Status
    def __init__(self, response: _Optional[_Union[EnqueueResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class CancelTaskRequest(_message.Message):
    __slots__ = ("task_id", "reason")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    reason: str
    def __init__(self, task_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class CancelTaskResponse(_message.Message):
    __slots__ = ("state", "cancel_requested")
    STATE_FIELD_NUMBER: _ClassVar[int]
    CANCEL_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    state: _task_pb2.TaskState
    cancel_requested: bool
    def __init__(self, state: _Optional[_Union[_task_pb2.TaskState, str]] = ..., cancel_requested: bool = ...) -> None: ...
