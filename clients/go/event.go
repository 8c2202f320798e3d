package tidemill

import (
	"fmt"
	"time"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// Event is one numbered entry of a task's log.
type Event struct {
	// Sequence is its number, from 1 without holes but those that a [Truncated] names. To go on from here, watch [After] it.
	Sequence int64
	// Attempt is the one it belongs to; 0 before the first lease.
	Attempt int32
	// Time is when it was stored, by the store's clock.
	Time time.Time
	// Detail is what happened: a [StateChanged], [Progress], [OutputChunk], [Truncated] or [TaskResult]; nil if this version of the
	// package does not know it.
	Detail EventDetail
}

// EventDetail is what happened. Use a type switch.
type EventDetail interface{ eventDetail() }

// StateChanged says that the task entered a state, or was asked to stop while running.
type StateChanged struct {
	// State is the state from here on.
	State TaskState
	// Cause is why.
	Cause StateCause
}

// Progress says how far the running attempt has come.
type Progress struct {
	// Fraction is the share done, 0 to 1.
	Fraction float64
	// Message is a short text for people.
	Message string
}

// OutputChunk is a piece of output of the running attempt, in the order of sending.
type OutputChunk struct {
	// Payload is the piece.
	Payload Payload
}

// Truncated says that these events were cut from the log. Only progress and chunks ever are.
type Truncated struct {
	// From is the first missing number.
	From int64
	// To is the last missing number.
	To int64
}

func (StateChanged) eventDetail() {}
func (Progress) eventDetail()     {}
func (OutputChunk) eventDetail()  {}
func (Truncated) eventDetail()    {}
func (TaskResult) eventDetail()   {}

func eventOf(message *tidemillv1.TaskEvent) Event {
	return Event{
		Sequence: message.GetSequence(),
		Attempt:  message.GetAttempt(),
		Time:     timeOf(message.GetTime()),
		Detail:   detailOf(message),
	}
}

func detailOf(message *tidemillv1.TaskEvent) EventDetail {
	switch detail := message.GetEvent().(type) {
	case *tidemillv1.TaskEvent_StateChanged:
		return StateChanged{State: TaskState(detail.StateChanged.GetState()), Cause: StateCause(detail.StateChanged.GetCause())}
	case *tidemillv1.TaskEvent_Progress:
		return Progress{Fraction: detail.Progress.GetFraction(), Message: detail.Progress.GetMessage()}
	case *tidemillv1.TaskEvent_OutputChunk:
		return OutputChunk{Payload: payloadOf(detail.OutputChunk.GetPayload())}
	case *tidemillv1.TaskEvent_Truncated:
		return Truncated{From: detail.Truncated.GetFromSequence(), To: detail.Truncated.GetToSequence()}
	case *tidemillv1.TaskEvent_Result:
		return taskResultOf(detail.Result)
	default:
		return nil
	}
}

// cursor is where a watch stands in the log of one task: what it has seen, and whether the log is over.
type cursor struct {
	last     int64
	finished bool
	// It was moved while events that were sent for where it was before may still be on their way: those are no holes.
	restarting bool
}

// accept moves on. False: an event that was seen before. A hole in the numbers is an error, told as text: the log is complete or says
// what is not there.
func (c *cursor) accept(event Event) (fresh bool, hole string) {
	expected := c.last + 1
	first := event.Sequence
	if cut, ok := event.Detail.(Truncated); ok {
		first = cut.From
	}
	if first > expected && c.restarting {
		return false, ""
	}
	if first > expected {
		return false, fmt.Sprintf("event %d came where %d was due, and nothing says why", first, expected)
	}
	// The result is sent even if the cursor is its own number.
	_, c.finished = event.Detail.(TaskResult)
	if event.Sequence < expected && !c.finished {
		return false, ""
	}
	c.last, c.restarting = max(c.last, event.Sequence), false
	return true, ""
}
