package tidemill

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

const (
	// The contract's limits of one chunk, and of the text of progress.
	mostChunk        = 64 << 10
	mostProgressText = 1 << 10
)

// Attempt is one attempt of one task, for its handler. Its methods are safe for concurrent use.
type Attempt struct {
	// TaskID is the task.
	TaskID string
	// Queue is its queue.
	Queue string
	// Kind is its kind.
	Kind string
	// Payload is the input.
	Payload Payload
	// Number is that of this attempt, from 1.
	Number int32
	// MaxAttempts are allowed in all.
	MaxAttempts int32
	// Fence grows with every lease of the task. Send it along with writes to other systems and let them refuse a smaller one than they have
	// seen: so a handler that lost its lease without noticing changes nothing.
	Fence int64
	// Timeout is the longest run of this attempt; after it a cancel request comes.
	Timeout time.Duration
	// Labels were given at enqueue.
	Labels map[string]string
	// TraceContext was given at enqueue. Tasks that the handler enqueues with its context carry it on by themselves.
	TraceContext TraceContext
	// CreateTime is when the task was enqueued.
	CreateTime time.Time
	// LeaseTime is when this attempt was leased, by the store's clock.
	LeaseTime time.Time
	// LastError is that of the attempt before, if there was one.
	LastError *TaskError

	token   string
	reports chan<- report
	cancel  atomic.Pointer[CancelRequest]
	refused atomic.Pointer[string]
	// How the handler ended, from that moment on, even if nobody could be told yet: what waits for a stream must not be taken for what still
	// runs.
	ended atomic.Pointer[tidemillv1.WorkRequest]
	over  bool // see deafHandlers, whose lock it needs
	// Closed when the worker lets go of the attempt: nothing it says counts any more.
	dropped chan struct{}
}

// CancelRequest asks a handler to stop. It is the [context.Cause] of the handler's context then.
type CancelRequest struct {
	// Cause is why.
	Cause CancelCause
	// Reason is what the client gave; empty for the other causes.
	Reason string
}

// Error says why.
func (r *CancelRequest) Error() string {
	if r.Reason == "" {
		return fmt.Sprintf("tidemill: asked to stop (%s)", r.Cause)
	}
	return fmt.Sprintf("tidemill: asked to stop (%s): %s", r.Cause, r.Reason)
}

// CancelCause is why a handler is asked to stop. One that is newer than this package keeps the contract's number.
type CancelCause int32

const (
	// CancelByClient: a client cancelled the task.
	CancelByClient = CancelCause(tidemillv1.CancelCause_CANCEL_CAUSE_CLIENT)
	// CancelByExpiry: the task's ExpiresIn is over.
	CancelByExpiry = CancelCause(tidemillv1.CancelCause_CANCEL_CAUSE_EXPIRY)
	// CancelAttemptTimeout: the attempt ran longer than its AttemptTimeout.
	CancelAttemptTimeout = CancelCause(tidemillv1.CancelCause_CANCEL_CAUSE_ATTEMPT_TIMEOUT)
)

// String is the contract's name without its prefix, e.g. `ATTEMPT_TIMEOUT`.
func (c CancelCause) String() string {
	return enumName(tidemillv1.CancelCause(c).String(), "CANCEL_CAUSE_")
}

var (
	// ErrLeaseLost is the [context.Cause] of a handler's context when its lease was lost: drop the work, nothing it says counts.
	ErrLeaseLost = errors.New("tidemill: the lease was lost")
	// ErrStopped is the [context.Cause] of a handler's context when the worker has given the task back, or has ended.
	ErrStopped = errors.New("tidemill: the worker has stopped")
)

// ChunkError says why a chunk was not taken.
type ChunkError struct {
	// Size is that of a chunk that is too large, as a message; otherwise 0.
	Size int
	// Refused is what the server said of an earlier chunk of this attempt, e.g. because its memory is full.
	Refused string
}

// Error says why.
func (e *ChunkError) Error() string {
	if e.Size > 0 {
		return fmt.Sprintf("tidemill: a chunk of %d bytes: at most %d are allowed; split it", e.Size, mostChunk)
	}
	return "tidemill: an earlier chunk was refused: " + e.Refused
}

func newAttempt(assignment *tidemillv1.Assignment, reports chan<- report) *Attempt {
	return &Attempt{
		TaskID:       assignment.GetTaskId(),
		Queue:        assignment.GetQueue(),
		Kind:         assignment.GetKind(),
		Payload:      payloadOf(assignment.GetPayload()),
		Number:       assignment.GetAttempt(),
		MaxAttempts:  assignment.GetMaxAttempts(),
		Fence:        assignment.GetFence(),
		Timeout:      spanFrom(assignment.GetAttemptTimeout()),
		Labels:       assignment.GetLabels(),
		TraceContext: traceOf(assignment.GetTraceContext()),
		CreateTime:   timeOf(assignment.GetCreateTime()),
		LeaseTime:    timeOf(assignment.GetLeaseTime()),
		LastError:    taskErrorOf(assignment.GetLastError()),
		token:        assignment.GetLeaseToken(),
		reports:      reports,
		dropped:      make(chan struct{}),
	}
}

// Progress tells how far the attempt has come: a share between 0 and 1, and a short text for people. It never waits: it is dropped if much
// else is on its way, and the server stores it at most twice a second, the latest winning.
func (a *Attempt) Progress(fraction float64, message string) {
	if math.IsNaN(fraction) {
		fraction = 0
	}
	progress := &tidemillv1.Progress{
		Fraction: min(1, max(0, fraction)),
		Message:  cut(message, mostProgressText),
	}
	said := &tidemillv1.ReportProgressRequest{
		LeaseToken: a.token, Report: &tidemillv1.ReportProgressRequest_Progress{Progress: progress},
	}
	select {
	case a.reports <- a.report(said):
	default:
		// Full: progress is advice, and there will be more.
	}
}

// Chunk sends a piece of output, which watchers see at once. It waits while much is on its way. Pieces come in order; those that are on their
// way when a connection breaks may be lost. It fails with a *[ChunkError]; with [ErrUnserializable]; with the cause of ctx, if that has ended
// (after a cancel request use [context.WithoutCancel]); or with [ErrStopped].
func (a *Attempt) Chunk(ctx context.Context, piece Payload) error {
	payload, size, err := piece.encoded()
	if err != nil {
		return err
	}
	if size > mostChunk {
		return &ChunkError{Size: size}
	}
	if refused := a.refused.Load(); refused != nil {
		return &ChunkError{Refused: *refused}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if payload == nil {
		payload = &tidemillv1.Payload{}
	}
	said := &tidemillv1.ReportProgressRequest{
		LeaseToken: a.token, Report: &tidemillv1.ReportProgressRequest_OutputChunk{OutputChunk: payload},
	}
	select {
	case a.reports <- a.report(said):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-a.dropped:
		return ErrStopped
	}
}

// CancelRequest is the request to stop, or nil. The handler's context has ended then. The handler may still succeed, or agree with
// [ErrCancelled] or the error of its context; after the worker's cancel grace it has agreed, whatever it does.
func (a *Attempt) CancelRequest() *CancelRequest { return a.cancel.Load() }

func (a *Attempt) report(said *tidemillv1.ReportProgressRequest) report {
	return report{
		token:   a.token,
		message: &tidemillv1.WorkRequest{Message: &tidemillv1.WorkRequest_Progress{Progress: said}},
	}
}

func (a *Attempt) facts() TaskFacts {
	return TaskFacts{TaskID: a.TaskID, Kind: a.Kind, Attempt: a.Number}
}
