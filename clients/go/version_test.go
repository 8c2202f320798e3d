package tidemill

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// newer gives a message a field that this version does not have.
func newer[M proto.Message](message M) M {
	field := protowire.AppendTag(nil, 1000, protowire.BytesType)
	field = protowire.AppendString(field, "of a later version")
	message.ProtoReflect().SetUnknown(field)
	return message
}

func TestAWorkerIgnoresWhatItDoesNotKnow(t *testing.T) {
	server := newFake(t)
	worker := server.start(t, done)
	work := server.nextWork(t)
	work.register(t, pingEvery)
	work.send(t, newer(&tidemillv1.WorkResponse{}))
	work.send(t, &tidemillv1.WorkResponse{})
	work.assign(t, newer(assignment("a")))
	if work.next(t).GetComplete() == nil {
		t.Error("not completed")
	}
	// An answer about a lease that it does not hold, and a state that it does not know.
	work.lost(t, "other")
	work.refuse(t, "other", "SOMETHING_NEW")
	work.settled(t, "a", TaskState(99))
	if event := heard[TaskSettled](t, worker); event.State != 99 {
		t.Errorf("%+v", event)
	}
	worker.finish(t, work)
}

func TestAWatchIgnoresWhatItDoesNotKnow(t *testing.T) {
	server := newFake(t)
	strange := newer(&tidemillv1.TaskEvent{Sequence: 1})
	server.onWatch = play(script{[]*tidemillv1.TaskEvent{strange, newer(resultEvent(2))}, nil})
	if numbers, _, err := follow(t, server); err != nil || len(numbers) != 2 {
		t.Errorf("%v %v", numbers, err)
	}
	server.onMany = manyEvents(func(stream manyServer, target *tidemillv1.WatchTarget) error {
		if err := stream.Send(newer(&tidemillv1.WatchResultsResponse{TaskId: target.GetTaskId()})); err != nil {
			return err
		}
		return sendOf(stream, target.GetTaskId(), strange, resultEvent(2))
	})
	many := server.client(t).WatchMany()
	many.Add("T", 0)
	many.Finish()
	events := 0
	for watched, err := range many.Events(t.Context()) {
		if events++; err != nil || watched.Event.Sequence != int64(events) {
			t.Errorf("%+v %v", watched, err)
		}
	}
	if events != 2 {
		t.Errorf("%d events", events)
	}
}

func TestAnOlderServerIsNamedAsSuchAndNotAskedAgain(t *testing.T) {
	server := newFake(t)
	missing := status.Error(codes.Unimplemented, "unknown method")
	server.onResult = func(*tidemillv1.GetResultRequest) (*tidemillv1.GetResultResponse, error) { return nil, missing }
	server.onWatch = play(script{nil, missing})
	client := server.client(t)
	check := func(what string, err error) {
		if found := of(t, err); found.Kind != KindRefused || found.Code != codes.Unimplemented || found.Outcome != OutcomeNotApplied {
			t.Errorf("%s: %v %v: %v", what, found.Kind, found.Outcome, err)
		}
	}
	_, err := client.Result(t.Context(), "T")
	check("result", err)
	if tries := client.Stats().Attempts; tries != 1 {
		t.Errorf("%d tries", tries)
	}
	_, err = ResultOf(client.Watch(t.Context(), "T"))
	check("watch", err)
	worker := server.start(t, done)
	server.nextWork(t).end <- missing
	check("worker", worker.end(t))
}
