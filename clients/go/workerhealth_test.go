package tidemill

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestAWorkerIsHealthyOnlyWhileItIsConnected(t *testing.T) {
	server := newFake(t)
	idle := NewWorker(server.client(t), WithLogger(quiet))
	if idle.IsHealthy() || idle.Status() != WorkerStatusIdle {
		t.Error("healthy before it runs")
	}
	worker := server.start(t, done)
	work := server.nextWork(t)
	if worker.IsHealthy() || worker.Status() != WorkerStatusConnecting {
		t.Errorf("%v before it is registered", worker.Status())
	}
	work.register(t, pingEvery)
	heard[WorkerConnected](t, worker)
	if !worker.IsHealthy() {
		t.Errorf("%v although it receives", worker.Status())
	}
	if err := worker.Run(t.Context()); of(t, err).Kind != KindInvalid {
		t.Error("runs twice")
	}
	work.end <- status.Error(codes.Unavailable, "gone")
	heard[WorkerDisconnected](t, worker)
	if worker.IsHealthy() || worker.Status() != WorkerStatusConnecting {
		t.Errorf("%v without a stream", worker.Status())
	}
	next := server.nextWork(t)
	next.register(t, pingEvery)
	worker.finish(t, next)
	if worker.IsHealthy() || worker.Status() != WorkerStatusStopped {
		t.Errorf("%v after the end", worker.Status())
	}
}

// As when the whole process is paused, or a listener blocks: the goroutine that holds the stream does not run, and pings are not answered.
func TestAWorkerWhoseSessionHangsLooksStalled(t *testing.T) {
	server := newFake(t)
	blocked, goOn := make(chan struct{}), make(chan struct{})
	client := server.client(t)
	worker := NewWorker(client, WithLogger(quiet), WithListener(func(event WorkerEvent) {
		if _, ok := event.(TaskStarted); ok {
			close(blocked)
			<-goOn
		}
	}))
	worker.Handle("k", done)
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(t.Context()) }()
	work := server.nextWork(t)
	work.register(t, time.Millisecond) // the shortest silence counts
	work.assign(t, assignment("a"))
	waitFor(t, blocked)
	// Nothing can push this back any more.
	<-time.After(time.Until(time.Unix(0, worker.receivingUntil.Load())) + time.Millisecond)
	if worker.IsHealthy() || worker.Status() != WorkerStatusStalled {
		t.Errorf("%v although it hears nothing", worker.Status())
	}
	close(goOn)
	for {
		select {
		case next := <-server.works:
			next.end <- refusal(codes.InvalidArgument, info(ReasonInvalidRequest))
		case err := <-ended:
			if of(t, err).Reason != ReasonInvalidRequest {
				t.Error(err)
			}
			return
		case <-time.After(soon):
			t.Fatal("did not end")
		}
	}
}

func TestAWorkerFullOfDeafHandlersLooksStuck(t *testing.T) {
	server := newFake(t)
	hear := make(chan struct{})
	defer close(hear)
	worker := server.start(t, func(context.Context, *Attempt) (Payload, error) { <-hear; return Payload{}, nil },
		WithConcurrency(2), WithCancelGrace(time.Millisecond))
	work := server.nextWork(t)
	work.register(t, pingEvery)
	for _, token := range []string{"a", "b"} {
		work.assign(t, assignment(token))
		heard[TaskStarted](t, worker)
		if !worker.IsHealthy() {
			t.Errorf("%v before %s", worker.Status(), token)
		}
		work.askToStop(t, token, CancelByClient)
		if !agreed(work.next(t)) {
			t.Error("not abandoned")
		}
		work.settled(t, token, StateCancelled)
		heard[TaskSettled](t, worker)
	}
	<-time.After(2 * deafAfter)
	if worker.IsHealthy() || worker.Status() != WorkerStatusStuck {
		t.Errorf("%v although no handler ends", worker.Status())
	}
	worker.finish(t, work)
}

func TestOnlyHandlersThatDoNotEndAreInTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		worker := NewWorker(nil, WithConcurrency(2), WithLogger(quiet))
		worker.status.Store(int32(WorkerStatusReceiving))
		worker.receivingUntil.Store(time.Now().Add(time.Hour).UnixNano())
		session := &session{worker: worker}
		letGo := func() *job {
			held := &held{attempt: newAttempt(assignment("a"), nil), cancel: func(error) {}}
			session.stop(held, ErrLeaseLost)
			return &job{handler: done, attempt: held.attempt, log: quiet, deaf: &worker.deaf}
		}
		first, second := letGo(), letGo()
		time.Sleep(time.Second)
		if !worker.IsHealthy() {
			t.Error("has no patience with handlers that are about to end")
		}
		time.Sleep(time.Millisecond)
		if worker.Status() != WorkerStatusStuck {
			t.Error(worker.Status())
		}
		first.run(t.Context())
		if !worker.IsHealthy() {
			t.Errorf("%v although one has ended", worker.Status())
		}
		second.run(t.Context())
		// One that ended before it was let go is not waited for.
		over := &held{attempt: first.attempt, cancel: func(error) {}, stopped: true}
		session.stop(over, ErrLeaseLost)
		if len(worker.deaf.all) != 0 {
			t.Errorf("%d are left", len(worker.deaf.all))
		}
	})
}
