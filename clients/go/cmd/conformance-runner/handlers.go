package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	tidemill "github.com/tidemill/tidemill/clients/go"
)

// later is what conf.retry_after asks for.
const later = 600 * time.Millisecond

// handler gives the handler of one of the suite's kinds.
func (r *runner) handler(kind string) tidemill.Handler {
	handlers := map[string]tidemill.Handler{
		"conf.echo":          echo,
		"conf.fail":          fail,
		"conf.permanent":     permanent,
		"conf.retry_after":   retryAfter,
		"conf.flaky":         flaky,
		"conf.throw":         throw,
		"conf.facts":         facts,
		"conf.report":        report,
		"conf.wait_cancel":   waitCancel,
		"conf.ignore_cancel": ignoreCancel,
		"conf.deaf":          deaf,
		"conf.hold":          r.hold,
		"conf.block":         block,
		"conf.stubborn":      stubborn,
		"conf.bad_output":    badOutput,
		"conf.enqueue":       r.enqueue,
	}
	if found := handlers[kind]; found != nil {
		return found
	}
	// Not one of the suite's: a case that names it goes wrong, and says so.
	return func(context.Context, *tidemill.Attempt) (tidemill.Payload, error) {
		return tidemill.Payload{}, tidemill.Permanent(errors.New("no such handler"))
	}
}

func echo(_ context.Context, task *tidemill.Attempt) (tidemill.Payload, error) {
	return task.Payload, nil
}

func input(task *tidemill.Attempt) string {
	text, _ := task.Payload.Text()
	return text
}

func fail(_ context.Context, task *tidemill.Attempt) (tidemill.Payload, error) {
	return tidemill.Payload{}, &tidemill.Failure{Message: input(task), Type: "Conf"}
}

func permanent(_ context.Context, task *tidemill.Attempt) (tidemill.Payload, error) {
	return tidemill.Payload{}, tidemill.Permanent(errors.New(input(task)))
}

func retryAfter(_ context.Context, task *tidemill.Attempt) (tidemill.Payload, error) {
	if task.Number > 1 {
		return tidemill.Text("later"), nil
	}
	return tidemill.Payload{}, tidemill.RetryAfter(later, errors.New("not yet"))
}

func flaky(_ context.Context, task *tidemill.Attempt) (tidemill.Payload, error) {
	if task.Number == 1 {
		return tidemill.Payload{}, &tidemill.Failure{Message: "too early", Type: "TooEarly"}
	}
	if task.LastError == nil {
		return tidemill.Payload{}, nil
	}
	return tidemill.Text(task.LastError.Type), nil
}

func throw(context.Context, *tidemill.Attempt) (tidemill.Payload, error) {
	panic("boom")
}

func facts(_ context.Context, task *tidemill.Attempt) (tidemill.Payload, error) {
	return tidemill.JSON(fields{
		"task_id": task.TaskID, "queue": task.Queue, "kind": task.Kind, "attempt": task.Number,
		"max_attempts": task.MaxAttempts, "fence": task.Fence, "labels": task.Labels,
		"traceparent": task.TraceContext.Traceparent, "content_type": task.Payload.ContentType(),
	})
}

func report(ctx context.Context, task *tidemill.Attempt) (tidemill.Payload, error) {
	var asked struct {
		Chunks int `json:"chunks"`
	}
	if err := task.Payload.Decode(&asked); err != nil {
		return tidemill.Payload{}, err
	}
	task.Progress(0.5, "half")
	for i := range asked.Chunks {
		if err := task.Chunk(ctx, tidemill.Text(fmt.Sprintf("piece %d", i))); err != nil {
			return tidemill.Payload{}, err
		}
	}
	return tidemill.Text("done"), nil
}

func waitCancel(ctx context.Context, _ *tidemill.Attempt) (tidemill.Payload, error) {
	<-ctx.Done()
	return tidemill.Payload{}, ctx.Err()
}

func ignoreCancel(ctx context.Context, _ *tidemill.Attempt) (tidemill.Payload, error) {
	<-ctx.Done()
	return tidemill.Text("anyway"), nil
}

// deaf does not look at its context, so that nothing can end it but the client that abandons it.
func deaf(context.Context, *tidemill.Attempt) (tidemill.Payload, error) {
	select {}
}

func (r *runner) hold(ctx context.Context, task *tidemill.Attempt) (tidemill.Payload, error) {
	select {
	case <-r.holder(task.TaskID):
		return tidemill.Text("kept"), nil
	case <-ctx.Done():
		return tidemill.Payload{}, ctx.Err()
	}
}

// holder is filled when this task is let go, or was before its handler came to wait.
func (r *runner) holder(taskID string) chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.holds[taskID] == nil {
		r.holds[taskID] = make(chan struct{}, 1)
	}
	return r.holds[taskID]
}

func (r *runner) letGo(taskID string) {
	select {
	case r.holder(taskID) <- struct{}{}:
	default:
	}
}

func block(_ context.Context, task *tidemill.Attempt) (tidemill.Payload, error) {
	var asked struct {
		MS int64 `json:"ms"`
	}
	if err := task.Payload.Decode(&asked); err != nil {
		return tidemill.Payload{}, err
	}
	// Busy: a goroutine that sleeps would give its thread back.
	for until := time.Now().Add(span(&asked.MS)); time.Now().Before(until); {
	}
	return tidemill.Text("blocked"), nil
}

// stubborn sleeps whatever becomes of its context.
func stubborn(_ context.Context, task *tidemill.Attempt) (tidemill.Payload, error) {
	var asked struct {
		MS int64 `json:"ms"`
	}
	if err := task.Payload.Decode(&asked); err != nil {
		return tidemill.Payload{}, err
	}
	time.Sleep(span(&asked.MS))
	return tidemill.Text("stubborn"), nil
}

func badOutput(context.Context, *tidemill.Attempt) (tidemill.Payload, error) {
	return tidemill.JSON(fields{"channel": make(chan int)})
}

func (r *runner) enqueue(ctx context.Context, _ *tidemill.Attempt) (tidemill.Payload, error) {
	enqueued, err := r.current().Enqueue(ctx, tidemill.Task{Kind: "conf.nobody"})
	return tidemill.Text(enqueued.TaskID), err
}
