package tidemill

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

const (
	defaultConcurrency = 16
	mostConcurrency    = 10_000
	defaultGrace       = 20 * time.Second
	defaultCancelGrace = 5 * time.Second
)

// Handler runs one attempt of one task and says how it ended: an output, or an error, which is a failure that is tried again by the task's
// retry policy unless it is a [Failure] that says otherwise, [ErrRelease] or [ErrCancelled]. A panic is caught and reported as a failure.
//
// ctx ends when the handler is asked to stop, when its lease is lost, and when the worker, at the end of its grace, gives the task back;
// [context.Cause] tells which. A handler that does not watch it cannot be stopped: it is abandoned, and its place goes to another task; see
// [WorkerStatusStuck].
type Handler func(ctx context.Context, task *Attempt) (Payload, error)

// Worker is a handler process for the worker protocol (`WorkerService.Work`): it leases tasks and runs their handlers, each in a goroutine
// of its own. Heartbeats do not wait for handlers. What is held outlives a broken stream: the next one names it, and every settle that was
// not answered is said again.
type Worker struct {
	client         *Client
	queues         []string
	handlers       map[string]Handler
	kinds          []string
	concurrency    int
	grace          time.Duration
	cancelGrace    time.Duration
	connectWithin  time.Duration
	name           string
	listener       func(WorkerEvent)
	log            *slog.Logger
	problem        *Error
	running        atomic.Bool
	status         atomic.Int32
	receivingUntil atomic.Int64
	deaf           deafHandlers
}

// WorkerOption sets up a [Worker].
type WorkerOption func(*Worker)

// NewWorker prepares a worker that reaches the server as client does. Give it handlers with [Worker.Handle], then [Worker.Run] it.
func NewWorker(client *Client, options ...WorkerOption) *Worker {
	worker := &Worker{
		client:      client,
		handlers:    map[string]Handler{},
		deaf:        deafHandlers{all: map[*Attempt]time.Time{}},
		concurrency: defaultConcurrency,
		grace:       defaultGrace,
		cancelGrace: defaultCancelGrace,
		name:        defaultName(),
		log:         slog.Default(),
	}
	for _, option := range options {
		option(worker)
	}
	return worker
}

// WithQueues are the queues to serve, up to 64. Without it: `default`.
func WithQueues(names ...string) WorkerOption {
	return func(w *Worker) { w.queues = append(w.queues, names...) }
}

// WithConcurrency is how many tasks run at a time, 1 to 10,000: the credits given to the server. Without it: 16.
func WithConcurrency(tasks int) WorkerOption {
	return func(w *Worker) { w.concurrency = tasks }
}

// WithGrace is how long running tasks may go on after the worker was told to stop, before they are given back. Without it: 20 s.
func WithGrace(span time.Duration) WorkerOption {
	return func(w *Worker) { w.grace = bounded(span) }
}

// WithCancelGrace is how long a handler that was asked to stop may go on before it is abandoned. Without it: 5 s. The server's own patience
// with an attempt that ran too long is 10 s.
func WithCancelGrace(span time.Duration) WorkerOption {
	return func(w *Worker) { w.cancelGrace = bounded(span) }
}

// WithConnectWithin makes [Worker.Run] fail if the first connection takes longer than this. Without it: it waits for the server as long as
// it takes.
func WithConnectWithin(span time.Duration) WorkerOption {
	return func(w *Worker) { w.connectWithin = bounded(span) }
}

// WithName is the name in the server's logs, at most 128 bytes. Without it: the host's name and the process id.
func WithName(name string) WorkerOption {
	return func(w *Worker) { w.name = name }
}

// WithListener hears of what happens, in the goroutine that holds the stream: it must not block.
func WithListener(listener func(WorkerEvent)) WorkerOption {
	return func(w *Worker) { w.listener = listener }
}

// WithLogger logs there instead of [slog.Default].
func WithLogger(logger *slog.Logger) WorkerOption {
	return func(w *Worker) { w.log = logger }
}

// Handle names the handler of a kind. Two for one kind are an error of [Worker.Run] and [Worker.Check].
func (w *Worker) Handle(kind string, handler Handler) {
	switch {
	case handler == nil:
		w.problem = invalid("kind `%s` has no handler", kind)
	case w.handlers[kind] != nil:
		w.problem = invalid("kind `%s` has two handlers", kind)
	default:
		w.handlers[kind] = handler
		w.kinds = append(w.kinds, kind)
	}
}

// Check says what is wrong with the setup: no handler, two for one kind, or a concurrency out of range. [Worker.Run] does it first.
func (w *Worker) Check() error {
	switch {
	case w.problem != nil:
		return w.problem
	case len(w.handlers) == 0:
		return invalid("a worker needs a handler for at least one kind")
	case w.concurrency < 1 || w.concurrency > mostConcurrency:
		return invalid("concurrency %d is not between 1 and %d", w.concurrency, mostConcurrency)
	}
	return nil
}

// Run runs tasks until ctx ends, e.g. by [os/signal.NotifyContext]; then it takes no more, lets what runs finish within the grace, gives the
// rest back without charging an attempt, and returns nil when the server has confirmed all of it. The handlers' contexts have the values of
// ctx, but do not end with it.
//
// The error is an *[Error]: what no other connection would mend, e.g. a queue's name that the server refuses; or that at the end some tasks
// could neither be settled nor given back: their leases expire, which counts as a crash.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.Check(); err != nil {
		return err
	}
	if !w.running.CompareAndSwap(false, true) {
		return invalid("the worker runs already")
	}
	defer w.running.Store(false)
	defer w.status.Store(int32(WorkerStatusStopped))
	if err := newSession(ctx, w).run(ctx); err != nil {
		return err
	}
	return nil
}

func (w *Worker) tell(event WorkerEvent) {
	event.log(w.log)
	w.hears(event)
}

func (w *Worker) hears(event WorkerEvent) {
	if w.listener != nil {
		w.listener(event)
	}
}

// WorkerStatus is what a worker is at.
type WorkerStatus int32

const (
	// WorkerStatusIdle: [Worker.Run] was not called yet.
	WorkerStatusIdle WorkerStatus = iota
	// WorkerStatusConnecting: no stream is registered; tasks that run go on.
	WorkerStatusConnecting
	// WorkerStatusReceiving: registered, and the server is heard.
	WorkerStatusReceiving
	// WorkerStatusStalled: registered, but nothing was heard for so long that the stream counts as broken; also when a listener blocks.
	WorkerStatusStalled
	// WorkerStatusStuck: as many handlers as the concurrency were let go and have not ended. Others still take their places, but a program
	// whose handlers hang for ever should be looked at, and started anew.
	WorkerStatusStuck
	// WorkerStatusDraining: it was told to stop.
	WorkerStatusDraining
	// WorkerStatusStopped: Run has returned.
	WorkerStatusStopped
)

// String is the status in lower case, e.g. `receiving`.
func (s WorkerStatus) String() string {
	names := []string{"idle", "connecting", "receiving", "stalled", "stuck", "draining", "stopped"}
	if s < 0 || int(s) >= len(names) {
		return fmt.Sprintf("status_%d", int(s))
	}
	return names[s]
}

// Status says what the worker is at.
func (w *Worker) Status() WorkerStatus {
	status := WorkerStatus(w.status.Load())
	switch {
	case status != WorkerStatusReceiving:
		return status
	case time.Now().UnixNano() > w.receivingUntil.Load():
		return WorkerStatusStalled
	case w.deaf.count() >= w.concurrency:
		return WorkerStatusStuck
	default:
		return status
	}
}

// IsHealthy is true while the worker receives work and its handlers end: for a readiness probe.
func (w *Worker) IsHealthy() bool { return w.Status() == WorkerStatusReceiving }

func defaultName() string {
	host, err := os.Hostname()
	if err != nil {
		return fmt.Sprintf("pid %d", os.Getpid())
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}
