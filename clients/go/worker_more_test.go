package tidemill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

func (w *fakeWork) askToStop(t *testing.T, token string, cause CancelCause) {
	t.Helper()
	asked := &tidemillv1.CancelRequested{LeaseToken: token, Cause: tidemillv1.CancelCause(cause), Reason: "enough"}
	w.send(t, &tidemillv1.WorkResponse{Message: &tidemillv1.WorkResponse_CancelRequested{CancelRequested: asked}})
}

func (w *fakeWork) refuse(t *testing.T, token string, reason Reason) {
	t.Helper()
	refused := &tidemillv1.Refused{LeaseToken: token, Reason: string(reason), Message: "m"}
	w.send(t, &tidemillv1.WorkResponse{Message: &tidemillv1.WorkResponse_Refused{Refused: refused}})
}

func TestAHandlerIsAskedToStop(t *testing.T) {
	server := newFake(t)
	causes := make(chan error, 8)
	worker := server.start(t, func(ctx context.Context, task *Attempt) (Payload, error) {
		<-ctx.Done()
		causes <- context.Cause(ctx)
		if task.TaskID == "task-anyway" {
			// After the request the handler's context is of no use, but its word counts.
			if err := task.Chunk(ctx, Text("x")); err == nil {
				t.Error("a chunk with a context that has ended")
			}
			return Text("anyway"), task.Chunk(context.WithoutCancel(ctx), Text("x"))
		}
		return Payload{}, ctx.Err()
	}, WithCancelGrace(time.Hour))
	work := server.nextWork(t)
	work.register(t, pingEvery)
	for _, c := range []struct {
		token string
		cause CancelCause
		want  func(*tidemillv1.WorkRequest) bool
	}{
		{"agrees", CancelByClient, agreed},
		{"late", CancelAttemptTimeout, failedLate},
		{"newer", CancelCause(77), agreed}, // a cause that this version does not know
		{"anyway", CancelByExpiry, func(s *tidemillv1.WorkRequest) bool { return s.GetProgress().GetOutputChunk().GetText() == "x" }},
	} {
		work.assign(t, assignment(c.token))
		heard[TaskStarted](t, worker)
		work.askToStop(t, c.token, c.cause)
		if said := work.next(t); !c.want(said) {
			t.Errorf("%s: %v", c.token, said)
		}
		if c.token == "anyway" {
			if said := work.next(t); said.GetComplete().GetOutput().GetText() != "anyway" {
				t.Errorf("%v", said)
			}
		}
		var asked *CancelRequest
		if cause := <-causes; !errors.As(cause, &asked) || asked.Cause != c.cause || asked.Reason != "enough" {
			t.Errorf("%s: %v", c.token, cause)
		}
		work.settled(t, c.token, StateCancelled)
		heard[TaskSettled](t, worker)
	}
	worker.finish(t, work)
}

func agreed(said *tidemillv1.WorkRequest) bool { return said.GetRelease().GetCancelled() }

func failedLate(said *tidemillv1.WorkRequest) bool {
	return said.GetFail().GetType() == "AttemptTimeout" && !said.GetFail().GetPermanent()
}

func TestAHandlerThatDoesNotHearIsAbandoned(t *testing.T) {
	server := newFake(t)
	over := make(chan struct{})
	defer close(over)
	worker := server.start(t, func(context.Context, *Attempt) (Payload, error) { <-over; return Payload{}, nil }, WithCancelGrace(time.Millisecond))
	work := server.nextWork(t)
	work.register(t, pingEvery)
	for token, cause := range map[string]CancelCause{"deaf": CancelByClient, "late": CancelAttemptTimeout} {
		work.assign(t, assignment(token))
		heard[TaskStarted](t, worker)
		work.askToStop(t, token, cause)
		if said := work.next(t); agreed(said) != (token == "deaf") || failedLate(said) != (token == "late") {
			t.Errorf("%s: %v", token, said)
		}
		work.settled(t, token, StateCancelled)
		heard[TaskSettled](t, worker)
	}
	worker.finish(t, work)
}

func TestALostLeaseStopsItsHandlerAndNothingItSaysIsSent(t *testing.T) {
	server := newFake(t)
	causes := make(chan error, 1)
	worker := server.start(t, func(ctx context.Context, _ *Attempt) (Payload, error) {
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return Text("stale"), nil
	})
	work := server.nextWork(t)
	work.register(t, pingEvery)
	work.assign(t, assignment("a"))
	heard[TaskStarted](t, worker)
	work.lost(t, "a")
	heard[TaskLost](t, worker)
	if cause := <-causes; !errors.Is(cause, ErrLeaseLost) {
		t.Error(cause)
	}
	// Its settle would come before the credits.
	worker.finish(t, work)
}

func TestWhatTheServerRefuses(t *testing.T) {
	server := newFake(t)
	second := make(chan struct{})
	worker := server.start(t, func(ctx context.Context, task *Attempt) (Payload, error) {
		if task.TaskID != "task-chunk" {
			return Text("out"), nil
		}
		if err := task.Chunk(ctx, Text("one")); err != nil {
			t.Error(err)
		}
		<-second
		var refused *ChunkError
		if err := task.Chunk(ctx, Text("two")); !errors.As(err, &refused) || !strings.Contains(refused.Refused, "MEMORY_EXHAUSTED") {
			t.Errorf("%v", err)
		}
		return Payload{}, nil
	})
	work := server.nextWork(t)
	work.register(t, pingEvery)
	// A report: the next one says so.
	work.assign(t, assignment("chunk"))
	work.next(t)
	work.refuse(t, "chunk", ReasonMemoryExhausted)
	heard[TaskRefused](t, worker)
	close(second)
	if work.next(t).GetComplete() == nil {
		t.Error("not completed")
	}
	// A settle, for the moment: said again.
	work.refuse(t, "chunk", ReasonStoreUnavailable)
	if work.next(t).GetComplete().GetLeaseToken() != "chunk" {
		t.Error("not said again")
	}
	work.settled(t, "chunk", StateSucceeded)
	// An output, for good: a permanent failure.
	work.assign(t, assignment("output"))
	work.next(t)
	work.refuse(t, "output", ReasonInvalidRequest)
	if fail := work.next(t).GetFail(); !fail.GetPermanent() || !strings.Contains(fail.GetMessage(), "INVALID_REQUEST") {
		t.Errorf("%v", fail)
	}
	// That, too: the lease is left to expire.
	work.refuse(t, "output", ReasonInvalidRequest)
	heard[TaskRefused](t, worker)
	worker.finish(t, work)
}

func TestChunksAreChecked(t *testing.T) {
	server := newFake(t)
	worker := server.start(t, func(ctx context.Context, task *Attempt) (Payload, error) {
		var refused *ChunkError
		if err := task.Chunk(ctx, Bytes(make([]byte, 64<<10))); !errors.As(err, &refused) || refused.Size <= 64<<10 {
			t.Errorf("%v", err)
		}
		if err := task.Chunk(ctx, Text("\xff")); !errors.Is(err, ErrUnserializable) {
			t.Errorf("%v", err)
		}
		task.Progress(7, "x"+strings.Repeat("é", 2000))
		return Payload{}, nil
	})
	work := server.nextWork(t)
	work.register(t, pingEvery)
	work.assign(t, assignment("a"))
	progress := work.next(t).GetProgress().GetProgress()
	if progress.GetFraction() != 1 || len(progress.GetMessage()) != 1023 {
		t.Errorf("%v", progress)
	}
	if work.next(t).GetComplete() == nil {
		t.Error("not completed")
	}
	work.settled(t, "a", StateSucceeded)
	heard[TaskSettled](t, worker)
	worker.finish(t, work)
}

func TestChunksWaitForRoom(t *testing.T) {
	server := newFake(t)
	gone, full := make(chan struct{}), make(chan struct{})
	worker := server.start(t, func(ctx context.Context, task *Attempt) (Payload, error) {
		<-gone
		for range waitingReports {
			if err := task.Chunk(ctx, Text("piece")); err != nil {
				return Payload{}, err
			}
		}
		// One more finds no room as long as there is no stream.
		short, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		if err := task.Chunk(short, Text("too much")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("did not wait: %v", err)
		}
		close(full)
		return Payload{}, task.Chunk(ctx, Text("last"))
	})
	first := server.nextWork(t)
	first.register(t, pingEvery)
	first.assign(t, assignment("a"))
	first.end <- status.Error(codes.Unavailable, "gone")
	heard[WorkerDisconnected](t, worker)
	close(gone)
	second := server.nextWork(t)
	waitFor(t, full)
	second.register(t, pingEvery, "a")
	pieces, last := 0, ""
	said := second.next(t)
	for ; said.GetProgress() != nil; said = second.next(t) {
		pieces, last = pieces+1, said.GetProgress().GetOutputChunk().GetText()
	}
	if said.GetComplete() == nil || pieces != waitingReports+1 || last != "last" {
		t.Errorf("%d pieces, %q, then %v", pieces, last, said)
	}
	second.settled(t, "a", StateSucceeded)
	heard[TaskSettled](t, worker)
	worker.finish(t, second)
}

func TestARefusedRegistrationEndsTheWorker(t *testing.T) {
	server := newFake(t)
	worker := server.start(t, done, WithQueues("no queue"))
	work := server.nextWork(t)
	if register := work.next(t).GetRegister(); register.GetQueues()[0] != "no queue" {
		t.Errorf("%v", register)
	}
	work.end <- refusal(codes.InvalidArgument, info(ReasonInvalidRequest))
	if err := worker.end(t); of(t, err).Reason != ReasonInvalidRequest {
		t.Error(err)
	}
}

func TestARefusalOfAStreamThatWasRegisteredIsMended(t *testing.T) {
	server := newFake(t)
	worker := server.start(t, done)
	first := server.nextWork(t)
	first.register(t, pingEvery)
	heard[WorkerConnected](t, worker)
	// As after a pause of this whole process.
	first.end <- refusal(codes.FailedPrecondition, info(ReasonProtocolViolation))
	if err := heard[WorkerDisconnected](t, worker).Err; of(t, err).Reason != ReasonProtocolViolation {
		t.Error(err)
	}
	second := server.nextWork(t)
	second.register(t, pingEvery)
	worker.finish(t, second)
}

func TestAConnectionThatFlapsKeepsWhatIsHeld(t *testing.T) {
	server := newFake(t)
	release := make(chan struct{})
	worker := server.start(t, func(ctx context.Context, _ *Attempt) (Payload, error) {
		select {
		case <-release:
			return Text("kept"), nil
		case <-ctx.Done():
			return Payload{}, context.Cause(ctx)
		}
	})
	work := server.nextWork(t)
	work.register(t, pingEvery)
	work.assign(t, assignment("a"))
	heard[TaskStarted](t, worker)
	for i := range 6 {
		work.end <- status.Error(codes.Unavailable, fmt.Sprint(i))
		work = server.nextWork(t)
		if register := work.register(t, pingEvery, "a"); len(register.GetHeld()) != 1 || register.GetCredits() != 4 {
			t.Errorf("%v", register)
		}
	}
	close(release)
	if said := work.next(t).GetComplete(); said.GetOutput().GetText() != "kept" {
		t.Errorf("%v", said)
	}
	work.settled(t, "a", StateSucceeded)
	heard[TaskSettled](t, worker)
	worker.finish(t, work)
}

func TestAWorkerWaitsForItsServerUnlessToldNotTo(t *testing.T) {
	address := freeAddress(t)
	client, err := NewClient(address)
	if err != nil {
		t.Fatal(err)
	}
	impatient := startWith(t, client, done, WithConnectWithin(200*time.Millisecond))
	if err := impatient.end(t); of(t, err).Kind != KindUnreachable {
		t.Error(err)
	}
	patient := startWith(t, client, done)
	heard[WorkerDisconnected](t, patient)
	server := &fake{works: make(chan *fakeWork, 4)}
	server.listen(t, address)
	work := server.nextWork(t)
	work.register(t, pingEvery)
	if event := heard[WorkerConnected](t, patient); event.Address != "http://"+address {
		t.Errorf("%+v", event)
	}
	patient.finish(t, work)
}

func TestAStopWhileTheServerIsAwayEndsAtOnceIfNothingIsHeld(t *testing.T) {
	client, err := NewClient(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	worker := startWith(t, client, done)
	heard[WorkerDisconnected](t, worker)
	worker.stop()
	begun := time.Now()
	if err := worker.end(t); err != nil || time.Since(begun) > soon {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}

func TestAHandlersContextCarriesItsTraceAndTheValuesOfRun(t *testing.T) {
	server := newFake(t)
	server.onEnqueue = stored
	client := server.client(t)
	type key struct{}
	worker := NewWorker(client, WithLogger(quiet))
	worker.Handle("k", func(ctx context.Context, _ *Attempt) (Payload, error) {
		if ctx.Value(key{}) != "value" {
			t.Error("the values of Run's context are gone")
		}
		_, err := client.Enqueue(ctx, task)
		return Payload{}, err
	})
	ctx, stop := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	work := server.nextWork(t)
	work.register(t, pingEvery)
	traced := assignment("a")
	traced.TraceContext = &tidemillv1.TraceContext{Traceparent: "00-1-2-01", Tracestate: "a=b"}
	work.assign(t, traced)
	if work.next(t).GetComplete() == nil {
		t.Error("not completed")
	}
	if sent := server.seen()[0].GetTraceContext(); sent.GetTraceparent() != "00-1-2-01" || sent.GetTracestate() != "a=b" {
		t.Errorf("%v", sent)
	}
	work.settled(t, "a", StateSucceeded)
	stop()
	work.end <- nil
	<-ended
}
