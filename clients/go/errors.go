package tidemill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

// Error says why a call failed and whether it left a trace. Find one with [errors.As]. Its text is one line that names the reason and
// every violated field. Where the caller's context or the client's timeout ended the call, [errors.Is] finds [context.Canceled] or [context.DeadlineExceeded] in it.
type Error struct {
	// Kind is the kind of failure.
	Kind ErrorKind
	// Outcome says whether the call left a trace. It considers all tries of the call.
	Outcome Outcome
	// Reason is what the server gave as its reason. Empty: it gave none.
	Reason Reason
	// Code is gRPC's code, if a status came; otherwise [codes.OK].
	Code codes.Code
	// Message is the text alone, without reason, code and violations.
	Message string
	// Violations are all violated fields, quotas and preconditions that the server named.
	Violations []Violation
	// RetryAfter is how long the server asks to wait before another try. 0: it did not ask.
	RetryAfter time.Duration
	// Metadata belongs to the server's reason, e.g. `task_id` of IDEMPOTENCY_KEY_REUSED.
	Metadata map[string]string
	// Address is what was asked; empty if nothing was.
	Address string
	// IdempotencyKey is that of a failed enqueue: with it the same task can be enqueued again without being stored twice.
	IdempotencyKey string
	// TLSProblem is what seems to be wrong about TLS; the text says it, too.
	TLSProblem TLSProblem

	retryInfo bool
	cause     error
}

// ErrorKind is a kind of failure.
type ErrorKind int

const (
	// KindRefused: the server, or a proxy before it, refused: see [Error.Reason] and [Error.Code].
	KindRefused ErrorKind = iota + 1
	// KindUnreachable: no server could be reached at the address.
	KindUnreachable
	// KindConnectionLost: the connection broke before the answer came.
	KindConnectionLost
	// KindDeadlineExceeded: no answer came before the deadline.
	KindDeadlineExceeded
	// KindInvalid: the input or the configuration was refused on this side; nothing was sent.
	KindInvalid
	// KindContract: the server broke the contract.
	KindContract
	// KindCanceled: the caller cancelled the context.
	KindCanceled
)

var kindNames = []string{
	"", "refused", "unreachable", "connection_lost", "deadline_exceeded", "invalid", "contract", "canceled",
}

// String is the kind in lower case, e.g. `connection_lost`.
func (k ErrorKind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind_%d", int(k))
	}
	return kindNames[k]
}

// Outcome says whether a failed call left a trace at the server.
type Outcome int

const (
	// OutcomeNotApplied: it left none.
	OutcomeNotApplied Outcome = iota
	// OutcomeUnknown: it may have. To make the same call again is safe; for an enqueue with the same idempotency key.
	OutcomeUnknown
)

// String is `not_applied` or `unknown`.
func (o Outcome) String() string {
	if o == OutcomeNotApplied {
		return "not_applied"
	}
	return "unknown"
}

// Violation is one violated field, quota or precondition, with what it should have been.
type Violation struct {
	// Subject is the field's path in the request, or the subject of a quota.
	Subject string
	// Description says what is wrong with it, and the limit.
	Description string
}

// Error is one line with the reason, the code and every violation, each once.
func (e *Error) Error() string {
	var text strings.Builder
	switch {
	case e.Kind == KindUnreachable:
		fmt.Fprintf(&text, "cannot reach %s: %s", e.Address, e.Message)
	case e.Kind == KindConnectionLost:
		fmt.Fprintf(&text, "lost the connection to %s (%s): %s", e.Address, CodeName(e.Code), e.Message)
	case e.Kind == KindContract:
		fmt.Fprintf(&text, "the server broke the contract: %s", e.Message)
	case e.Kind == KindRefused && e.Reason == "":
		fmt.Fprintf(&text, "%s from %s: %s", CodeName(e.Code), e.Address, e.Message)
	case e.Kind == KindRefused:
		fmt.Fprintf(&text, "%s (%s): %s", e.Reason, CodeName(e.Code), e.Message)
	default:
		text.WriteString(e.Message)
	}
	for _, violation := range e.Violations {
		// A message about a single field says what is wrong with it.
		if violation.Description == "" || !strings.Contains(e.Message, violation.Description) {
			fmt.Fprintf(&text, "; %s: %s", violation.Subject, violation.Description)
		}
	}
	return text.String()
}

// Unwrap is the end of the caller's context, if that ended the call, or what made the input invalid.
func (e *Error) Unwrap() error { return e.cause }

func newError(kind ErrorKind, outcome Outcome, address, message string) *Error {
	return &Error{Kind: kind, Outcome: outcome, Address: address, Message: message}
}

func invalid(format string, args ...any) *Error {
	// Not fmt.Errorf: the cause, where there is one, is named by the caller.
	return newError(KindInvalid, OutcomeNotApplied, "", fmt.Sprintf(format, args...))
}

func contractError(address, message string) *Error {
	return newError(KindContract, OutcomeUnknown, address, message)
}

// deadlineError says that no answer came from address within limit.
func deadlineError(outcome Outcome, address string, limit time.Duration) *Error {
	message := fmt.Sprintf("no answer from %s within %v", address, limit.Round(time.Millisecond))
	err := newError(KindDeadlineExceeded, outcome, address, message)
	err.Code = codes.DeadlineExceeded
	err.cause = context.DeadlineExceeded
	return err
}

func canceledError(outcome Outcome, address string) *Error {
	err := newError(KindCanceled, outcome, address, "the caller cancelled the call")
	err.Code = codes.Canceled
	err.cause = context.Canceled
	return err
}

// endedError is the error of a caller whose context ended.
func endedError(ended error, outcome Outcome, address string) *Error {
	if errors.Is(ended, context.Canceled) {
		return canceledError(outcome, address)
	}
	err := newError(KindDeadlineExceeded, outcome, address, "the caller's deadline passed")
	err.Code = codes.DeadlineExceeded
	err.cause = context.DeadlineExceeded
	return err
}

// with gives a copy that mend has changed: errors are shared between calls that wait for the same server.
func (e *Error) with(mend func(*Error)) *Error {
	other := *e
	mend(&other)
	return &other
}

func (e *Error) withOutcome(outcome Outcome) *Error {
	return e.with(func(e *Error) { e.Outcome = outcome })
}

func (e *Error) withKey(key string) *Error {
	return e.with(func(e *Error) { e.IdempotencyKey = key })
}

func (e *Error) withCause(cause error) *Error {
	return e.with(func(e *Error) { e.cause = cause })
}

// When the same call may be tried again.
type again int

const (
	// It would be of no use.
	never again = iota
	// When the server, which is away as a whole, is back; not before RetryAfter.
	whenBack
	// After RetryAfter: only this call was refused.
	after
)

// again follows AIP-194: UNAVAILABLE always, RESOURCE_EXHAUSTED only if the server says when, others never.
func (e *Error) again() again {
	switch {
	case e.Kind == KindUnreachable, e.Kind == KindConnectionLost:
		return whenBack
	case e.Kind == KindRefused && e.Code == codes.Unavailable:
		return whenBack
	case e.Kind == KindRefused && e.Code == codes.ResourceExhausted && e.retryInfo:
		return after
	default:
		return never
	}
}

// resume is the same for a stream, which may be opened again after anything but a considered refusal.
func (e *Error) resume() again {
	if e.Kind == KindInvalid || e.Kind == KindCanceled {
		return never
	}
	considered := e.Reason != "" && e.Code != codes.DeadlineExceeded
	switch e.Code {
	case codes.Unknown, codes.Internal, codes.Aborted, codes.Canceled, codes.DeadlineExceeded:
		if !considered {
			return whenBack
		}
	}
	return e.again()
}

var codeNames = map[codes.Code]string{
	codes.OK: "OK", codes.Canceled: "CANCELLED", codes.Unknown: "UNKNOWN", codes.InvalidArgument: "INVALID_ARGUMENT",
	codes.DeadlineExceeded: "DEADLINE_EXCEEDED", codes.NotFound: "NOT_FOUND", codes.AlreadyExists: "ALREADY_EXISTS",
	codes.PermissionDenied: "PERMISSION_DENIED", codes.ResourceExhausted: "RESOURCE_EXHAUSTED",
	codes.FailedPrecondition: "FAILED_PRECONDITION", codes.Aborted: "ABORTED", codes.OutOfRange: "OUT_OF_RANGE",
	codes.Unimplemented: "UNIMPLEMENTED", codes.Internal: "INTERNAL", codes.Unavailable: "UNAVAILABLE",
	codes.DataLoss: "DATA_LOSS", codes.Unauthenticated: "UNAUTHENTICATED",
}

// CodeName is a code as gRPC's documentation writes it, e.g. `NOT_FOUND`.
func CodeName(code codes.Code) string {
	if name, ok := codeNames[code]; ok {
		return name
	}
	return fmt.Sprintf("CODE_%d", code)
}
