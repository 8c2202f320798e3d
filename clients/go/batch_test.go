package tidemill

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

func TestABatchIsSplitAndItsRefusedEntriesAreSentAgain(t *testing.T) {
	server := newFake(t)
	var sizes []int
	refusedOnce := map[string]bool{}
	server.onBatch = func(request *tidemillv1.BatchEnqueueRequest) (*tidemillv1.BatchEnqueueResponse, error) {
		sizes = append(sizes, len(request.GetRequests()))
		answer := &tidemillv1.BatchEnqueueResponse{}
		for _, entry := range request.GetRequests() {
			outcome := &tidemillv1.BatchEnqueueOutcome{}
			switch key := entry.GetIdempotencyKey(); {
			case entry.GetKind() == "bad":
				st := status.Convert(refusal(codes.InvalidArgument, info(ReasonInvalidRequest)))
				outcome.Outcome = &tidemillv1.BatchEnqueueOutcome_Error{Error: st.Proto()}
			case entry.GetKind() == "full" && !refusedOnce[key]:
				refusedOnce[key] = true
				st := status.Convert(refusal(codes.ResourceExhausted, info(ReasonQueueFull), retryInfo(time.Millisecond)))
				outcome.Outcome = &tidemillv1.BatchEnqueueOutcome_Error{Error: st.Proto()}
			default:
				outcome.Outcome = &tidemillv1.BatchEnqueueOutcome_Response{Response: &tidemillv1.EnqueueResponse{TaskId: entry.GetKind()}}
			}
			answer.Outcomes = append(answer.Outcomes, outcome)
		}
		return answer, nil
	}
	tasks := make([]Task, BatchLimit+2)
	for i := range tasks {
		tasks[i] = Task{Kind: "k"}
	}
	tasks[1].Kind, tasks[2].Kind, tasks[3].Payload = "bad", "full", Text("\xff")
	outcomes := server.client(t).EnqueueBatch(t.Context(), tasks)
	if len(outcomes) != len(tasks) || outcomes[0].Err != nil || outcomes[2].Enqueued.TaskID != "full" {
		t.Fatalf("%d outcomes: %+v", len(outcomes), outcomes[:3])
	}
	if found := of(t, outcomes[1].Err); found.Reason != ReasonInvalidRequest || found.IdempotencyKey == "" {
		t.Errorf("%+v", found)
	}
	if of(t, outcomes[3].Err).Kind != KindInvalid {
		t.Error(outcomes[3].Err)
	}
	if len(sizes) != 3 || sizes[0] != BatchLimit || sizes[1] != 1 || sizes[2] != 1 {
		t.Errorf("sizes of the calls: %v", sizes)
	}
}

func refusedEntry(err error) *tidemillv1.BatchEnqueueResponse {
	outcome := &tidemillv1.BatchEnqueueOutcome{Outcome: &tidemillv1.BatchEnqueueOutcome_Error{Error: status.Convert(err).Proto()}}
	return &tidemillv1.BatchEnqueueResponse{Outcomes: []*tidemillv1.BatchEnqueueOutcome{outcome}}
}

func TestAnEntryRemembersThatAnEarlierRoundMayHaveStoredIt(t *testing.T) {
	maybe := refusal(codes.Unavailable, info(ReasonStoreUnavailable, "outcome", "unknown"))
	never := refusal(codes.InvalidArgument, info(ReasonInvalidRequest, "outcome", "not_applied"))
	full := refusal(codes.ResourceExhausted, info(ReasonQueueFull, "outcome", "not_applied"), retryInfo(time.Millisecond))
	last := refusal(codes.ResourceExhausted, info(ReasonQueueFull, "outcome", "not_applied"), retryInfo(time.Hour))
	type round func() (*tidemillv1.BatchEnqueueResponse, error)
	entry := func(err error) round {
		return func() (*tidemillv1.BatchEnqueueResponse, error) { return refusedEntry(err), nil }
	}
	whole := func(err error) round { return func() (*tidemillv1.BatchEnqueueResponse, error) { return nil, err } }
	for _, c := range []struct {
		name   string
		rounds []round
		want   Outcome
	}{
		{"refused for good", []round{entry(maybe), entry(never)}, OutcomeUnknown},
		{"a round between", []round{entry(maybe), entry(full), entry(never)}, OutcomeUnknown},
		{"no more time", []round{entry(maybe), entry(last)}, OutcomeUnknown},
		{"the whole call", []round{entry(maybe), whole(never)}, OutcomeUnknown},
		{"never unknown", []round{entry(full), entry(never)}, OutcomeNotApplied},
	} {
		server := newFake(t)
		made := 0
		server.onBatch = func(*tidemillv1.BatchEnqueueRequest) (*tidemillv1.BatchEnqueueResponse, error) {
			made++
			return c.rounds[made-1]()
		}
		outcome := server.client(t).EnqueueBatch(t.Context(), []Task{task})[0]
		if found := of(t, outcome.Err); found.Outcome != c.want || found.IdempotencyKey == "" || made != len(c.rounds) {
			t.Errorf("%s: %v after %d rounds: %v", c.name, found.Outcome, made, found)
		}
	}
}

func TestACallerMayLeaveBetweenTheRoundsOfABatch(t *testing.T) {
	server := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	server.onBatch = func(*tidemillv1.BatchEnqueueRequest) (*tidemillv1.BatchEnqueueResponse, error) {
		// Between the rounds: the next one is due in a minute.
		time.AfterFunc(50*time.Millisecond, cancel)
		return refusedEntry(refusal(codes.ResourceExhausted, info(ReasonQueueFull, "outcome", "unknown"), retryInfo(time.Minute))), nil
	}
	outcome := server.client(t, WithTimeout(time.Hour)).EnqueueBatch(ctx, []Task{task})[0]
	if found := of(t, outcome.Err); found.Kind != KindCanceled || found.Outcome != OutcomeUnknown || !errors.Is(found, context.Canceled) {
		t.Errorf("%v %v: %v", found.Kind, found.Outcome, found)
	}
}
