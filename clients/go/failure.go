package tidemill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/durationpb"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

var (
	// ErrRelease, returned by a handler, gives the task back uncharged, to the head of its line, for another handler process. At most 100
	// times for each task.
	ErrRelease = errors.New("tidemill: the handler gives the task back")
	// ErrCancelled, returned by a handler, agrees to a cancel request: the task ends CANCELLED, or EXPIRED. To return the error of the
	// handler's context does the same. If nobody asked, it is an ordinary release.
	ErrCancelled = errors.New("tidemill: the handler agrees to the cancel request")
)

const (
	// The contract cuts longer texts; they are cut here so that they cannot break a stream either.
	mostFailureText = 8 << 10
	mostFailureType = 256
	// The contract refuses a longer one, and with it the whole failure: the lease would expire, which counts as a crash.
	mostRetryAfter = 7 * 24 * time.Hour
)

// Failure is an error that says what is to happen to the task. Any other error that a handler returns becomes a failure that is tried again
// by the task's retry policy, with the error's text and the name of its type, if it has one of its own.
type Failure struct {
	// Message is for people. Empty: that of Err.
	Message string
	// Type names the kind of error, e.g. `CardDeclined`, for people and filters. Empty: the Go type of Err, unless that says nothing, as those
	// that [errors.New], [errors.Join] and [fmt.Errorf] make.
	Type string
	// Permanent: another attempt would not mend it; the task is a dead letter at once.
	Permanent bool
	// RetryAfter waits this long before the next attempt instead of the policy's backoff, at most 7 days (more counts as 7 days). 0: the
	// policy's backoff.
	RetryAfter time.Duration
	// Err is what it comes from, if anything.
	Err error
}

// Permanent makes of err a failure that another attempt would not mend.
func Permanent(err error) error { return &Failure{Err: err, Permanent: true} }

// RetryAfter makes of err a failure that is tried again after this long instead of the policy's backoff.
func RetryAfter(span time.Duration, err error) error { return &Failure{Err: err, RetryAfter: span} }

// Error is the message.
func (f *Failure) Error() string {
	switch {
	case f.Message != "":
		return f.Message
	case f.Err != nil:
		return f.Err.Error()
	default:
		return "the handler failed"
	}
}

// Unwrap is what the failure comes from.
func (f *Failure) Unwrap() error { return f.Err }

// settleOf puts a handler's error into words for the server. An attempt that was asked to stop because it ran too long has failed, whatever
// its handler calls it: a release would not count it, and it would run too long for ever.
func settleOf(err error, token string, asked *CancelRequest) *tidemillv1.WorkRequest {
	agrees := errors.Is(err, ErrCancelled) || (asked != nil && errors.Is(err, context.Canceled))
	switch {
	case agrees && asked != nil && asked.Cause == CancelAttemptTimeout:
		late := &Failure{Message: "the attempt ran longer than its attempt_timeout", Type: "AttemptTimeout"}
		return late.settle(token)
	case agrees:
		return releaseMessage(&tidemillv1.ReleaseTaskRequest{LeaseToken: token, Cancelled: true})
	case errors.Is(err, ErrRelease):
		return releaseMessage(&tidemillv1.ReleaseTaskRequest{LeaseToken: token})
	}
	return failureOf(err).settle(token)
}

// failureOf finds the failure in err, or makes one.
func failureOf(err error) *Failure {
	var found *Failure
	if !errors.As(err, &found) || found == nil {
		found = &Failure{Err: err, Permanent: errors.Is(err, ErrUnserializable)}
	} else if found.Message == "" {
		// What was wrapped around it belongs to the text.
		found = &Failure{
			Message: err.Error(), Type: found.Type, Permanent: found.Permanent, RetryAfter: found.RetryAfter, Err: found.Err,
		}
	}
	return found
}

func (f *Failure) settle(token string) *tidemillv1.WorkRequest {
	name := f.Type
	if name == "" && f.Err != nil {
		name = typeName(f.Err)
	}
	fail := &tidemillv1.FailTaskRequest{
		LeaseToken: token,
		Message:    cut(f.Error(), mostFailureText),
		Type:       cut(name, mostFailureType),
		Permanent:  f.Permanent,
	}
	if f.RetryAfter > 0 {
		fail.RetryAfter = durationpb.New(min(f.RetryAfter, mostRetryAfter))
	}
	return &tidemillv1.WorkRequest{Message: &tidemillv1.WorkRequest_Fail{Fail: fail}}
}

func releaseMessage(release *tidemillv1.ReleaseTaskRequest) *tidemillv1.WorkRequest {
	return &tidemillv1.WorkRequest{Message: &tidemillv1.WorkRequest_Release{Release: release}}
}

// typeName is the Go type of the outermost error that has a type of its own. Those that errors.New, errors.Join and fmt.Errorf make say
// nothing: where there is no other it is empty.
func typeName(err error) string {
	for ; err != nil; err = errors.Unwrap(err) {
		name := fmt.Sprintf("%T", err)
		if name != "*errors.errorString" && name != "*errors.joinError" && !strings.HasPrefix(name, "*fmt.") {
			return name
		}
	}
	return ""
}

// cut makes a text valid and not longer than most bytes.
func cut(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
