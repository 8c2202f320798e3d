from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_INVALID_REQUEST: _ClassVar[ErrorReason]
    ERROR_REASON_TASK_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_QUEUE_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_LEASE_LOST: _ClassVar[ErrorReason]
    ERROR_REASON_SEQUENCE_AHEAD: _ClassVar[ErrorReason]
    ERROR_REASON_IDEMPOTENCY_KEY_REUSED: _ClassVar[ErrorReason]
    ERROR_REASON_QUEUE_FULL: _ClassVar[ErrorReason]
    ERROR_REASON_QUEUE_BYTES_EXCEEDED: _ClassVar[ErrorReason]
    ERROR_REASON_MEMORY_EXHAUSTED: _ClassVar[ErrorReason]
    ERROR_REASON_WATCH_LIMIT: _ClassVar[ErrorReason]
    ERROR_REASON_STORE_UNAVAILABLE: _ClassVar[ErrorReason]
    ERROR_REASON_STORE_CHANGED: _ClassVar[ErrorReason]
    ERROR_REASON_DRAINING: _ClassVar[ErrorReason]
    ERROR_REASON_DEADLINE_EXCEEDED: _ClassVar[ErrorReason]
    ERROR_REASON_INTERNAL: _ClassVar[ErrorReason]
    ERROR_REASON_OUTPUT_TOO_LARGE: _ClassVar[ErrorReason]
    ERROR_REASON_ATTEMPT_TIMEOUT: _ClassVar[ErrorReason]
    ERROR_REASON_CRASH_LIMIT: _ClassVar[ErrorReason]
    ERROR_REASON_RELEASE_LIMIT: _ClassVar[ErrorReason]
    ERROR_REASON_HANDLER_FAILED: _ClassVar[ErrorReason]
    ERROR_REASON_PROTOCOL_VIOLATION: _ClassVar[ErrorReason]
    ERROR_REASON_ATTEMPTS_EXHAUSTED: _ClassVar[ErrorReason]
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_INVALID_REQUEST: ErrorReason
ERROR_REASON_TASK_NOT_FOUND: ErrorReason
ERROR_REASON_QUEUE_NOT_FOUND: ErrorReason
ERROR_REASON_LEASE_LOST: ErrorReason
ERROR_REASON_SEQUENCE_AHEAD: ErrorReason
ERROR_REASON_IDEMPOTENCY_KEY_REUSED: ErrorReason
ERROR_REASON_QUEUE_FULL: ErrorReason
ERROR_REASON_QUEUE_BYTES_EXCEEDED: ErrorReason
ERROR_REASON_MEMORY_EXHAUSTED: ErrorReason
ERROR_REASON_WATCH_LIMIT: ErrorReason
ERROR_REASON_STORE_UNAVAILABLE: ErrorReason
ERROR_REASON_STORE_CHANGED: ErrorReason
ERROR_REASON_DRAINING: ErrorReason
ERROR_REASON_DEADLINE_EXCEEDED: ErrorReason
ERROR_REASON_INTERNAL: ErrorReason
ERROR_REASON_OUTPUT_TOO_LARGE: ErrorReason
ERROR_REASON_ATTEMPT_TIMEOUT: ErrorReason
ERROR_REASON_CRASH_LIMIT: ErrorReason
ERROR_REASON_RELEASE_LIMIT: ErrorReason
ERROR_REASON_HANDLER_FAILED: ErrorReason
ERROR_REASON_PROTOCOL_VIOLATION: ErrorReason
ERROR_REASON_ATTEMPTS_EXHAUSTED: ErrorReason
