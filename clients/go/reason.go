package tidemill

import (
	"strconv"
	"strings"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// Reason is the machine-readable reason of a refused call, or of a failed attempt or task: a name of the contract's ErrorReason without
// its prefix. One that is newer than this package keeps its text.
type Reason string

// The reasons that this package knows. The contract's ErrorReason says of each when it is given.
const (
	ReasonInvalidRequest       Reason = "INVALID_REQUEST"
	ReasonTaskNotFound         Reason = "TASK_NOT_FOUND"
	ReasonQueueNotFound        Reason = "QUEUE_NOT_FOUND"
	ReasonLeaseLost            Reason = "LEASE_LOST"
	ReasonSequenceAhead        Reason = "SEQUENCE_AHEAD"
	ReasonIdempotencyKeyReused Reason = "IDEMPOTENCY_KEY_REUSED"
	ReasonQueueFull            Reason = "QUEUE_FULL"
	ReasonQueueBytesExceeded   Reason = "QUEUE_BYTES_EXCEEDED"
	ReasonMemoryExhausted      Reason = "MEMORY_EXHAUSTED"
	ReasonWatchLimit           Reason = "WATCH_LIMIT"
	ReasonStoreUnavailable     Reason = "STORE_UNAVAILABLE"
	ReasonStoreChanged         Reason = "STORE_CHANGED"
	ReasonDraining             Reason = "DRAINING"
	ReasonDeadlineExceeded     Reason = "DEADLINE_EXCEEDED"
	ReasonInternal             Reason = "INTERNAL"
	ReasonOutputTooLarge       Reason = "OUTPUT_TOO_LARGE"
	ReasonAttemptTimeout       Reason = "ATTEMPT_TIMEOUT"
	ReasonCrashLimit           Reason = "CRASH_LIMIT"
	ReasonReleaseLimit         Reason = "RELEASE_LIMIT"
	ReasonHandlerFailed        Reason = "HANDLER_FAILED"
	ReasonProtocolViolation    Reason = "PROTOCOL_VIOLATION"
	ReasonAttemptsExhausted    Reason = "ATTEMPTS_EXHAUSTED"
	ReasonStreamSilent         Reason = "STREAM_SILENT"
)

const reasonPrefix = "ERROR_REASON_"

// reasonOf reads the contract's number. One that is unknown becomes e.g. `ERROR_REASON_99`.
func reasonOf(number tidemillv1.ErrorReason) Reason {
	name, known := tidemillv1.ErrorReason_name[int32(number)]
	if !known {
		return Reason(reasonPrefix + strconv.Itoa(int(number)))
	}
	return Reason(strings.TrimPrefix(name, reasonPrefix))
}
