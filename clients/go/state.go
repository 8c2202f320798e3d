package tidemill

import (
	"strings"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// TaskState is where a task stands. One that is newer than this package keeps the contract's number.
type TaskState int32

const (
	// StateScheduled: not before a time: a delayed task, or one that waits for its next attempt.
	StateScheduled = TaskState(tidemillv1.TaskState_TASK_STATE_SCHEDULED)
	// StateQueued: ready, waits for a handler process with a free credit that serves its queue and kind.
	StateQueued = TaskState(tidemillv1.TaskState_TASK_STATE_QUEUED)
	// StateRunning: leased by a handler process.
	StateRunning = TaskState(tidemillv1.TaskState_TASK_STATE_RUNNING)
	// StateSucceeded is terminal: completed; the output is kept for the retention.
	StateSucceeded = TaskState(tidemillv1.TaskState_TASK_STATE_SUCCEEDED)
	// StateFailed is terminal: a dead letter.
	StateFailed = TaskState(tidemillv1.TaskState_TASK_STATE_FAILED)
	// StateCancelled is terminal: cancelled by a client.
	StateCancelled = TaskState(tidemillv1.TaskState_TASK_STATE_CANCELLED)
	// StateExpired is terminal: not finished within ExpiresIn.
	StateExpired = TaskState(tidemillv1.TaskState_TASK_STATE_EXPIRED)
)

// IsTerminal is true for the states that never change.
func (s TaskState) IsTerminal() bool {
	switch s {
	case StateSucceeded, StateFailed, StateCancelled, StateExpired:
		return true
	}
	return false
}

// String is the contract's name without its prefix, e.g. `SUCCEEDED`.
func (s TaskState) String() string {
	return enumName(tidemillv1.TaskState(s).String(), "TASK_STATE_")
}

// Priority is the order among the ready tasks of one queue and kind.
type Priority int32

const (
	// PriorityDefault means PriorityNormal.
	PriorityDefault = Priority(tidemillv1.Priority_PRIORITY_UNSPECIFIED)
	// PriorityLow: after everything else.
	PriorityLow = Priority(tidemillv1.Priority_PRIORITY_LOW)
	// PriorityNormal is the default.
	PriorityNormal = Priority(tidemillv1.Priority_PRIORITY_NORMAL)
	// PriorityHigh: before normal.
	PriorityHigh = Priority(tidemillv1.Priority_PRIORITY_HIGH)
	// PriorityUrgent: before everything else.
	PriorityUrgent = Priority(tidemillv1.Priority_PRIORITY_URGENT)
)

// String is the contract's name without its prefix, e.g. `HIGH`.
func (p Priority) String() string {
	return enumName(tidemillv1.Priority(p).String(), "PRIORITY_")
}

// StateCause is why a task changed its state. One that is newer than this package keeps the contract's number.
type StateCause int32

const (
	// CauseUnknown: unknown to this version.
	CauseUnknown = StateCause(tidemillv1.StateCause_STATE_CAUSE_UNSPECIFIED)
	// CauseEnqueued: the task was accepted by the gateway.
	CauseEnqueued = StateCause(tidemillv1.StateCause_STATE_CAUSE_ENQUEUED)
	// CauseDue: the time of a scheduled task came.
	CauseDue = StateCause(tidemillv1.StateCause_STATE_CAUSE_DUE)
	// CauseLeased: a worker leased it for a handler process.
	CauseLeased = StateCause(tidemillv1.StateCause_STATE_CAUSE_LEASED)
	// CauseRetry: the attempt failed; another one follows.
	CauseRetry = StateCause(tidemillv1.StateCause_STATE_CAUSE_RETRY)
	// CauseCrashed: the lease expired without a word from the handler process; another attempt follows.
	CauseCrashed = StateCause(tidemillv1.StateCause_STATE_CAUSE_CRASHED)
	// CauseReleased: the handler process gave the task back; this attempt is not counted.
	CauseReleased = StateCause(tidemillv1.StateCause_STATE_CAUSE_RELEASED)
	// CauseCancelRequested: a client asked to cancel the running task.
	CauseCancelRequested = StateCause(tidemillv1.StateCause_STATE_CAUSE_CANCEL_REQUESTED)
	// CauseExpiryRequested: ExpiresIn passed while the task was running; it was asked to stop.
	CauseExpiryRequested = StateCause(tidemillv1.StateCause_STATE_CAUSE_EXPIRY_REQUESTED)
	// CauseFinished: a terminal transition.
	CauseFinished = StateCause(tidemillv1.StateCause_STATE_CAUSE_FINISHED)
)

// String is the contract's name without its prefix, e.g. `LEASED`.
func (c StateCause) String() string {
	return enumName(tidemillv1.StateCause(c).String(), "STATE_CAUSE_")
}

// enumName cuts the prefix off; an unknown number, which has no name, gets it.
func enumName(name, prefix string) string {
	if short, found := strings.CutPrefix(name, prefix); found {
		return short
	}
	return prefix + name
}
