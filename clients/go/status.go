package tidemill

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync/atomic"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// errorDomain is the domain of the server's own reasons; another one is a proxy's.
const errorDomain = "tidemill.dev"

// passage is how far one RPC came. gRPC's status alone does not tell a server's word from one that was made on this side.
type passage struct {
	// A connection was had and the request began to leave.
	sent atomic.Bool
	// The server ended the call.
	answered atomic.Bool
}

type passageKey struct{}

// observed makes a context whose RPC is followed.
func observed(ctx context.Context) (context.Context, *passage) {
	seen := &passage{}
	return context.WithValue(ctx, passageKey{}, seen), seen
}

// observer is gRPC's stats handler that fills passages.
type observer struct{}

func (observer) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (observer) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (observer) HandleConn(context.Context, stats.ConnStats)                       {}

func (observer) HandleRPC(ctx context.Context, event stats.RPCStats) {
	seen, ok := ctx.Value(passageKey{}).(*passage)
	if !ok {
		return
	}
	switch event.(type) {
	case *stats.OutHeader:
		seen.sent.Store(true)
	case *stats.InTrailer:
		seen.answered.Store(true)
	}
}

// errorOf reads what an RPC to address ended with.
func errorOf(err error, address string, seen *passage) *Error {
	if errors.Is(err, io.EOF) {
		return newError(KindConnectionLost, OutcomeUnknown, address, "the server closed the stream")
	}
	st := status.Convert(err)
	found := &Error{Kind: kindOf(st, seen), Address: address, Code: st.Code(), Message: st.Message()}
	found.read(st.Proto())
	found.Outcome = outcomeOf(found, seen.sent.Load())
	if found.Kind != KindRefused {
		found.Message = plainWords(found.Message)
		if found.TLSProblem = tlsProblemOf(found); found.TLSProblem != 0 {
			found.Message += "; " + found.TLSProblem.hint()
		}
	}
	if found.Kind == KindDeadlineExceeded {
		found.Message = "no answer from " + address + " in time"
		found.cause = context.DeadlineExceeded
	}
	if found.Kind == KindInvalid {
		found.Outcome = OutcomeNotApplied
		found.Message = "the request cannot be sent: " + found.Message
	}
	return found
}

func kindOf(st *status.Status, seen *passage) ErrorKind {
	const proxy, unfit = "unexpected HTTP status code", "grpc: error while marshaling"
	switch {
	case st.Code() == codes.Internal && strings.HasPrefix(st.Message(), unfit):
		return KindInvalid
	case seen.answered.Load(), strings.HasPrefix(st.Message(), proxy):
		return KindRefused
	case st.Code() == codes.DeadlineExceeded:
		return KindDeadlineExceeded
	case !seen.sent.Load():
		return KindUnreachable
	}
	switch st.Code() {
	case codes.Unavailable, codes.Canceled, codes.Internal, codes.Unknown:
		return KindConnectionLost
	default:
		return KindRefused
	}
}

func outcomeOf(err *Error, sent bool) Outcome {
	switch err.Metadata["outcome"] {
	case "":
	case "unknown":
		return OutcomeUnknown
	default:
		return OutcomeNotApplied
	}
	switch err.Code {
	case codes.Canceled, codes.DeadlineExceeded, codes.Internal, codes.Unavailable, codes.Unknown:
		if sent {
			return OutcomeUnknown
		}
	}
	return OutcomeNotApplied
}

// errorOfMessage reads an error that came inside a message, e.g. of one entry of a batch.
func errorOfMessage(st *rpcstatus.Status, address string) *Error {
	found := &Error{Kind: KindRefused, Address: address, Code: codes.Code(st.GetCode()), Message: st.GetMessage()}
	found.read(st)
	found.Outcome = outcomeOf(found, true)
	return found
}

// read takes the details over. Those that cannot be read are left out: the code and the message stand without them.
func (e *Error) read(st *rpcstatus.Status) {
	violated := func(subject, description string) {
		e.Violations = append(e.Violations, Violation{Subject: subject, Description: description})
	}
	for _, detail := range st.GetDetails() {
		message, err := detail.UnmarshalNew()
		if err != nil {
			continue
		}
		switch detail := message.(type) {
		case *errdetails.ErrorInfo:
			if detail.GetDomain() == errorDomain {
				e.Reason, e.Metadata = Reason(detail.GetReason()), detail.GetMetadata()
			}
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				violated(violation.GetField(), violation.GetDescription())
			}
		case *errdetails.QuotaFailure:
			for _, violation := range detail.GetViolations() {
				violated(violation.GetSubject(), violation.GetDescription())
			}
		case *errdetails.PreconditionFailure:
			for _, violation := range detail.GetViolations() {
				violated(violation.GetSubject(), violation.GetDescription())
			}
		case *errdetails.RetryInfo:
			e.retryInfo, e.RetryAfter = true, spanFrom(detail.GetRetryDelay())
		}
	}
}

// plainWords takes gRPC's wrapping off, which says the same each time.
func plainWords(message string) string {
	const wrapping = "connection error: desc = "
	if quoted, found := strings.CutPrefix(message, wrapping); found {
		if plain, err := strconv.Unquote(quoted); err == nil {
			message = plain
		}
	}
	for _, wrapping := range []string{"transport: ", "Error while dialing: "} {
		message = strings.TrimPrefix(message, wrapping)
	}
	return message
}
