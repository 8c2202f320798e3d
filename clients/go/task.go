package tidemill

import (
	"context"
	"crypto/rand"
	"maps"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// Task is what is to be enqueued. Only Kind is required; a zero field stays absent in the request, so that the server's default applies.
type Task struct {
	// Kind selects the handler: `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`.
	Kind string
	// Queue has the form of a kind. Empty: `default`.
	Queue string
	// Payload is the input, see [Text], [JSON] and [Bytes].
	Payload Payload
	// IdempotencyKey makes repetitions safe beyond one call: the same key with the same content never stores a second task, as long as the
	// first is not finished and 24 h after. 1 to 255 bytes. Without it a fresh key protects the tries of one call.
	IdempotencyKey string
	// Priority is the order among ready tasks.
	Priority Priority
	// Delay: not before this long from now, at most 365 days. Not together with RunAt.
	Delay time.Duration
	// RunAt: not before this time, at most 365 days ahead; a time in the past means now.
	RunAt time.Time
	// RetryPolicy says how often and how fast a failed task is tried again.
	RetryPolicy RetryPolicy
	// AttemptTimeout is the longest run of one attempt, 1 s to 24 h. 0: 30 min.
	AttemptTimeout time.Duration
	// ExpiresIn: give up if the task is not finished by then, 1 s to 365 days from now. 0: never.
	ExpiresIn time.Duration
	// ResultRetention is how long the finished task is kept, 1 s to 365 days. 0: 24 h, FAILED 30 days.
	ResultRetention time.Duration
	// Labels are for people and filters. At most 32; names in the form of a kind, values at most 256 bytes.
	Labels map[string]string
	// TraceContext is the caller's trace. Without it: that of [WithTraceContext], or of the handler that enqueues.
	TraceContext TraceContext
	// DropInputOnSuccess drops the input once the task has succeeded, to save memory.
	DropInputOnSuccess bool
}

// RetryPolicy says how often and how fast a failed task is tried again. A zero field takes the server's default: 4 attempts, 1 s doubling
// up to 10 min, with full jitter.
type RetryPolicy struct {
	// MaxAttempts are attempts in all, the first included: 1 to 100. Failures and crashes count, releases do not.
	MaxAttempts int32
	// InitialBackoff is the backoff after the first failure, 1 ms to 24 h.
	InitialBackoff time.Duration
	// MaxBackoff is the upper bound of the backoff, at most 7 days.
	MaxBackoff time.Duration
	// Multiplier is the growth of the backoff from one failure to the next, 1 to 100.
	Multiplier float64
}

func (p RetryPolicy) toProto() *tidemillv1.RetryPolicy {
	if p == (RetryPolicy{}) {
		return nil
	}
	return &tidemillv1.RetryPolicy{
		MaxAttempts:    p.MaxAttempts,
		InitialBackoff: spanOf(p.InitialBackoff),
		MaxBackoff:     spanOf(p.MaxBackoff),
		Multiplier:     p.Multiplier,
	}
}

// request is the message as it is sent: with a key, and with the trace it belongs to.
func (c *Client) request(ctx context.Context, task Task) (*tidemillv1.EnqueueRequest, *Error) {
	payload, _, err := task.Payload.encoded()
	if err != nil {
		return nil, err
	}
	if task.Delay != 0 && !task.RunAt.IsZero() {
		return nil, invalid("task: Delay and RunAt exclude each other")
	}
	request := &tidemillv1.EnqueueRequest{
		Queue:              task.Queue,
		Kind:               task.Kind,
		Payload:            payload,
		IdempotencyKey:     task.IdempotencyKey,
		Priority:           tidemillv1.Priority(task.Priority),
		RetryPolicy:        task.RetryPolicy.toProto(),
		AttemptTimeout:     spanOf(task.AttemptTimeout),
		ExpiresIn:          spanOf(task.ExpiresIn),
		ResultRetention:    spanOf(task.ResultRetention),
		Labels:             maps.Clone(task.Labels),
		TraceContext:       c.traceFor(ctx, task).toProto(),
		DropInputOnSuccess: task.DropInputOnSuccess,
	}
	if task.Delay != 0 {
		request.Start = &tidemillv1.EnqueueRequest_Delay{Delay: spanOf(task.Delay)}
	}
	if !task.RunAt.IsZero() {
		request.Start = &tidemillv1.EnqueueRequest_RunAt{RunAt: timestamppb.New(task.RunAt)}
	}
	if request.IdempotencyKey == "" {
		request.IdempotencyKey = rand.Text()
	}
	return request, nil
}

// traceFor: the task's own, else that of the caller's tracing library, else that of the running handler.
func (c *Client) traceFor(ctx context.Context, task Task) TraceContext {
	if !task.TraceContext.isZero() {
		return task.TraceContext
	}
	if c.trace != nil {
		if found := c.trace(ctx); !found.isZero() {
			return found
		}
	}
	return TraceFromContext(ctx)
}
