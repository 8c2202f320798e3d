package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	tidemill "github.com/tidemill/tidemill/clients/go"
)

// taskFields is a task as the harness writes it.
type taskFields struct {
	Kind           string          `json:"kind"`
	Queue          string          `json:"queue"`
	Text           *string         `json:"text"`
	JSON           json.RawMessage `json:"json"`
	Data           *[]byte         `json:"data"`
	ContentType    string          `json:"content_type"`
	IdempotencyKey string          `json:"idempotency_key"`
	Priority       string          `json:"priority"`
	DelayMS        *int64          `json:"delay_ms"`
	RunInMS        *int64          `json:"run_in_ms"`
	RetryPolicy    struct {
		MaxAttempts      int32   `json:"max_attempts"`
		InitialBackoffMS *int64  `json:"initial_backoff_ms"`
		MaxBackoffMS     *int64  `json:"max_backoff_ms"`
		Multiplier       float64 `json:"multiplier"`
	} `json:"retry_policy"`
	AttemptTimeoutMS   *int64            `json:"attempt_timeout_ms"`
	ExpiresInMS        *int64            `json:"expires_in_ms"`
	ResultRetentionMS  *int64            `json:"result_retention_ms"`
	Labels             map[string]string `json:"labels"`
	Traceparent        string            `json:"traceparent"`
	Tracestate         string            `json:"tracestate"`
	DropInputOnSuccess bool              `json:"drop_input_on_success"`
}

var priorities = map[string]tidemill.Priority{
	"": tidemill.PriorityDefault, "LOW": tidemill.PriorityLow, "NORMAL": tidemill.PriorityNormal,
	"HIGH": tidemill.PriorityHigh, "URGENT": tidemill.PriorityUrgent,
}

func (f taskFields) task() (tidemill.Task, error) {
	task := tidemill.Task{
		Kind:           f.Kind,
		Queue:          f.Queue,
		IdempotencyKey: f.IdempotencyKey,
		Delay:          span(f.DelayMS),
		RetryPolicy: tidemill.RetryPolicy{
			MaxAttempts:    f.RetryPolicy.MaxAttempts,
			InitialBackoff: span(f.RetryPolicy.InitialBackoffMS),
			MaxBackoff:     span(f.RetryPolicy.MaxBackoffMS),
			Multiplier:     f.RetryPolicy.Multiplier,
		},
		AttemptTimeout:     span(f.AttemptTimeoutMS),
		ExpiresIn:          span(f.ExpiresInMS),
		ResultRetention:    span(f.ResultRetentionMS),
		Labels:             f.Labels,
		TraceContext:       tidemill.TraceContext{Traceparent: f.Traceparent, Tracestate: f.Tracestate},
		DropInputOnSuccess: f.DropInputOnSuccess,
	}
	priority, known := priorities[f.Priority]
	if !known {
		return task, fmt.Errorf("no priority is called %q", f.Priority)
	}
	task.Priority = priority
	if f.RunInMS != nil {
		task.RunAt = time.Now().Add(span(f.RunInMS))
	}
	switch {
	case f.Text != nil:
		task.Payload = tidemill.Text(*f.Text)
	case f.Data != nil:
		task.Payload = tidemill.Bytes(*f.Data)
	case f.JSON != nil:
		payload, err := tidemill.JSON(f.JSON)
		if err != nil {
			return task, err
		}
		task.Payload = payload
	}
	if f.ContentType != "" {
		task.Payload = task.Payload.WithContentType(f.ContentType)
	}
	return task, nil
}

func enqueue(ctx context.Context, client *tidemill.Client, given taskFields) (fields, error) {
	task, err := given.task()
	if err != nil {
		return nil, err
	}
	enqueued, err := client.Enqueue(ctx, task)
	return stored(enqueued), err
}

func stored(enqueued tidemill.Enqueued) fields {
	return fields{"task_id": enqueued.TaskID, "state": enqueued.State.String(), "deduplicated": enqueued.Deduplicated}
}

func enqueueBatch(ctx context.Context, client *tidemill.Client, given []taskFields) (fields, error) {
	tasks := make([]tidemill.Task, len(given))
	for i, one := range given {
		task, err := one.task()
		if err != nil {
			return nil, err
		}
		tasks[i] = task
	}
	outcomes := []fields{}
	for _, outcome := range client.EnqueueBatch(ctx, tasks) {
		if outcome.Err != nil {
			outcomes = append(outcomes, fields{"error": errorFields(outcome.Err)})
		} else {
			outcomes = append(outcomes, fields{"ok": stored(outcome.Enqueued)})
		}
	}
	return fields{"outcomes": outcomes}, nil
}

func result(ctx context.Context, client *tidemill.Client, told command) (fields, error) {
	var found tidemill.TaskSnapshot
	var err error
	if told.WaitMS != nil {
		found, err = client.Wait(ctx, told.TaskID, span(told.WaitMS))
	} else {
		found, err = client.Result(ctx, told.TaskID)
	}
	if err != nil {
		return nil, err
	}
	shown := fields{
		"state": found.State.String(), "attempt": found.Attempt, "last_sequence": found.LastSequence,
		"cancel_requested": found.CancelRequested,
	}
	addOutcome(shown, found.State, found.Output, found.Error)
	return shown, nil
}

func cancel(ctx context.Context, client *tidemill.Client, told command) (fields, error) {
	cancelled, err := client.Cancel(ctx, told.TaskID, told.Reason)
	return fields{"state": cancelled.State.String(), "cancel_requested": cancelled.CancelRequested}, err
}

func health(ctx context.Context, client *tidemill.Client) (fields, error) {
	found, err := client.Health(ctx, "")
	return fields{"status": found.String()}, err
}
