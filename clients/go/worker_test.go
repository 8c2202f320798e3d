package tidemill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

const pingEvery = time.Minute

// atWork is a worker that runs.
type atWork struct {
	*Worker
	stop   context.CancelFunc
	ended  chan error
	events chan WorkerEvent
}

func (f *fake) start(t *testing.T, handler Handler, options ...WorkerOption) *atWork {
	t.Helper()
	return startWith(t, f.client(t), handler, options...)
}

func startWith(t *testing.T, client *Client, handler Handler, options ...WorkerOption) *atWork {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	running := &atWork{stop: stop, ended: make(chan error, 1), events: make(chan WorkerEvent, 1024)}
	listen := WithListener(func(event WorkerEvent) { running.events <- event })
	running.Worker = NewWorker(client, append([]WorkerOption{WithLogger(quiet), WithConcurrency(4), listen}, options...)...)
	running.Handle("k", handler)
	go func() { running.ended <- running.Run(ctx) }()
	return running
}

func (a *atWork) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-a.ended:
		return err
	case <-time.After(soon):
		t.Fatal("the worker did not end")
		return nil
	}
}

// heard waits for an event of this type.
func heard[T WorkerEvent](t *testing.T, a *atWork) T {
	t.Helper()
	for {
		select {
		case event := <-a.events:
			if found, ok := event.(T); ok {
				return found
			}
		case <-time.After(soon):
			var want T
			t.Fatalf("no %T came", want)
		}
	}
}

func done(context.Context, *Attempt) (Payload, error) { return Text("done"), nil }

// finish stops a worker that holds nothing.
func (a *atWork) finish(t *testing.T, work *fakeWork) {
	t.Helper()
	a.stop()
	work.credits(t, 0)
	if err := work.howClosed(t); !errors.Is(err, io.EOF) {
		t.Errorf("not half-closed: %v", err)
	}
	work.end <- nil
	if err := a.end(t); err != nil {
		t.Error(err)
	}
}

func TestAnImpossibleSetupIsRefused(t *testing.T) {
	client, err := NewClient("a:1")
	if err != nil {
		t.Fatal(err)
	}
	worker := func(handlers int, options ...WorkerOption) *Worker {
		made := NewWorker(client, options...)
		for range handlers {
			made.Handle("k", done)
		}
		return made
	}
	without := worker(0)
	without.Handle("k", nil)
	for name, bad := range map[string]*Worker{
		"none": worker(0), "twice": worker(2), "nil": without,
		"too few": worker(1, WithConcurrency(0)), "too many": worker(1, WithConcurrency(10_001)),
	} {
		if err := bad.Run(t.Context()); of(t, err).Kind != KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := worker(2).Check(); !strings.Contains(err.Error(), "`k` has two handlers") {
		t.Error(err)
	}
	if err := worker(1).Check(); err != nil {
		t.Error(err)
	}
}

// brokenError panics when it is read through a nil pointer.
type brokenError struct{ text string }

func (e *brokenError) Error() string { return e.text }

func TestEveryWayAnAttemptCanEnd(t *testing.T) {
	type ends func(context.Context, *Attempt) (Payload, error)
	failed := func(message, name string, permanent bool) func(*tidemillv1.WorkRequest) bool {
		return func(said *tidemillv1.WorkRequest) bool {
			fail := said.GetFail()
			return fail != nil && strings.Contains(fail.GetMessage(), message) && fail.GetType() == name && fail.GetPermanent() == permanent
		}
	}
	with := func(err error) ends {
		return func(context.Context, *Attempt) (Payload, error) { return Payload{}, err }
	}
	_, unserializable := JSON(make(chan int))
	var broken *brokenError
	cases := []struct {
		name string
		ends ends
		want func(*tidemillv1.WorkRequest) bool
	}{
		{"output", done, func(s *tidemillv1.WorkRequest) bool { return s.GetComplete().GetOutput().GetText() == "done" }},
		{"nothing", with(nil), func(s *tidemillv1.WorkRequest) bool {
			return s.GetComplete() != nil && s.GetComplete().GetOutput() == nil
		}},
		{"error", with(fmt.Errorf("reading: %w", &os.PathError{Op: "open", Path: "x", Err: os.ErrNotExist})),
			failed("reading: open x", "*fs.PathError", false)},
		{"permanent", with(Permanent(errors.New("never"))), failed("never", "", true)},
		{"wrapped failure", with(fmt.Errorf("outer: %w", Permanent(errors.New("never")))), failed("outer: never", "", true)},
		{"failure", with(&Failure{Message: "no ink", Type: "Conf"}), failed("no ink", "Conf", false)},
		{"later", with(RetryAfter(time.Second, errors.New("busy"))), func(s *tidemillv1.WorkRequest) bool {
			return s.GetFail().GetRetryAfter().AsDuration() == time.Second && s.GetFail().GetMessage() == "busy"
		}},
		{"release", with(ErrRelease), func(s *tidemillv1.WorkRequest) bool {
			return s.GetRelease() != nil && !s.GetRelease().GetCancelled() && !s.GetRelease().GetDraining()
		}},
		{"cancelled", with(ErrCancelled), func(s *tidemillv1.WorkRequest) bool { return s.GetRelease().GetCancelled() }},
		{"a context of its own", with(context.Canceled), failed("context canceled", "", false)},
		{"panic", func(context.Context, *Attempt) (Payload, error) { panic("boom") }, failed("panicked: boom", "panic", false)},
		{"panic of an error", func(context.Context, *Attempt) (Payload, error) { panic(broken) }, failed("brokenError", "panic", false)},
		{"goexit", func(context.Context, *Attempt) (Payload, error) { runtime.Goexit(); return Payload{}, nil },
			failed("without returning", "runtime.Goexit", false)},
		{"unreadable error", with(broken), failed("cannot be read", "*tidemill.brokenError", false)},
		{"unserializable", with(unserializable), failed("unsupported type", "*tidemill.Error", true)},
		{"not UTF-8", func(context.Context, *Attempt) (Payload, error) { return Text("\xff"), nil }, failed("not UTF-8", "Unserializable", true)},
		{"error that is not UTF-8", with(errors.New("a\xffb")), failed("a\uFFFDb", "", false)},
		{"endless text", with(errors.New("x" + strings.Repeat("é", 5<<20))), func(s *tidemillv1.WorkRequest) bool {
			// The last character would not fit as a whole.
			return len(s.GetFail().GetMessage()) == 8<<10-1 && strings.HasSuffix(s.GetFail().GetMessage(), "é")
		}},
		{"endless panic", func(context.Context, *Attempt) (Payload, error) { panic(strings.Repeat("世", 5<<20)) },
			func(s *tidemillv1.WorkRequest) bool {
				return len(s.GetFail().GetMessage()) > 8<<10-3 && len(s.GetFail().GetMessage()) <= 8<<10 && s.GetFail().GetType() == "panic"
			}},
		{"endless type", with(&Failure{Message: "m", Type: "x" + strings.Repeat("é", 200)}), func(s *tidemillv1.WorkRequest) bool {
			return len(s.GetFail().GetType()) == 255
		}},
		{"too large", func(context.Context, *Attempt) (Payload, error) { return Bytes(make([]byte, 5<<20)), nil },
			failed("5242", "OutputTooLarge", true)},
	}
	server := newFake(t)
	byTask := map[string]ends{}
	for _, c := range cases {
		byTask["task-"+c.name] = c.ends
	}
	worker := server.start(t, func(ctx context.Context, task *Attempt) (Payload, error) { return byTask[task.TaskID](ctx, task) })
	work := server.nextWork(t)
	register := work.register(t, pingEvery)
	if register.GetCredits() != 4 || register.GetKinds()[0] != "k" || register.GetName() == "" {
		t.Errorf("%v", register)
	}
	for _, c := range cases {
		work.assign(t, assignment(c.name))
		if said := work.next(t); !c.want(said) {
			t.Errorf("%s: %v", c.name, cut(fmt.Sprint(said), 300))
		}
		work.settled(t, c.name, StateSucceeded)
		if event := heard[TaskSettled](t, worker); event.Task.TaskID != "task-"+c.name {
			t.Errorf("%+v", event)
		}
	}
	worker.finish(t, work)
}

func TestAHandlerThatKeepsTheProcessorBusyDoesNotStopTheHeartbeat(t *testing.T) {
	server := newFake(t)
	var over atomic.Bool
	defer over.Store(true)
	server.start(t, func(context.Context, *Attempt) (Payload, error) {
		for !over.Load() {
		}
		return Payload{}, nil
	})
	work := server.nextWork(t)
	work.register(t, pingEvery)
	for i := range 2 * runtime.NumCPU() {
		work.assign(t, assignment(fmt.Sprint(i)))
	}
	for number := range int64(3) {
		work.alive(t, number)
	}
}

func TestASettleThatWasNotAnsweredIsSaidAgain(t *testing.T) {
	server := newFake(t)
	worker := server.start(t, done)
	first := server.nextWork(t)
	first.register(t, pingEvery)
	first.assign(t, assignment("a"), assignment("b"))
	for range 2 {
		if said := first.next(t); said.GetComplete() == nil {
			t.Fatalf("not completed: %v", said)
		}
	}
	first.end <- status.Error(codes.Unavailable, "gone")
	if err := heard[WorkerDisconnected](t, worker).Err; of(t, err).Code != codes.Unavailable {
		t.Error(err)
	}
	second := server.nextWork(t)
	// Only one of them is adopted.
	register := second.register(t, pingEvery, "a")
	if len(register.GetHeld()) != 2 {
		t.Errorf("holds %v", register.GetHeld())
	}
	for range 2 {
		if said := second.next(t); said.GetComplete() == nil {
			t.Errorf("not said again: %v", said)
		}
	}
	// Said of the registration: the settle has an answer of its own to come.
	second.lost(t, "b")
	second.settled(t, "a", StateSucceeded)
	if heard[TaskSettled](t, worker).Task.TaskID != "task-a" {
		t.Error("another one")
	}
	second.lost(t, "b")
	if heard[TaskLost](t, worker).Task.TaskID != "task-b" {
		t.Error("another one")
	}
	worker.finish(t, second)
}

func TestAStreamThatIsSilentIsLeftByCancellingIt(t *testing.T) {
	server := newFake(t)
	release := make(chan struct{})
	worker := server.start(t, func(ctx context.Context, _ *Attempt) (Payload, error) {
		select {
		case <-release:
			return Text("kept"), nil
		case <-ctx.Done():
			return Payload{}, ctx.Err()
		}
	})
	silent := server.nextWork(t)
	silent.register(t, time.Millisecond) // the shortest silence counts
	silent.assign(t, assignment("a"))
	heard[TaskStarted](t, worker)
	event := heard[WorkerDisconnected](t, worker)
	if found := of(t, event.Err); found.Kind != KindConnectionLost || !strings.Contains(found.Message, "nothing came") {
		t.Error(event.Err)
	}
	if err := silent.howClosed(t); errors.Is(err, io.EOF) || status.Code(err) != codes.Canceled {
		t.Errorf("half-closed, which gives back what is held: %v", err)
	}
	next := server.nextWork(t)
	if register := next.register(t, pingEvery, "a"); len(register.GetHeld()) != 1 || register.GetHeld()[0] != "a" {
		t.Errorf("%v", register)
	}
	close(release)
	if next.next(t).GetComplete().GetOutput().GetText() != "kept" {
		t.Error("the handler noticed")
	}
	next.settled(t, "a", StateSucceeded)
	heard[TaskSettled](t, worker)
	worker.finish(t, next)
}

func TestADrainingReplicaIsLeftForAnother(t *testing.T) {
	server := newFake(t)
	release := make(chan struct{})
	worker := server.start(t, func(context.Context, *Attempt) (Payload, error) { <-release; return Payload{}, nil })
	old := server.nextWork(t)
	old.register(t, pingEvery)
	old.assign(t, assignment("a"))
	heard[TaskStarted](t, worker)
	old.drain(t)
	next := server.nextWork(t)
	if worker.IsHealthy() {
		t.Error("looks healthy although it receives nothing")
	}
	// Not left before the next stream has the leases.
	old.alive(t, 1)
	if register := next.register(t, pingEvery, "a"); len(register.GetHeld()) != 1 || register.GetCredits() != 0 {
		t.Errorf("%v", register)
	}
	next.credits(t, 4)
	if err := old.howClosed(t); errors.Is(err, io.EOF) {
		t.Error("half-closed")
	}
	close(release)
	if next.next(t).GetComplete() == nil {
		t.Error("not completed")
	}
	next.settled(t, "a", StateSucceeded)
	heard[TaskSettled](t, worker)
	worker.finish(t, next)
}

func TestAStopLetsWhatRunsFinish(t *testing.T) {
	server := newFake(t)
	mayEnd := make(chan struct{})
	worker := server.start(t, func(ctx context.Context, _ *Attempt) (Payload, error) { <-mayEnd; return Payload{}, ctx.Err() }, WithGrace(time.Hour))
	work := server.nextWork(t)
	work.register(t, pingEvery)
	work.assign(t, assignment("a"))
	heard[TaskStarted](t, worker)
	worker.stop()
	work.credits(t, 0)
	if event := heard[WorkerDraining](t, worker); event.Running != 1 || worker.Status() != WorkerStatusDraining || worker.IsHealthy() {
		t.Errorf("%+v %v", event, worker.Status())
	}
	close(mayEnd)
	if said := work.next(t); said.GetComplete().GetLeaseToken() != "a" {
		t.Errorf("%v", said)
	}
	worker.leavesAfterTheLastAnswer(t, work, "a", StateSucceeded)
}

func TestAStopGivesBackWhatDoesNotFinish(t *testing.T) {
	server := newFake(t)
	causes := make(chan error, 1)
	worker := server.start(t, func(ctx context.Context, _ *Attempt) (Payload, error) {
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return Payload{}, nil
	}, WithGrace(time.Millisecond))
	work := server.nextWork(t)
	work.register(t, pingEvery)
	work.assign(t, assignment("a"))
	heard[TaskStarted](t, worker)
	worker.stop()
	work.credits(t, 0)
	if said := work.next(t).GetRelease(); said.GetLeaseToken() != "a" || !said.GetDraining() || said.GetCancelled() {
		t.Errorf("%v", said)
	}
	if cause := <-causes; !errors.Is(cause, ErrStopped) {
		t.Error(cause)
	}
	worker.leavesAfterTheLastAnswer(t, work, "a", StateQueued)
}

func (a *atWork) leavesAfterTheLastAnswer(t *testing.T, work *fakeWork, token string, state TaskState) {
	t.Helper()
	work.alive(t, 1)
	work.settled(t, token, state)
	if err := work.howClosed(t); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	work.end <- nil
	if err := a.end(t); err != nil || a.Status() != WorkerStatusStopped {
		t.Errorf("%v %v", err, a.Status())
	}
}
