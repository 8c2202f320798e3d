package tidemill

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// chunksThenDone sends two chunks and completes.
func chunksThenDone(ctx context.Context, task *Attempt) (Payload, error) {
	if err := task.Chunk(ctx, Text("piece")); err != nil {
		return Payload{}, err
	}
	return Text("done"), task.Chunk(ctx, Text("piece"))
}

func (w *fakeWork) nextAreChunks(t *testing.T) {
	t.Helper()
	for range 2 {
		if said := w.next(t); said.GetProgress() == nil {
			t.Fatalf("no chunk: %v", said)
		}
	}
}

func (w *fakeWork) nextIsComplete(t *testing.T) {
	t.Helper()
	if said := w.next(t); said.GetComplete().GetOutput().GetText() != "done" {
		t.Fatalf("not completed: %v", said)
	}
}

func TestARefusedReportIsNotTakenForARefusedSettle(t *testing.T) {
	for _, reason := range []Reason{ReasonMemoryExhausted, ReasonInvalidRequest} {
		t.Run(string(reason), func(t *testing.T) {
			server := newFake(t)
			worker := server.start(t, chunksThenDone)
			first := server.nextWork(t)
			first.register(t, pingEvery)
			first.assign(t, assignment("a"))
			first.nextAreChunks(t)
			first.nextIsComplete(t)
			first.refuse(t, "a", reason)
			// Said again, to be sure.
			first.nextIsComplete(t)
			// Neither was taken before the stream broke; the output still counts.
			first.end <- status.Error(codes.Unavailable, "gone")
			second := server.nextWork(t)
			second.register(t, pingEvery, "a")
			second.nextIsComplete(t)
			// Here no report was sent: what is refused for its content is the output.
			second.refuse(t, "a", ReasonInvalidRequest)
			if fail := second.next(t).GetFail(); !fail.GetPermanent() || !strings.Contains(fail.GetMessage(), "the output was refused") {
				t.Errorf("%v", fail)
			}
			second.settled(t, "a", StateFailed)
			heard[TaskSettled](t, worker)
			worker.finish(t, second)
		})
	}
}

func TestTheDoubtWhetherAReportWasRefusedEnds(t *testing.T) {
	server := newFake(t)
	worker := server.start(t, chunksThenDone)
	work := server.nextWork(t)
	work.register(t, pingEvery)
	work.assign(t, assignment("a"))
	work.nextAreChunks(t)
	for range 3 {
		work.nextIsComplete(t)
		work.refuse(t, "a", ReasonInvalidRequest)
	}
	if !work.next(t).GetFail().GetPermanent() {
		t.Error("an output that is refused for good is said for ever")
	}
	work.settled(t, "a", StateFailed)
	heard[TaskSettled](t, worker)
	worker.finish(t, work)
}

// idleSession is one without a stream, whose handler has ended: its report waits.
func idleSession(t *testing.T) (*session, *held, report) {
	t.Helper()
	client, err := NewClient("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	worker := NewWorker(client, WithLogger(quiet))
	worker.Handle("k", done)
	session := newSession(t.Context(), worker)
	session.start(assignment("a"))
	select {
	case said := <-session.reports:
		return session, session.held["a"], said
	case <-time.After(soon):
		t.Fatal("the handler did not end")
		return nil, nil, report{}
	}
}

func TestAnAttemptThatHasEndedIsNeitherAbandonedNorGivenBack(t *testing.T) {
	session, ended, said := idleSession(t)
	ended.askToStop(&CancelRequest{Cause: CancelByClient})
	session.dueNow("a", ended)
	if ended.settle != nil {
		t.Errorf("abandoned: %v", ended.settle)
	}
	session.drain = &drain{}
	session.releaseAll()
	if ended.settle != nil {
		t.Errorf("given back: %v", ended.settle)
	}
	// It is said as soon as there is a stream.
	session.stream = &workStream{reports: make(chan *tidemillv1.WorkRequest, 1), control: newOutbox[*tidemillv1.WorkRequest]()}
	session.forward(said)
	if sent := <-session.stream.reports; sent.GetComplete() == nil || ended.settle != sent {
		t.Errorf("%v", sent)
	}
	// One that still runs is.
	session.held["b"] = &held{attempt: newAttempt(assignment("b"), session.reports), cancel: func(error) {}}
	session.releaseAll()
	if !session.held["b"].settle.GetRelease().GetDraining() {
		t.Error("not given back")
	}
}

func TestAStopWhileARegistrationIsOnItsWay(t *testing.T) {
	server := newFake(t)
	worker := server.start(t, func(context.Context, *Attempt) (Payload, error) { t.Error("ran"); return Payload{}, nil })
	work := server.nextWork(t)
	work.next(t)
	worker.stop()
	heard[WorkerDraining](t, worker)
	// Tasks come with the answer: the half-close gives them back, uncharged.
	work.accept(t, pingEvery)
	work.assign(t, assignment("a"))
	work.credits(t, 0)
	if err := work.howClosed(t); !errors.Is(err, io.EOF) {
		t.Errorf("not half-closed: %v", err)
	}
	work.end <- nil
	if err := worker.end(t); err != nil {
		t.Error(err)
	}
}

func TestAbandoningAnOpeningEndsItOnlyBeforeTheServerKnows(t *testing.T) {
	server := newFake(t)
	client := server.client(t)
	register := &tidemillv1.Register{Kinds: []string{"k"}}
	early := newOpening(t.Context(), client.worker, soon, register)
	early.abandon()
	if found := early.run(); found.stream != nil || found.err.Kind != KindCanceled || len(server.works) != 0 {
		t.Errorf("%+v", found)
	}
	late := newOpening(t.Context(), client.worker, soon, register)
	found := make(chan opened, 1)
	go func() { found <- late.run() }()
	work := server.nextWork(t)
	late.abandon()
	work.register(t, pingEvery)
	got := <-found
	if got.err != nil {
		t.Fatal(got.err)
	}
	got.stream.close()
}

func TestAnAssignmentThatCrossesTheStopIsGivenBack(t *testing.T) {
	server := newFake(t)
	release := make(chan struct{})
	worker := server.start(t, func(_ context.Context, task *Attempt) (Payload, error) {
		if task.TaskID != "task-a" {
			t.Errorf("%s ran", task.TaskID)
		}
		<-release
		return Text("done"), nil
	})
	work := server.nextWork(t)
	work.register(t, pingEvery)
	work.assign(t, assignment("a"))
	heard[TaskStarted](t, worker)
	worker.stop()
	work.credits(t, 0)
	work.assign(t, assignment("b"))
	if said := work.next(t).GetRelease(); said.GetLeaseToken() != "b" || !said.GetDraining() {
		t.Errorf("%v", said)
	}
	close(release)
	work.nextIsComplete(t)
	work.settled(t, "a", StateSucceeded)
	// The answer to the release is waited for, too.
	worker.leavesAfterTheLastAnswer(t, work, "b", StateQueued)
	for len(worker.events) > 0 {
		if settled, ok := (<-worker.events).(TaskSettled); ok && settled.Task.TaskID == "task-b" {
			t.Error("told of a task that nobody has heard of")
		}
	}
}

func TestATaskOfAnUnknownKindGoesBack(t *testing.T) {
	server := newFake(t)
	worker := server.start(t, done)
	work := server.nextWork(t)
	work.register(t, pingEvery)
	strange := assignment("a")
	strange.Kind = "other"
	work.assign(t, strange)
	if said := work.next(t).GetRelease(); said.GetLeaseToken() != "a" || said.GetDraining() || said.GetCancelled() {
		t.Errorf("%v", said)
	}
	work.settled(t, "a", StateQueued)
	worker.finish(t, work)
}

func TestWhatAReplicaAssignsAfterItsDrainIsRunAndNamed(t *testing.T) {
	server := newFake(t)
	release := make(chan struct{})
	worker := server.start(t, func(context.Context, *Attempt) (Payload, error) { <-release; return Text("done"), nil })
	old := server.nextWork(t)
	old.register(t, pingEvery)
	old.assign(t, assignment("a"))
	heard[TaskStarted](t, worker)
	old.drain(t)
	next := server.nextWork(t)
	if register := next.next(t).GetRegister(); !slices.Equal(register.GetHeld(), []string{"a"}) {
		t.Fatalf("%v", register)
	}
	// The registration is on its way already.
	old.assign(t, assignment("b"))
	if event := heard[TaskStarted](t, worker); event.Task.TaskID != "task-b" {
		t.Errorf("%+v", event)
	}
	next.accept(t, pingEvery, "a")
	last := server.nextWork(t)
	register := last.register(t, pingEvery, "a", "b")
	if held := register.GetHeld(); len(held) != 2 || !slices.Contains(held, "b") {
		t.Errorf("holds %v", held)
	}
	last.credits(t, 4)
	for _, left := range []*fakeWork{old, next} {
		if err := left.howClosed(t); errors.Is(err, io.EOF) {
			t.Error("half-closed, which gives back what is held")
		}
	}
	close(release)
	for range 2 {
		last.nextIsComplete(t)
	}
	last.settled(t, "a", StateSucceeded)
	last.settled(t, "b", StateSucceeded)
	heard[TaskSettled](t, worker)
	heard[TaskSettled](t, worker)
	worker.finish(t, last)
}

func TestALeaseThatWasNotNamedIsLostAtOnce(t *testing.T) {
	session, unnamed, _ := idleSession(t)
	unnamed.settle = releaseMessage(&tidemillv1.ReleaseTaskRequest{LeaseToken: "a"})
	stream := &workStream{control: newOutbox[*tidemillv1.WorkRequest](), registered: &tidemillv1.Registered{}, close: func() {}}
	session.adopt(stream, &opening{register: &tidemillv1.Register{}, named: map[string]bool{}})
	if !stream.leaving || !session.wantsStream() {
		t.Error("nobody names it")
	}
	session.leaseLost("a")
	if session.held["a"] != nil {
		t.Error("waits for the answer to a registration that did not name it")
	}
}

func TestAProxysRefusalDoesNotEndAWorkerThatHasWorked(t *testing.T) {
	server := newFake(t)
	worker := server.start(t, done)
	first := server.nextWork(t)
	first.register(t, pingEvery)
	first.end <- status.Error(codes.Unavailable, "gone")
	server.nextWork(t).end <- status.Error(codes.PermissionDenied, "a proxy in maintenance")
	third := server.nextWork(t)
	third.register(t, pingEvery)
	third.end <- status.Error(codes.Unavailable, "gone")
	server.nextWork(t).end <- refusal(codes.InvalidArgument, info(ReasonInvalidRequest))
	if err := worker.end(t); of(t, err).Reason != ReasonInvalidRequest {
		t.Error(err)
	}
}
