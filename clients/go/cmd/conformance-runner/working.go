package main

import (
	"context"
	"fmt"

	tidemill "github.com/tidemill/tidemill/clients/go"
)

// working is a worker that runs, or has ended.
type working struct {
	worker *tidemill.Worker
	stop   context.CancelFunc
	ended  chan struct{}
	err    error
}

func (r *runner) startWorker(client *tidemill.Client, told command) error {
	options := []tidemill.WorkerOption{
		tidemill.WithQueues(told.Queues...),
		tidemill.WithListener(func(event tidemill.WorkerEvent) { r.tell(told.Worker, event) }),
	}
	if told.Concurrency != nil {
		options = append(options, tidemill.WithConcurrency(*told.Concurrency))
	}
	if told.GraceMS != nil {
		options = append(options, tidemill.WithGrace(span(told.GraceMS)))
	}
	if told.CancelGraceMS != nil {
		options = append(options, tidemill.WithCancelGrace(span(told.CancelGraceMS)))
	}
	worker := tidemill.NewWorker(client, options...)
	for _, kind := range told.Kinds {
		worker.Handle(kind, r.handler(kind))
	}
	if err := worker.Check(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	running := &working{worker: worker, stop: stop, ended: make(chan struct{})}
	r.mu.Lock()
	r.workers[told.Worker] = running
	r.mu.Unlock()
	go func() {
		running.err = worker.Run(ctx)
		ended := fields{"worker": told.Worker, "event": "ended"}
		if running.err != nil {
			ended["error"] = errorFields(running.err)
		}
		r.say(ended)
		close(running.ended)
	}()
	return nil
}

func (r *runner) stopWorker(name string) error {
	r.mu.Lock()
	running := r.workers[name]
	r.mu.Unlock()
	if running == nil {
		return fmt.Errorf("no worker is called %q", name)
	}
	// It may have ended by itself.
	running.stop()
	<-running.ended
	return running.err
}

func (r *runner) workerHealth(name string) (fields, error) {
	r.mu.Lock()
	running := r.workers[name]
	r.mu.Unlock()
	if running == nil {
		return nil, fmt.Errorf("no worker is called %q", name)
	}
	return fields{"healthy": running.worker.IsHealthy(), "status": running.worker.Status().String()}, nil
}

func (r *runner) tell(worker string, event tidemill.WorkerEvent) {
	of := func(name string, task tidemill.TaskFacts) fields {
		return fields{"worker": worker, "event": name, "task_id": task.TaskID, "attempt": task.Attempt}
	}
	var line fields
	switch event := event.(type) {
	case tidemill.WorkerConnected:
		line = fields{"worker": worker, "event": "connected"}
	case tidemill.WorkerDisconnected:
		line = fields{"worker": worker, "event": "disconnected", "error": errorFields(event.Err)}
	case tidemill.TaskStarted:
		line = of("started", event.Task)
	case tidemill.TaskSettled:
		line = of("settled", event.Task)
		line["state"] = event.State.String()
	case tidemill.TaskLost:
		line = of("lease_lost", event.Task)
	case tidemill.TaskRefused:
		line = of("refused", event.Task)
		line["message"] = event.Message
	case tidemill.WorkerDraining:
		line = fields{"worker": worker, "event": "draining"}
	default:
		return
	}
	r.say(line)
}
