package tidemill

import "log/slog"

// WorkerEvent is what happens to a worker, for logs and displays: one of the types that follow. Use a type switch.
type WorkerEvent interface{ log(*slog.Logger) }

// TaskFacts say which attempt of which task.
type TaskFacts struct {
	// TaskID is the task.
	TaskID string
	// Kind is its kind.
	Kind string
	// Attempt is the attempt, from 1.
	Attempt int32
}

// WorkerConnected says that the worker is registered and gets tasks.
type WorkerConnected struct {
	// Address is the worker role's.
	Address string
}

// WorkerDisconnected says that the stream broke or could not be had; another one is tried. Tasks go on running, and their leases are kept if
// it is back in time. The log repeats the same reason at most every 5 s; a listener hears of each.
type WorkerDisconnected struct {
	// Err is why: an *[Error].
	Err error
	// WasConnected is false as long as there has been no connection at all.
	WasConnected bool
}

// TaskStarted says that a handler starts.
type TaskStarted struct {
	// Task is the attempt.
	Task TaskFacts
}

// TaskSettled says that the server has stored how an attempt ended.
type TaskSettled struct {
	// Task is the attempt.
	Task TaskFacts
	// State is the task's state now: scheduled or queued if another attempt follows.
	State TaskState
}

// TaskLost says that a lease was lost; the handler was stopped, and nothing it said counts.
type TaskLost struct {
	// Task is the attempt.
	Task TaskFacts
}

// TaskRefused says that the server refused what was said of a task.
type TaskRefused struct {
	// Task is the attempt.
	Task TaskFacts
	// Message is why, naming the field and the limit.
	Message string
}

// WorkerDraining says that the worker was told to stop: no more tasks, what runs may finish within the grace.
type WorkerDraining struct {
	// Running are the tasks that run.
	Running int
}

func (e WorkerConnected) log(to *slog.Logger) { to.Info("worker connected", "address", e.Address) }
func (e WorkerDisconnected) log(to *slog.Logger) {
	if e.WasConnected {
		to.Warn("not connected; trying again, tasks go on", "error", e.Err)
	} else {
		to.Warn("not connected yet; trying again", "error", e.Err)
	}
}
func (e TaskStarted) log(to *slog.Logger) { to.Debug("task started", e.Task.attrs()...) }
func (e TaskSettled) log(to *slog.Logger) {
	to.Debug("task settled", append(e.Task.attrs(), "state", e.State.String())...)
}
func (e TaskLost) log(to *slog.Logger) { to.Warn("lease lost", e.Task.attrs()...) }
func (e TaskRefused) log(to *slog.Logger) {
	to.Warn("refused", append(e.Task.attrs(), "message", e.Message)...)
}
func (e WorkerDraining) log(to *slog.Logger) { to.Info("worker draining", "running", e.Running) }

func (f TaskFacts) attrs() []any {
	return []any{"task_id", f.TaskID, "kind", f.Kind, "attempt", f.Attempt}
}
