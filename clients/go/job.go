package tidemill

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// mostOutput is far above the largest output that any server takes (1 MiB), and below the largest message: a larger one would break the
// stream.
const mostOutput = 4 << 20

// report is something that a handler says, on its way to the server.
type report struct {
	token   string
	message *tidemillv1.WorkRequest
	settles bool // it ends the attempt
}

// job runs one handler and puts into words how it ended.
type job struct {
	handler Handler
	attempt *Attempt
	log     *slog.Logger
	deaf    *deafHandlers
}

// run runs the handler to its end and reports it. What it said before is in the same channel, so that it arrives before.
func (j *job) run(ctx context.Context) {
	var output Payload
	// Stands if the handler ends its goroutine, e.g. by a test's FailNow.
	err := error(&Failure{Message: "the handler ended its goroutine without returning", Type: "runtime.Goexit"})
	defer func() {
		if value := recover(); value != nil {
			err = j.panicked(value)
		}
		settles := report{token: j.attempt.token, message: j.settle(output, err), settles: true}
		j.attempt.ended.Store(settles.message)
		j.deaf.over(j.attempt)
		select {
		case j.attempt.reports <- settles:
		case <-j.attempt.dropped:
			// Nobody wants to know any more.
		}
	}()
	output, err = j.handler(ctx, j.attempt)
}

func (j *job) panicked(value any) error {
	j.log.Error("handler panicked", "task_id", j.attempt.TaskID, "kind", j.attempt.Kind, "panic", value, "stack", string(debug.Stack()))
	return &Failure{Message: "the handler panicked: " + describe(value), Type: "panic"}
}

// describe is the text of a panic's value; one that cannot be written (its own Error panics) is named by its type.
func describe(value any) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("%T", value)
		}
	}()
	if err, ok := value.(error); ok {
		return err.Error()
	}
	return fmt.Sprint(value)
}

func (j *job) settle(output Payload, err error) (message *tidemillv1.WorkRequest) {
	token := j.attempt.token
	defer func() {
		if recover() != nil {
			// E.g. a nil pointer of an error type that does not expect one.
			broken := &Failure{Message: fmt.Sprintf("the handler returned an error (%T) that cannot be read", err), Type: fmt.Sprintf("%T", err)}
			message = broken.settle(token)
		}
	}()
	if err != nil {
		return settleOf(err, token, j.attempt.cancel.Load())
	}
	payload, size, unfit := output.encoded()
	if unfit != nil {
		failure := &Failure{Message: "the output cannot be sent: " + unfit.Message, Type: "Unserializable", Permanent: true}
		return failure.settle(token)
	}
	if size > mostOutput {
		failure := &Failure{
			Message:   fmt.Sprintf("an output of %d bytes: no server takes more than 1 MiB", size),
			Type:      "OutputTooLarge",
			Permanent: true,
		}
		return failure.settle(token)
	}
	complete := &tidemillv1.CompleteTaskRequest{LeaseToken: token, Output: payload}
	return &tidemillv1.WorkRequest{Message: &tidemillv1.WorkRequest_Complete{Complete: complete}}
}
