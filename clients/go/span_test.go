package tidemill

import (
	"context"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

const endless = time.Duration(math.MaxInt64)

func TestSpansOfTheServerSaturate(t *testing.T) {
	for _, c := range []struct {
		message *durationpb.Duration
		want    time.Duration
	}{
		{nil, 0},
		{&durationpb.Duration{Seconds: 2}, 2 * time.Second},
		{&durationpb.Duration{Seconds: -1}, 0},
		{&durationpb.Duration{Seconds: math.MinInt64, Nanos: math.MinInt32}, 0},
		{&durationpb.Duration{Seconds: math.MaxInt64, Nanos: math.MaxInt32}, longest},
	} {
		if got := spanFrom(c.message); got != c.want {
			t.Errorf("%v: %v", c.message, got)
		}
	}
	if jittered(100, endless) < 0 || jittered(100, -endless) != 0 {
		t.Error("a backoff overflows")
	}
}

func TestAServerThatAsksForYearsIsNotAskedAgainAtOnce(t *testing.T) {
	hint := protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: &durationpb.Duration{Seconds: math.MaxInt64}})
	for _, code := range []codes.Code{codes.Unavailable, codes.ResourceExhausted} {
		synctest.Test(t, func(t *testing.T) {
			client, err := NewClient("127.0.0.1:1")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = client.Close() }()
			asked := refusal(code, info(ReasonStoreUnavailable), hint)
			_, failed := call(t.Context(), client.gateway, client.limits, func(context.Context, grpc.ClientConnInterface) (int, error) {
				return 0, asked
			})
			if tries := client.Stats().Attempts; tries != 1 || failed.RetryAfter != longest {
				t.Errorf("%v after %d tries: %v", failed.RetryAfter, tries, failed)
			}
			watch := patience{first: client.limits, settings: watchSettings(nil), established: true}
			if pause, failed := watch.bear(refused(asked), false); failed == nil {
				t.Errorf("a watch opens the next stream after %v", pause)
			}
		})
	}
}

func TestEndlessSettingsAreTakenAsVeryLong(t *testing.T) {
	server := newFake(t)
	server.onEnqueue = stored
	server.onResult = func(*tidemillv1.GetResultRequest) (*tidemillv1.GetResultResponse, error) {
		return &tidemillv1.GetResultResponse{State: tidemillv1.TaskState_TASK_STATE_SUCCEEDED}, nil
	}
	server.onWatch = play(script{nil, refusal(codes.Unavailable)}, script{[]*tidemillv1.TaskEvent{resultEvent(1)}, nil})
	client := server.client(t, WithTimeout(endless))
	if found, err := client.Wait(t.Context(), "T", endless); err != nil || found.State != StateSucceeded {
		t.Errorf("%+v %v", found, err)
	}
	if _, err := ResultOf(client.Watch(t.Context(), "T", GiveUpAfter(endless))); err != nil {
		t.Error(err)
	}
	// What the contract limits is sent as it is: the server names the field and the limit.
	years := Task{Kind: "k", Delay: endless, ResultRetention: endless, ExpiresIn: endless, AttemptTimeout: -endless,
		RetryPolicy: RetryPolicy{MaxBackoff: endless}}
	if _, err := client.Enqueue(t.Context(), years); err != nil {
		t.Fatal(err)
	}
	sent := server.seen()[0]
	if sent.GetDelay().AsDuration() != endless || sent.GetResultRetention().AsDuration() != endless || sent.GetAttemptTimeout().AsDuration() != -endless {
		t.Errorf("%v", sent)
	}
}

func TestAWorkerWithEndlessSpans(t *testing.T) {
	server := newFake(t)
	worker := startWith(t, server.client(t, WithTimeout(endless)), done, WithGrace(endless), WithCancelGrace(endless), WithConnectWithin(endless))
	work := server.nextWork(t)
	work.register(t, endless)
	heard[WorkerConnected](t, worker)
	if !worker.IsHealthy() {
		t.Errorf("%v with pings that never come", worker.Status())
	}
	work.assign(t, assignment("a"))
	work.askToStop(t, "a", CancelByClient)
	if work.next(t).GetComplete() == nil {
		t.Error("not completed")
	}
	work.settled(t, "a", StateSucceeded)
	heard[TaskSettled](t, worker)
	worker.finish(t, work)
}

func TestARetryAfterBeyondTheLimitIsCutToIt(t *testing.T) {
	// The server would refuse the whole failure, and the task would count as crashed.
	failure := &Failure{Message: strings.Repeat("m", 3), RetryAfter: endless}
	if got := failure.settle("t").GetFail().GetRetryAfter().AsDuration(); got != 7*24*time.Hour {
		t.Error(got)
	}
	failure.RetryAfter = -endless
	if got := failure.settle("t").GetFail().GetRetryAfter(); got != nil {
		t.Error(got)
	}
}
