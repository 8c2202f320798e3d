package tidemill

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

func TestEveryUserOfAConnectionLeavesIt(t *testing.T) {
	server := newFake(t)
	server.onEnqueue = stored
	server.onWatch = play(script{nil, refusal(codes.NotFound, info(ReasonTaskNotFound))})
	client := server.client(t)
	if _, err := client.Enqueue(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	if _, err := ResultOf(client.Watch(t.Context(), "T")); of(t, err).Reason != ReasonTaskNotFound {
		t.Fatal(err)
	}
	if users := client.gateway.current.users; users != 0 {
		t.Errorf("%d users are left", users)
	}
}

func TestAConnectionThatCouldNotConnectIsReplacedAndClosedByItsLastUser(t *testing.T) {
	client, err := NewClient(freeAddress(t), WithTimeout(time.Minute), WithMaxTries(1))
	if err != nil {
		t.Fatal(err)
	}
	first, release, refused := client.gateway.acquire()
	if refused != nil {
		t.Fatal(refused)
	}
	first.Connect()
	for state := first.GetState(); state != connectivity.TransientFailure; state = first.GetState() {
		if !first.WaitForStateChange(deadlineIn(t, soon), state) {
			t.Fatal("did not fail")
		}
	}
	second, releaseSecond, _ := client.gateway.acquire()
	if second == first {
		t.Error("a try would be answered with the failure of the one before")
	}
	if state := first.GetState(); state == connectivity.Shutdown {
		t.Error("closed while it is used")
	}
	release()
	release() // harmless
	if state := first.GetState(); state != connectivity.Shutdown {
		t.Errorf("not closed: %v", state)
	}
	releaseSecond()
}

func deadlineIn(t *testing.T, span time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), span)
	t.Cleanup(cancel)
	return ctx
}

func TestRetriesOfACallTakeFromTheBudgetAndAnswersFillIt(t *testing.T) {
	server := newFake(t)
	server.onEnqueue = func(ctx context.Context, request *tidemillv1.EnqueueRequest) (*tidemillv1.EnqueueResponse, error) {
		if len(server.seen()) == 1 {
			return nil, refusal(codes.Unavailable)
		}
		return stored(ctx, request)
	}
	client := server.client(t)
	budget := &client.gateway.line.budget
	// Nothing comes by itself during this test.
	budget.fifths, budget.filled = 100, time.Now().Add(time.Hour)
	if _, err := client.Enqueue(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	if want := 100 - retryCost + 1; budget.fifths != want {
		t.Errorf("%d fifths instead of %d", budget.fifths, want)
	}
}
