package tidemill

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

func TestAProbeThatHangsHoldsUpTheLineForASecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := NewClient("127.0.0.1:1", WithTimeout(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = client.Close() }()
		link := client.gateway
		link.line.away(newError(KindUnreachable, OutcomeNotApplied, "", "m"))
		hangs := make(chan struct{})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = call(t.Context(), link, client.limits, func(ctx context.Context, _ grpc.ClientConnInterface) (int, error) {
				close(hangs)
				<-ctx.Done()
				return 0, ctx.Err()
			})
		}()
		<-hangs
		begun := time.Now()
		answer, failed := call(t.Context(), link, client.limits, func(context.Context, grpc.ClientConnInterface) (int, error) {
			return 7, nil
		})
		if failed != nil || answer != 7 || time.Since(begun) != probeCap {
			t.Errorf("%d %v after %v", answer, failed, time.Since(begun))
		}
		<-ended
		if len(link.line.turn) != 0 {
			t.Error("the probe that hung keeps the turn")
		}
	})
}

func TestATryWithoutTimeIsNotMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := NewClient("127.0.0.1:1", WithTimeout(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = client.Close() }()
		line := client.gateway.line
		line.away(refused(refusal(codes.Unavailable, info(ReasonDraining))))
		// The next probe is due when there are only milliseconds left.
		line.notBefore = time.Now().Add(time.Minute - near/2)
		tries := 0
		_, failed := call(t.Context(), client.gateway, client.limits, func(context.Context, grpc.ClientConnInterface) (int, error) {
			tries++
			return 0, nil
		})
		if tries != 0 || failed.Reason != ReasonDraining || failed.Outcome != OutcomeNotApplied {
			t.Errorf("%d tries, %v: %v", tries, failed.Outcome, failed)
		}
	})
}

func TestAWatchDoesNotStandInLineForEver(t *testing.T) {
	client, err := NewClient(freeAddress(t), WithTimeout(200*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	// Somebody else has the turn for good.
	client.results.line.away(newError(KindUnreachable, OutcomeNotApplied, client.results.address, "refused"))
	client.results.line.turn <- struct{}{}
	ctx := deadlineIn(t, soon)
	_, failed := ResultOf(client.Watch(ctx, "T"))
	if of(t, failed).Kind != KindUnreachable || ctx.Err() != nil {
		t.Errorf("%v, %v", failed, ctx.Err())
	}
	// Whoever leaves is told so.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, failed := ResultOf(client.Watch(ctx, "T")); of(t, failed).Kind != KindCanceled {
		t.Error(failed)
	}
}

func TestALaterTryOfALongPollAsksToBeKeptForLess(t *testing.T) {
	const pause = 300 * time.Millisecond
	server := newFake(t)
	var waits []time.Duration
	server.onResult = func(request *tidemillv1.GetResultRequest) (*tidemillv1.GetResultResponse, error) {
		waits = append(waits, request.GetWait().AsDuration())
		if len(waits) == 1 {
			return nil, refusal(codes.ResourceExhausted, info(ReasonMemoryExhausted), retryInfo(pause))
		}
		return &tidemillv1.GetResultResponse{State: tidemillv1.TaskState_TASK_STATE_SUCCEEDED}, nil
	}
	const wait = 20 * time.Second
	found, err := server.client(t).Wait(t.Context(), "T", wait)
	if err != nil || found.State != StateSucceeded || len(waits) != 2 {
		t.Fatalf("%+v %v after %v", found, err, waits)
	}
	if waits[0] > wait || waits[1] > wait-pause {
		t.Errorf("asked to be kept waiting for %v", waits)
	}
}
