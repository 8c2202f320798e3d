package tidemill

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// script is what one stream says: events, and how it ends.
type script struct {
	events []*tidemillv1.TaskEvent
	end    error
}

func play(scripts ...script) func(*tidemillv1.WatchResultRequest, watchServer) error {
	var next atomic.Int32
	return func(_ *tidemillv1.WatchResultRequest, stream watchServer) error {
		number := int(next.Add(1)) - 1
		if number >= len(scripts) {
			return status.Error(codes.FailedPrecondition, "no more scripts")
		}
		for _, event := range scripts[number].events {
			if err := stream.Send(&tidemillv1.WatchResultResponse{Event: event}); err != nil {
				return err
			}
		}
		return scripts[number].end
	}
}

// follow watches to the end.
func follow(t *testing.T, server *fake, options ...WatchOption) (numbers []int64, breaks int, failed error) {
	t.Helper()
	options = append(options, OnBreak(func(error) { breaks++ }))
	for event, err := range server.client(t).Watch(t.Context(), "T1", options...) {
		if err != nil {
			return numbers, breaks, err
		}
		numbers = append(numbers, event.Sequence)
	}
	return numbers, breaks, nil
}

func TestAWatchGoesOnAfterTheLastEventThroughEveryKindOfBreak(t *testing.T) {
	server := newFake(t)
	server.onWatch = play(
		script{[]*tidemillv1.TaskEvent{stateEvent(1)}, status.Error(codes.Unavailable, "gone")},
		script{},
		script{[]*tidemillv1.TaskEvent{stateEvent(2), stateEvent(2), stateEvent(3)}, nil},
		script{nil, status.Error(codes.Internal, "no reason given")},
		script{[]*tidemillv1.TaskEvent{resultEvent(4)}, nil},
	)
	numbers, breaks, err := follow(t, server)
	if err != nil || !slices.Equal(numbers, []int64{1, 2, 3, 4}) || breaks != 4 {
		t.Errorf("%v %v, %d breaks", numbers, err, breaks)
	}
	if want := []int64{0, 1, 1, 3, 3}; !slices.Equal(server.cursors, want) {
		t.Errorf("asked from %v", server.cursors)
	}
}

func TestAConsideredRefusalEndsAWatch(t *testing.T) {
	server := newFake(t)
	server.onWatch = play(script{nil, refusal(codes.NotFound, info(ReasonTaskNotFound))})
	_, breaks, err := follow(t, server)
	if of(t, err).Reason != ReasonTaskNotFound || breaks != 0 || len(server.cursors) != 1 {
		t.Errorf("%v, %d breaks, asked from %v", err, breaks, server.cursors)
	}
}

func TestAHoleInTheNumbersIsAnErrorAndATruncationIsNone(t *testing.T) {
	server := newFake(t)
	server.onWatch = play(script{[]*tidemillv1.TaskEvent{stateEvent(1), stateEvent(3)}, nil})
	numbers, _, err := follow(t, server)
	if len(numbers) != 1 || of(t, err).Kind != KindContract {
		t.Errorf("%v %v", numbers, err)
	}
	server.onWatch = play(script{[]*tidemillv1.TaskEvent{truncatedEvent(1, 5), resultEvent(6)}, nil})
	numbers, _, err = follow(t, server)
	if err != nil || !slices.Equal(numbers, []int64{5, 6}) {
		t.Errorf("%v %v", numbers, err)
	}
}

func TestTheResultComesEvenBehindTheCursor(t *testing.T) {
	server := newFake(t)
	server.onWatch = play(script{[]*tidemillv1.TaskEvent{resultEvent(4)}, nil})
	numbers, _, err := follow(t, server, After(4))
	if err != nil || !slices.Equal(numbers, []int64{4}) || !slices.Equal(server.cursors, []int64{4}) {
		t.Errorf("%v %v from %v", numbers, err, server.cursors)
	}
}

func TestAnEventOfANewerServerIsYieldedWithoutDetail(t *testing.T) {
	server := newFake(t)
	server.onWatch = play(script{[]*tidemillv1.TaskEvent{{Sequence: 1}, resultEvent(2)}, nil})
	result, err := ResultOf(server.client(t).Watch(t.Context(), "T1"))
	if err != nil || result.State != StateSucceeded {
		t.Errorf("%+v %v", result, err)
	}
}

func TestAWatchGivesUpInTheEnd(t *testing.T) {
	// Before the first stream the client's timeout counts.
	client, err := NewClient(freeAddress(t), WithTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_, err = ResultOf(client.Watch(t.Context(), "T1"))
	if of(t, err).Kind != KindUnreachable || time.Since(begun) > soon {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
	// Afterwards the watch's own.
	server := newFake(t)
	server.onWatch = func(_ *tidemillv1.WatchResultRequest, stream watchServer) error {
		if err := stream.Send(&tidemillv1.WatchResultResponse{Event: stateEvent(1)}); err != nil {
			return err
		}
		<-stream.Context().Done()
		return nil
	}
	begun = time.Now()
	events := 0
	for _, failed := range server.client(t).Watch(t.Context(), "T1", GiveUpAfter(400*time.Millisecond)) {
		if err = failed; err == nil {
			events++
			server.server.Stop()
		}
	}
	if events != 1 || of(t, err).again() != whenBack || time.Since(begun) > soon {
		t.Errorf("%d events, %v after %v", events, err, time.Since(begun))
	}
}

func TestWhoeverLeavesAWatchEndsItsStream(t *testing.T) {
	server := newFake(t)
	left := make(chan struct{}, 2)
	server.onWatch = func(_ *tidemillv1.WatchResultRequest, stream watchServer) error {
		if err := stream.Send(&tidemillv1.WatchResultResponse{Event: stateEvent(1)}); err != nil {
			return err
		}
		<-stream.Context().Done()
		left <- struct{}{}
		return nil
	}
	client := server.client(t)
	for range client.Watch(t.Context(), "T1") {
		break
	}
	waitFor(t, left)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range client.Watch(ctx, "T1") {
		cancel()
		last = err
	}
	if of(t, last).Kind != KindCanceled || !errors.Is(last, context.Canceled) {
		t.Error(last)
	}
	waitFor(t, left)
}

func waitFor(t *testing.T, happened <-chan struct{}) {
	t.Helper()
	select {
	case <-happened:
	case <-time.After(soon):
		t.Fatal("it did not happen")
	}
}

// manyEvents reads the targets that a stream of a WatchMany adds and hands each to say.
func manyEvents(say func(stream manyServer, target *tidemillv1.WatchTarget) error) func(manyServer) error {
	return func(stream manyServer) error {
		for {
			request, err := stream.Recv()
			if err != nil {
				return err
			}
			for _, target := range request.GetAdd() {
				if err := say(stream, target); err != nil {
					return err
				}
			}
		}
	}
}

func sendOf(stream manyServer, taskID string, events ...*tidemillv1.TaskEvent) error {
	for _, event := range events {
		item := &tidemillv1.WatchResultsResponse_Event{Event: event}
		if err := stream.Send(&tidemillv1.WatchResultsResponse{TaskId: taskID, Item: item}); err != nil {
			return err
		}
	}
	return nil
}

func refuseOf(stream manyServer, taskID string, err error) error {
	item := &tidemillv1.WatchResultsResponse_Error{Error: status.Convert(err).Proto()}
	return stream.Send(&tidemillv1.WatchResultsResponse{TaskId: taskID, Item: item})
}

func TestManyTasksOverOneStreamThatBreaks(t *testing.T) {
	server := newFake(t)
	var mu sync.Mutex
	asked := map[string][]int64{}
	server.onMany = manyEvents(func(stream manyServer, target *tidemillv1.WatchTarget) error {
		taskID := target.GetTaskId()
		mu.Lock()
		asked[taskID] = append(asked[taskID], target.GetAfterSequence())
		times := len(asked[taskID])
		mu.Unlock()
		switch {
		case taskID == "unknown":
			return refuseOf(stream, taskID, refusal(codes.NotFound, info(ReasonTaskNotFound)))
		case taskID == "moment" && times == 1:
			return refuseOf(stream, taskID, refusal(codes.Unavailable, info(ReasonStoreUnavailable)))
		case taskID == "moment":
			return sendOf(stream, taskID, resultEvent(1))
		case times == 1:
			// The stream breaks after the first event of this one.
			if err := sendOf(stream, taskID, stateEvent(1)); err != nil {
				return err
			}
			return status.Error(codes.Unavailable, "gone")
		default:
			return sendOf(stream, taskID, stateEvent(2), resultEvent(3))
		}
	})
	many := server.client(t).WatchMany()
	many.Add("unknown", 0)
	many.Add("moment", 0)
	numbers := map[string][]int64{}
	for watched, err := range many.Events(t.Context()) {
		if err != nil {
			if watched.TaskID != "unknown" || of(t, err).Reason != ReasonTaskNotFound {
				t.Fatalf("%+v %v", watched, err)
			}
			// Now, while the stream is read.
			many.Add("T", 0)
			many.Finish()
			continue
		}
		numbers[watched.TaskID] = append(numbers[watched.TaskID], watched.Event.Sequence)
	}
	if !slices.Equal(numbers["T"], []int64{1, 2, 3}) || !slices.Equal(numbers["moment"], []int64{1}) || len(numbers) != 2 {
		t.Errorf("%v", numbers)
	}
	if !slices.Equal(asked["T"], []int64{0, 1}) || len(asked["unknown"]) != 1 {
		t.Errorf("asked from %v", asked)
	}
}

func TestARemovedTaskIsNotHeardOfAndAHoleEndsOnlyItsOwn(t *testing.T) {
	server := newFake(t)
	server.onMany = manyEvents(func(stream manyServer, target *tidemillv1.WatchTarget) error {
		switch target.GetTaskId() {
		case "hole":
			return sendOf(stream, "hole", stateEvent(7))
		case "good":
			return sendOf(stream, "good", stateEvent(1), resultEvent(2))
		default:
			return nil
		}
	})
	many := server.client(t).WatchMany()
	many.Add("silent", 0)
	many.Add("hole", 0)
	many.Add("good", 0)
	many.Remove("silent")
	many.Finish()
	good, holes := 0, 0
	for watched, err := range many.Events(t.Context()) {
		switch {
		case err == nil && watched.TaskID == "good":
			good++
		case err != nil && watched.TaskID == "hole" && of(t, err).Kind == KindContract:
			holes++
		default:
			t.Errorf("%+v %v", watched, err)
		}
	}
	if good != 2 || holes != 1 {
		t.Errorf("%d good, %d holes", good, holes)
	}
}

func TestManyGiveUpForEachTaskAndEndWithTheirContext(t *testing.T) {
	client, err := NewClient(freeAddress(t), WithTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	many := client.WatchMany()
	many.Add("a", 0)
	many.Add("b", 0)
	many.Finish()
	told := map[string]bool{}
	for watched, err := range many.Events(t.Context()) {
		told[watched.TaskID] = of(t, err).Kind == KindUnreachable
	}
	if len(told) != 2 || !told["a"] || !told["b"] {
		t.Errorf("%v", told)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var last error
	for watched, err := range client.WatchMany().Events(ctx) {
		if watched.TaskID != "" {
			t.Errorf("%+v", watched)
		}
		last = err
	}
	if !errors.Is(last, context.DeadlineExceeded) {
		t.Error(last)
	}
}

func TestATaskThatIsAddedAgainHasNoFalseHole(t *testing.T) {
	type answer struct {
		taskID string
		event  *tidemillv1.TaskEvent
	}
	add := func(after int64) watchCommand { return watchCommand{taskID: "T", after: after} }
	remove := watchCommand{taskID: "T", remove: true}
	of := func(event *tidemillv1.TaskEvent) answer { return answer{"T", event} }
	for _, c := range []struct {
		name  string
		steps []any
		want  []int64
		hole  bool
	}{
		{"removed", []any{add(0), of(stateEvent(1)), remove, add(0), of(stateEvent(2)), of(stateEvent(1)), of(resultEvent(2))}, []int64{1, 1, 2}, false},
		{"restarted", []any{add(5), of(stateEvent(6)), add(0), of(stateEvent(7)), of(resultEvent(8)), of(stateEvent(1)), of(resultEvent(2))},
			[]int64{6, 1, 2}, false},
		{"twice", []any{add(0), add(8), add(5), of(stateEvent(1)), of(stateEvent(9)), of(stateEvent(6)), of(resultEvent(7))}, []int64{6, 7}, false},
		{"after its end", []any{add(0), add(0), of(resultEvent(1)), add(0), of(resultEvent(1))}, []int64{1, 1}, false},
		{"after an end that came before its replay", []any{add(0), add(0), of(stateEvent(1)), of(resultEvent(2)), add(0), of(resultEvent(2)), of(stateEvent(1)),
			of(resultEvent(2))}, []int64{1, 2, 1, 2}, false},
		{"after a hole", []any{add(0), of(stateEvent(7)), add(0), of(stateEvent(8)), of(stateEvent(1)), of(resultEvent(2))}, []int64{1, 2}, true},
		{"a hole after all", []any{add(0), remove, add(0), of(stateEvent(1)), of(stateEvent(3))}, []int64{1}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var numbers []int64
			holes := 0
			many := &manyFollower{
				watch:   &WatchMany{client: &Client{results: &link{}}},
				cursors: map[string]*cursor{}, restarts: map[string]bool{}, again: map[string]time.Time{},
				open: &watching[manyStream]{}, outgoing: newOutbox[*tidemillv1.WatchResultsRequest](),
			}
			many.yield = func(watched Watched, err error) bool {
				if err != nil {
					holes++
				} else {
					numbers = append(numbers, watched.Event.Sequence)
				}
				return true
			}
			for _, step := range c.steps {
				switch step := step.(type) {
				case watchCommand:
					many.obey(step)
				case answer:
					item := &tidemillv1.WatchResultsResponse_Event{Event: step.event}
					many.hear(&tidemillv1.WatchResultsResponse{TaskId: step.taskID, Item: item})
				}
			}
			if !slices.Equal(numbers, c.want) || (holes > 0) != c.hole {
				t.Errorf("%v and %d holes", numbers, holes)
			}
		})
	}
}
