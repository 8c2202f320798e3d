package tidemill

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// TaskResult is how a task ended. As the [Event.Detail] it is always that of the last event.
type TaskResult struct {
	// State is a terminal state.
	State TaskState
	// Output is that of a task that succeeded; otherwise empty.
	Output Payload
	// Error is set if the task failed.
	Error *TaskError
}

// TaskSnapshot is how a task stands: the answer to [Client.Result].
type TaskSnapshot struct {
	// TaskID is the task.
	TaskID string
	// State is its state.
	State TaskState
	// Attempt is the one that runs or ran last, from 1; 0: not leased yet.
	Attempt int32
	// Output is that of a task that succeeded; otherwise empty.
	Output Payload
	// Error is why the task failed, else that of the latest attempt that failed, if any: a task that succeeded may have one, too. Look at State.
	Error *TaskError
	// CreateTime is when it was enqueued.
	CreateTime time.Time
	// StartTime is when its current or last attempt was leased; zero before.
	StartTime time.Time
	// FinishTime is when it finished; zero before.
	FinishTime time.Time
	// LastSequence is the number of the last event of its log.
	LastSequence int64
	// CancelRequested is true if a cancel request waits for the handler's answer.
	CancelRequested bool
}

// TaskError is why an attempt or a task failed.
type TaskError struct {
	// Reason is the cause, e.g. [ReasonHandlerFailed].
	Reason Reason
	// Message is what the handler said, or the server's words.
	Message string
	// Type is the handler's own error type; empty if it named none.
	Type string
	// Permanent is true if the handler said that another attempt would be of no use.
	Permanent bool
}

// Error is e.g. `HANDLER_FAILED: boom (*fs.PathError)`.
func (e *TaskError) Error() string {
	text := string(e.Reason) + ": " + e.Message
	if e.Type != "" {
		text += " (" + e.Type + ")"
	}
	return text
}

func taskErrorOf(message *tidemillv1.TaskError) *TaskError {
	if message == nil {
		return nil
	}
	return &TaskError{
		Reason:    reasonOf(message.GetReason()),
		Message:   message.GetMessage(),
		Type:      message.GetType(),
		Permanent: message.GetPermanent(),
	}
}

func taskResultOf(message *tidemillv1.TaskResult) TaskResult {
	return TaskResult{
		State:  TaskState(message.GetState()),
		Output: payloadOf(message.GetOutput()),
		Error:  taskErrorOf(message.GetError()),
	}
}

func snapshotOf(message *tidemillv1.GetResultResponse) TaskSnapshot {
	return TaskSnapshot{
		TaskID:          message.GetTaskId(),
		State:           TaskState(message.GetState()),
		Attempt:         message.GetAttempt(),
		Output:          payloadOf(message.GetOutput()),
		Error:           taskErrorOf(message.GetError()),
		CreateTime:      timeOf(message.GetCreateTime()),
		StartTime:       timeOf(message.GetStartTime()),
		FinishTime:      timeOf(message.GetFinishTime()),
		LastSequence:    message.GetLastSequence(),
		CancelRequested: message.GetCancelRequested(),
	}
}

// timeOf is the zero time where the server named none.
func timeOf(stamp *timestamppb.Timestamp) time.Time {
	if !stamp.IsValid() {
		return time.Time{}
	}
	return stamp.AsTime()
}

// spanOf leaves a zero absent. A negative one is sent as it is, so that the server names the limit.
func spanOf(span time.Duration) *durationpb.Duration {
	if span == 0 {
		return nil
	}
	return durationpb.New(span)
}
