// Bench-worker settles a number of tasks of kind `bench` and says how long that took and what CPU time it cost, as one line of JSON. The
// clock runs from the first task that starts to the last that is settled. With -enqueue it stores the tasks first.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	tidemill "github.com/tidemill/tidemill/clients/go"
)

const kind = "bench"

type settings struct {
	url         string
	queue       string
	tasks       int
	concurrency int
	enqueue     bool
}

// figures are what is printed.
type figures struct {
	Tasks         int64   `json:"tasks"`
	Concurrency   int     `json:"concurrency"`
	Seconds       float64 `json:"seconds"`
	TasksPerS     float64 `json:"tasks_per_s"`
	CPUMicrosTask float64 `json:"cpu_us_per_task"`
}

func main() {
	var set settings
	flag.StringVar(&set.url, "url", "", "address; without it TIDEMILL_URL and its like count")
	flag.StringVar(&set.queue, "queue", "default", "queue to serve")
	flag.IntVar(&set.tasks, "tasks", 10_000, "how many tasks to settle")
	flag.IntVar(&set.concurrency, "concurrency", 256, "tasks at a time")
	flag.BoolVar(&set.enqueue, "enqueue", false, "store the tasks first")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	found, err := run(ctx, set)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(found)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-worker:", err)
		os.Exit(1)
	}
}

func connect(url string) (*tidemill.Client, error) {
	if url == "" {
		return tidemill.FromEnv()
	}
	return tidemill.NewClient(url)
}

func run(ctx context.Context, set settings) (figures, error) {
	client, err := connect(set.url)
	if err != nil {
		return figures{}, err
	}
	defer func() { _ = client.Close() }()
	if set.enqueue {
		if err := enqueue(ctx, client, set); err != nil {
			return figures{}, err
		}
	}
	return work(ctx, client, set)
}

func enqueue(ctx context.Context, client *tidemill.Client, set settings) error {
	tasks := make([]tidemill.Task, set.tasks)
	for i := range tasks {
		tasks[i] = tidemill.Task{Kind: kind, Queue: set.queue, Payload: tidemill.Text("bench")}
	}
	for _, outcome := range client.EnqueueBatch(ctx, tasks) {
		if outcome.Err != nil {
			return outcome.Err
		}
	}
	return nil
}

// work runs until enough tasks are settled, or ctx ends.
func work(ctx context.Context, client *tidemill.Client, set settings) (figures, error) {
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	var settled atomic.Int64
	var begun, ended time.Time
	var cpuBefore, cpuAfter time.Duration
	// Called by one goroutine, which has ended when Run returns.
	listener := func(event tidemill.WorkerEvent) {
		switch event.(type) {
		case tidemill.TaskStarted:
			if begun.IsZero() {
				begun, cpuBefore = time.Now(), cpuTime()
			}
		case tidemill.TaskSettled:
			if settled.Add(1) == int64(set.tasks) {
				ended, cpuAfter = time.Now(), cpuTime()
				enough()
			}
		}
	}
	worker := tidemill.NewWorker(client, tidemill.WithQueues(set.queue), tidemill.WithConcurrency(set.concurrency),
		tidemill.WithListener(listener), tidemill.WithLogger(slog.New(slog.DiscardHandler)))
	worker.Handle(kind, func(_ context.Context, task *tidemill.Attempt) (tidemill.Payload, error) {
		return task.Payload, nil
	})
	if err := worker.Run(ctx); err != nil {
		return figures{}, err
	}
	if ended.IsZero() {
		return figures{}, errors.New("stopped before all tasks were settled")
	}
	seconds := ended.Sub(begun).Seconds()
	return figures{
		Tasks:         int64(set.tasks),
		Concurrency:   set.concurrency,
		Seconds:       seconds,
		TasksPerS:     float64(set.tasks) / seconds,
		CPUMicrosTask: float64((cpuAfter - cpuBefore).Microseconds()) / float64(set.tasks),
	}, nil
}
