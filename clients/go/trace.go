package tidemill

import (
	"context"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// TraceContext is where a task comes from, as W3C Trace Context defines it. It is stored with the task and passed on to its handler as it
// is. The zero value is none.
type TraceContext struct {
	// Traceparent is the `traceparent` header, at most 64 bytes.
	Traceparent string
	// Tracestate is the `tracestate` header, at most 512 bytes; often empty.
	Tracestate string
}

type traceKey struct{}

// ContextWithTrace makes a context whose enqueued tasks belong to this trace, unless they name one of their own. The context of a handler
// is such a one already.
func ContextWithTrace(ctx context.Context, trace TraceContext) context.Context {
	return context.WithValue(ctx, traceKey{}, trace)
}

// TraceFromContext is the trace context of the task whose handler was given ctx; the zero value if there is none.
func TraceFromContext(ctx context.Context) TraceContext {
	trace, _ := ctx.Value(traceKey{}).(TraceContext)
	return trace
}

func (t TraceContext) isZero() bool { return t == TraceContext{} }

func (t TraceContext) toProto() *tidemillv1.TraceContext {
	if t.isZero() {
		return nil
	}
	return &tidemillv1.TraceContext{Traceparent: t.Traceparent, Tracestate: t.Tracestate}
}

func traceOf(message *tidemillv1.TraceContext) TraceContext {
	return TraceContext{Traceparent: message.GetTraceparent(), Tracestate: message.GetTracestate()}
}
