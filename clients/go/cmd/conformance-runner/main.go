// Conformance-runner does what the harness of clients/conformance says on stdin, and tells on stdout what this client made of it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	tidemill "github.com/tidemill/tidemill/clients/go"
)

// command has the fields of all commands; which ones are there depends on the op.
type command struct {
	ID json.RawMessage `json:"id"`
	Op string          `json:"op"`

	URL        string `json:"url"`
	ResultsURL string `json:"results_url"`
	WorkerURL  string `json:"worker_url"`
	TimeoutMS  *int64 `json:"timeout_ms"`
	CA         string `json:"ca"`
	MaxTries   *int   `json:"max_tries"`

	Task    taskFields   `json:"task"`
	Tasks   []taskFields `json:"tasks"`
	TaskID  string       `json:"task_id"`
	WaitMS  *int64       `json:"wait_ms"`
	Reason  string       `json:"reason"`
	Watch   string       `json:"watch"`
	After   int64        `json:"after"`
	Targets []target     `json:"targets"`

	Worker        string   `json:"worker"`
	Queues        []string `json:"queues"`
	Kinds         []string `json:"kinds"`
	Concurrency   *int     `json:"concurrency"`
	GraceMS       *int64   `json:"grace_ms"`
	CancelGraceMS *int64   `json:"cancel_grace_ms"`
}

type target struct {
	TaskID string `json:"task_id"`
	After  int64  `json:"after"`
}

// fields is one JSON object.
type fields map[string]any

// runner is what the commands share.
type runner struct {
	out sync.Mutex

	mu      sync.Mutex
	client  *tidemill.Client
	holds   map[string]chan struct{} // who waits to be let go, by task
	workers map[string]*working
}

func main() {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	all := &runner{holds: map[string]chan struct{}{}, workers: map[string]*working{}}
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 1 {
			var told command
			if wrong := json.Unmarshal(line, &told); wrong != nil {
				fmt.Fprintln(os.Stderr, "conformance-runner: not a command:", wrong)
				os.Exit(1)
			}
			all.obey(told)
		}
		if err != nil {
			// Whatever runs ends with the process.
			os.Exit(0)
		}
	}
}

// obey answers a command. What is to be ready before the next command is done here; what may take its time in a goroutine.
func (r *runner) obey(told command) {
	ctx := context.Background()
	answer := func(ok fields, err error) {
		if err != nil {
			r.say(fields{"id": told.ID, "error": errorFields(err)})
		} else {
			r.say(fields{"id": told.ID, "ok": ok})
		}
	}
	if told.Op == "client" {
		answer(fields{}, r.makeClient(told))
		return
	}
	client := r.current()
	if client == nil {
		answer(nil, fmt.Errorf("there is no client yet"))
		return
	}
	switch told.Op {
	case "enqueue":
		go func() { answer(enqueue(ctx, client, told.Task)) }()
	case "enqueue_batch":
		go func() { answer(enqueueBatch(ctx, client, told.Tasks)) }()
	case "result":
		go func() { answer(result(ctx, client, told)) }()
	case "cancel":
		go func() { answer(cancel(ctx, client, told)) }()
	case "health":
		go func() { answer(health(ctx, client)) }()
	case "watch":
		answer(fields{}, nil)
		go r.watch(ctx, client, told)
	case "watch_many":
		answer(fields{}, nil)
		go r.watchMany(ctx, client, told)
	case "worker_start":
		answer(fields{}, r.startWorker(client, told))
	case "worker_stop":
		go func() { answer(fields{}, r.stopWorker(told.Worker)) }()
	case "worker_health":
		answer(r.workerHealth(told.Worker))
	case "let_go":
		r.letGo(told.TaskID)
		answer(fields{}, nil)
	default:
		answer(nil, fmt.Errorf("no op is called %q", told.Op))
	}
}

// say writes one line.
func (r *runner) say(line fields) {
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	r.out.Lock()
	defer r.out.Unlock()
	// If nobody listens any more, stdin has ended or is about to.
	_, _ = os.Stdout.Write(append(text, '\n'))
}

func (r *runner) current() *tidemill.Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.client
}

func (r *runner) makeClient(told command) error {
	options := []tidemill.ClientOption{
		tidemill.WithResultsURL(told.ResultsURL), tidemill.WithWorkerURL(told.WorkerURL),
	}
	if told.TimeoutMS != nil {
		options = append(options, tidemill.WithTimeout(span(told.TimeoutMS)))
	}
	if told.MaxTries != nil {
		options = append(options, tidemill.WithMaxTries(*told.MaxTries))
	}
	if told.CA != "" {
		pem, err := os.ReadFile(told.CA)
		if err != nil {
			return err
		}
		options = append(options, tidemill.WithCA(pem))
	}
	client, err := tidemill.NewClient(told.URL, options...)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client != nil {
		_ = r.client.Close()
	}
	r.client = client
	return nil
}

func span(milliseconds *int64) time.Duration {
	if milliseconds == nil {
		return 0
	}
	return time.Duration(*milliseconds) * time.Millisecond
}
