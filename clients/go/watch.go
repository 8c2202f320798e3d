package tidemill

import (
	"context"
	"iter"

	"google.golang.org/grpc"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// Watch follows the log of a task: it yields every event after the cursor, in order and once each, and ends after the result, whose
// [Event.Detail] is a [TaskResult]. Where a stream breaks it opens another from the last event it yielded. An error is the last thing it
// yields: what no other stream would mend, e.g. an unknown task; that no stream could be had for too long; or that ctx ended.
func (c *Client) Watch(ctx context.Context, taskID string, options ...WatchOption) iter.Seq2[Event, error] {
	settings := watchSettings(options)
	return func(yield func(Event, error) bool) {
		follower := &follower{
			client: c, taskID: taskID,
			cursor:   cursor{last: settings.after},
			patience: patience{first: c.limits, settings: settings},
		}
		defer follower.close()
		for !follower.cursor.finished {
			event, err := follower.next(ctx)
			if err != nil {
				yield(Event{}, err)
				return
			}
			if !yield(event, nil) {
				return
			}
		}
	}
}

// ResultOf skips to the end of a [Client.Watch].
func ResultOf(events iter.Seq2[Event, error]) (TaskResult, error) {
	for event, err := range events {
		if err != nil {
			return TaskResult{}, err
		}
		if result, ok := event.Detail.(TaskResult); ok {
			return result, nil
		}
	}
	return TaskResult{}, contractError("", "a log that ends without a result")
}

type watchStream = grpc.ServerStreamingClient[tidemillv1.WatchResultResponse]

// follower is one watch at work.
type follower struct {
	client   *Client
	taskID   string
	cursor   cursor
	patience patience
	open     *watching[watchStream]
}

func (f *follower) next(ctx context.Context) (Event, *Error) {
	for {
		event, err := f.read(ctx)
		if err == nil {
			f.patience.restore()
			fresh, hole := f.cursor.accept(event)
			if hole != "" {
				return Event{}, contractError(f.client.results.address, hole)
			}
			if fresh {
				return event, nil
			}
			continue
		}
		steady := f.open != nil && f.open.steady()
		f.close()
		pause, final := f.patience.bear(err, steady)
		if final != nil {
			return Event{}, final
		}
		if ended := sleep(ctx, pause); ended != nil {
			return Event{}, endedError(ended, OutcomeNotApplied, f.client.results.address)
		}
	}
}

func (f *follower) read(ctx context.Context) (Event, *Error) {
	if f.open == nil {
		request := &tidemillv1.WatchResultRequest{TaskId: f.taskID, AfterSequence: f.cursor.last}
		open := func(ctx context.Context, conn grpc.ClientConnInterface) (watchStream, error) {
			return tidemillv1.NewResultsServiceClient(conn).WatchResult(ctx, request)
		}
		opened, err := openWatching(ctx, f.client, open)
		if err != nil {
			return Event{}, err
		}
		f.open, f.patience.established = opened, true
	}
	message, err := f.open.stream.Recv()
	if err != nil {
		return Event{}, f.open.failed(ctx, err)
	}
	if message.GetEvent() == nil {
		return Event{}, contractError(f.client.results.address, "a message without an event")
	}
	return eventOf(message.GetEvent()), nil
}

func (f *follower) close() {
	if f.open != nil {
		f.open.close()
		f.open = nil
	}
}
