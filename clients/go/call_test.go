package tidemill

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

var task = Task{Kind: "k"}

func TestAWrongAddressIsOneClearLine(t *testing.T) {
	address := freeAddress(t)
	client, err := NewClient(address, WithTimeout(2*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_, err = client.Enqueue(t.Context(), task)
	found := of(t, err)
	if found.Kind != KindUnreachable || found.Outcome != OutcomeNotApplied || found.IdempotencyKey == "" {
		t.Errorf("%v %v %q", found.Kind, found.Outcome, found.IdempotencyKey)
	}
	text := found.Error()
	if !strings.Contains(text, "http://"+address) || !strings.Contains(text, "refused") || strings.ContainsAny(text, "\n\"") {
		t.Errorf("not one clear line: %s", text)
	}
	if took := time.Since(begun); took > soon {
		t.Errorf("took %v", took)
	}
	if client.Stats().Attempts < 2 {
		t.Errorf("never tried again: %+v", client.Stats())
	}
}

func TestUnavailableIsTriedAgainWithTheSameKey(t *testing.T) {
	server := newFake(t)
	var tries atomic.Int32
	server.onEnqueue = func(ctx context.Context, request *tidemillv1.EnqueueRequest) (*tidemillv1.EnqueueResponse, error) {
		if tries.Add(1) < 3 {
			return nil, refusal(codes.Unavailable, info(ReasonStoreUnavailable, "outcome", "unknown"))
		}
		return stored(ctx, request)
	}
	client := server.client(t)
	enqueued, err := client.Enqueue(t.Context(), task)
	if err != nil || enqueued.TaskID != "T" || enqueued.State != StateQueued {
		t.Fatalf("%+v %v", enqueued, err)
	}
	keys := map[string]bool{}
	for _, request := range server.seen() {
		keys[request.GetIdempotencyKey()] = true
	}
	if len(server.seen()) != 3 || len(keys) != 1 || keys[""] {
		t.Errorf("%d tries with keys %v", len(server.seen()), keys)
	}
	if stats := client.Stats(); stats != (Stats{Calls: 1, Attempts: 3}) {
		t.Errorf("%+v", stats)
	}
}

func TestOnlyWhatMayPassIsTriedAgain(t *testing.T) {
	cases := []struct {
		name  string
		err   error
		tries int
	}{
		{"invalid", refusal(codes.InvalidArgument, info(ReasonInvalidRequest)), 1},
		{"exhausted without a hint", refusal(codes.ResourceExhausted, info(ReasonQueueFull)), 1},
		{"internal", refusal(codes.Internal, info(ReasonInternal)), 1},
		{"exhausted with a hint", refusal(codes.ResourceExhausted, info(ReasonQueueFull), retryInfo(time.Millisecond)), 2},
		{"unavailable", refusal(codes.Unavailable), 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := newFake(t)
			server.onEnqueue = func(ctx context.Context, request *tidemillv1.EnqueueRequest) (*tidemillv1.EnqueueResponse, error) {
				if len(server.seen()) == 1 {
					return nil, c.err
				}
				return stored(ctx, request)
			}
			_, err := server.client(t).Enqueue(t.Context(), task)
			if got := len(server.seen()); got != c.tries || (err == nil) != (c.tries > 1) {
				t.Errorf("%d tries, %v", got, err)
			}
		})
	}
}

func TestTheServersHintIsHonoured(t *testing.T) {
	const hint = 400 * time.Millisecond
	server := newFake(t)
	server.onEnqueue = func(ctx context.Context, request *tidemillv1.EnqueueRequest) (*tidemillv1.EnqueueResponse, error) {
		if len(server.seen()) == 1 {
			return nil, refusal(codes.ResourceExhausted, info(ReasonQueueFull), retryInfo(hint))
		}
		return stored(ctx, request)
	}
	begun := time.Now()
	if _, err := server.client(t).Enqueue(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < hint {
		t.Errorf("came back after %v", took)
	}
	// A hint beyond the deadline is not waited for.
	begun = time.Now()
	server.onEnqueue = func(context.Context, *tidemillv1.EnqueueRequest) (*tidemillv1.EnqueueResponse, error) {
		return nil, refusal(codes.ResourceExhausted, info(ReasonQueueFull), retryInfo(time.Minute))
	}
	_, err := server.client(t).Enqueue(t.Context(), task)
	if found := of(t, err); found.Reason != ReasonQueueFull || found.RetryAfter != time.Minute || time.Since(begun) > soon {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}

func TestADeadlineEndsTheCallAndTheOutcomeIsUnknown(t *testing.T) {
	server := newFake(t)
	over := make(chan struct{})
	defer close(over)
	server.onEnqueue = func(ctx context.Context, _ *tidemillv1.EnqueueRequest) (*tidemillv1.EnqueueResponse, error) {
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > time.Second {
			t.Error("the deadline was not sent along")
		}
		// It says nothing before the caller has given up.
		<-over
		return nil, ctx.Err()
	}
	check := func(err error) {
		t.Helper()
		found := of(t, err)
		if found.Kind != KindDeadlineExceeded || found.Outcome != OutcomeUnknown || found.IdempotencyKey == "" {
			t.Errorf("%v %v: %v", found.Kind, found.Outcome, err)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error("errors.Is does not find the deadline")
		}
	}
	_, err := server.client(t, WithTimeout(time.Second)).Enqueue(t.Context(), task)
	check(err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = server.client(t).Enqueue(ctx, task)
	check(err)
}

func TestACallerMayLeave(t *testing.T) {
	server := newFake(t)
	arrived := make(chan struct{})
	server.onEnqueue = func(ctx context.Context, _ *tidemillv1.EnqueueRequest) (*tidemillv1.EnqueueResponse, error) {
		close(arrived)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err := server.client(t).Enqueue(ctx, task)
	if found := of(t, err); found.Kind != KindCanceled || found.Outcome != OutcomeUnknown || !errors.Is(err, context.Canceled) {
		t.Errorf("%v %v %v", found.Kind, found.Outcome, err)
	}
}

func TestAServerThatComesLateIsFound(t *testing.T) {
	server := &fake{works: make(chan *fakeWork, 1)}
	server.onEnqueue = stored
	address := freeAddress(t)
	client, err := NewClient(address, WithTimeout(soon))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Health(deadlineIn(t, 200*time.Millisecond), ""); err == nil || client.Stats().Attempts == 0 {
		t.Fatal("it is there already")
	}
	done := make(chan error, 1)
	go func() {
		_, err := client.Enqueue(t.Context(), task)
		done <- err
	}()
	server.listen(t, address)
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(soon):
		t.Error("not found")
	}
}

func TestCallersStandInLineWhileTheServerIsAway(t *testing.T) {
	client, err := NewClient(freeAddress(t), WithTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = client.Result(t.Context(), "first")
	before := client.Stats().Attempts
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := client.Result(t.Context(), "T"); of(t, err).Kind != KindUnreachable {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if tries := client.Stats().Attempts - before; tries > 15 {
		t.Errorf("50 callers made %d tries of a server that is known to be away", tries)
	}
}

func TestTheBudgetBoundsRetriesAndFillsByItself(t *testing.T) {
	// In a bubble, where time passes only while everybody sleeps.
	synctest.Test(t, func(t *testing.T) {
		budget := newBudget()
		for range mostTokens / retryCost {
			if _, taken := budget.tryTake(); !taken {
				t.Fatal("a full budget has a hundred retries")
			}
		}
		if _, taken := budget.tryTake(); taken {
			t.Fatal("an empty one has none")
		}
		for range retryCost {
			budget.earn()
		}
		if _, taken := budget.tryTake(); !taken {
			t.Error("five answered calls earn a retry")
		}
		begun := time.Now()
		for range 10 {
			if err := budget.take(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took != time.Second {
			t.Errorf("ten free retries took %v", took)
		}
		time.Sleep(time.Hour)
		if _, taken := budget.tryTake(); !taken || budget.fifths != mostTokens-retryCost {
			t.Errorf("%d fifths after an hour", budget.fifths)
		}
		budget.fifths = 0
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := budget.take(ctx); !errors.Is(err, context.Canceled) {
			t.Error("waits on for a caller who left")
		}
	})
}

func TestOneAtATimeProbesAndAnAnswerLetsAllGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newLine()
		line.away(newError(KindUnreachable, OutcomeNotApplied, "", "m"))
		leave, err := line.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var entered atomic.Int32
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				leave, err := line.enter(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				entered.Add(1)
				leave()
			})
		}
		synctest.Wait()
		if entered.Load() != 0 {
			t.Errorf("%d more probe", entered.Load())
		}
		line.back()
		leave()
		all.Wait()
		if entered.Load() != 10 {
			t.Errorf("%d of 10 go on", entered.Load())
		}
		// Whoever's time is over leaves the line.
		line.away(&Error{Kind: KindRefused, RetryAfter: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := line.enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if len(line.turn) != 0 {
			t.Error("and keeps the turn")
		}
	})
}

func TestTheBackoffIsBoundedAndGrows(t *testing.T) {
	longest := time.Duration(0)
	for range 500 {
		if wait := jittered(1, time.Second); wait < 0 || wait > backoffBase {
			t.Fatalf("%v after one failure", wait)
		}
		longest = max(longest, jittered(60, time.Second))
	}
	if longest > time.Second || longest < 800*time.Millisecond {
		t.Errorf("longest of 500 waits after many failures: %v", longest)
	}
}

func TestWhatCannotBeSentIsInvalid(t *testing.T) {
	server := newFake(t)
	server.onEnqueue = stored
	client := server.client(t)
	for name, bad := range map[string]Task{
		"kind":    {Kind: "\xff"},
		"label":   {Kind: "k", Labels: map[string]string{"a": "\xff"}},
		"payload": {Kind: "k", Payload: Text("\xff")},
		"start":   {Kind: "k", Delay: time.Second, RunAt: time.Now()},
	} {
		_, err := client.Enqueue(t.Context(), bad)
		if found := of(t, err); found.Kind != KindInvalid || found.Outcome != OutcomeNotApplied {
			t.Errorf("%s: %v %v", name, found.Kind, err)
		}
	}
	if len(server.seen()) != 0 {
		t.Error("something was sent")
	}
}

func TestAClosedClientSaysSo(t *testing.T) {
	server := newFake(t)
	server.onEnqueue = stored
	client := server.client(t)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := client.Enqueue(t.Context(), task)
	if found := of(t, err); found.Kind != KindInvalid || !strings.Contains(err.Error(), "closed") {
		t.Error(err)
	}
}

func TestUnknownValuesOfANewerServerSurvive(t *testing.T) {
	server := newFake(t)
	server.onResult = func(*tidemillv1.GetResultRequest) (*tidemillv1.GetResultResponse, error) {
		answer := &tidemillv1.GetResultResponse{TaskId: "T", State: 99, Error: &tidemillv1.TaskError{Reason: 98}}
		// A field that this version does not have.
		answer.ProtoReflect().SetUnknown([]byte{0xf8, 0x3f, 0x01})
		return answer, nil
	}
	found, err := server.client(t).Result(t.Context(), "T")
	if err != nil || found.State.String() != "TASK_STATE_99" || found.State.IsTerminal() || found.Error.Reason != "ERROR_REASON_98" {
		t.Errorf("%+v %v", found, err)
	}
	server.onResult = func(*tidemillv1.GetResultRequest) (*tidemillv1.GetResultResponse, error) {
		return nil, refusal(codes.FailedPrecondition, info("SOMETHING_NEW"))
	}
	if _, err := server.client(t).Result(t.Context(), "T"); of(t, err).Reason != "SOMETHING_NEW" {
		t.Error(err)
	}
	server.onResult = func(*tidemillv1.GetResultRequest) (*tidemillv1.GetResultResponse, error) {
		return nil, status.Error(codes.Code(77), "m")
	}
	if _, err := server.client(t).Result(t.Context(), "T"); of(t, err).Code != 77 || !strings.Contains(err.Error(), "CODE_77") {
		t.Error(err)
	}
}

func TestWaitAsksAgainUntilTheEnd(t *testing.T) {
	server := newFake(t)
	var asked atomic.Int32
	server.onResult = func(request *tidemillv1.GetResultRequest) (*tidemillv1.GetResultResponse, error) {
		// Near its end the second wait asks for nothing more.
		if request.GetWait() == nil && asked.Load() < 10 {
			t.Error("does not ask to be kept waiting")
		}
		state := tidemillv1.TaskState_TASK_STATE_RUNNING
		if asked.Add(1) == 2 {
			state = tidemillv1.TaskState_TASK_STATE_SUCCEEDED
		}
		return &tidemillv1.GetResultResponse{State: state}, nil
	}
	found, err := server.client(t).Wait(t.Context(), "T", soon)
	if err != nil || found.State != StateSucceeded || asked.Load() != 2 {
		t.Errorf("%+v %v after %d", found, err, asked.Load())
	}
	asked.Store(10)
	found, err = server.client(t).Wait(t.Context(), "T", 250*time.Millisecond)
	if err != nil || found.State != StateRunning {
		t.Errorf("%+v %v", found, err)
	}
}
