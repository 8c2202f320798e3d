package tidemill

import (
	"context"
	"time"

	"google.golang.org/grpc"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

const (
	// The server holds an answer back for at most 60 s; half of it also passes proxies that cut quiet calls.
	longestWait = 30 * time.Second
	// Between two calls of one wait, so that a server that does not hold back is not flooded.
	waitPause = 200 * time.Millisecond
)

// Client is a client of Tidemill. Safe for concurrent use: make one for the whole program.
type Client struct {
	gateway *link
	results *link
	worker  *link
	limits  limits
	trace   func(context.Context) TraceContext
}

// Enqueued says that a task was stored.
type Enqueued struct {
	// TaskID is its id, a UUIDv7.
	TaskID string
	// State is its state now: queued or scheduled, or any other if deduplicated.
	State TaskState
	// Deduplicated is true if the idempotency key named an earlier task, which this answer is about.
	Deduplicated bool
}

// Cancelled says what became of a cancel request.
type Cancelled struct {
	// State is the state now. Running: the handler was asked to stop. A terminal state other than cancelled: it was finished already.
	State TaskState
	// CancelRequested is true if the request now waits for a running handler.
	CancelRequested bool
}

// Stats says how many calls were made, and what they cost.
type Stats struct {
	// Calls are unary calls.
	Calls uint64
	// Attempts are the tries of them, the first ones and those that found no server included.
	Attempts uint64
}

// NewClient makes a client of `http://HOST:PORT`, `https://HOST:PORT`, or `HOST:PORT` for plaintext. It checks the addresses and
// certificates; it connects with the first call. The error is an *[Error] of [KindInvalid] that names the field that is wrong.
func NewClient(url string, options ...ClientOption) (*Client, error) {
	settings := clientOptions{timeout: defaultTimeout, userAgent: "tidemill-go/" + Version}
	for _, option := range options {
		option(&settings)
	}
	if settings.problem != nil {
		return nil, settings.problem
	}
	if settings.timeout <= 0 {
		return nil, invalid("timeout: %v is not positive", settings.timeout)
	}
	gateway, err := newLink(url, &settings)
	if err != nil {
		return nil, err
	}
	client := &Client{
		gateway: gateway, results: gateway, worker: gateway,
		limits: limits{deadline: settings.timeout, tries: settings.maxTries},
		trace:  settings.trace,
	}
	if other := settings.resultsURL; other != "" && other != url {
		if client.results, err = newLink(other, &settings); err != nil {
			return nil, err
		}
	}
	if other := settings.workerURL; other != "" && other != url {
		if client.worker, err = newLink(other, &settings); err != nil {
			return nil, err
		}
	}
	return client, nil
}

// Close breaks off whatever is under way and closes the connections. Stop workers before.
func (c *Client) Close() error {
	for _, link := range []*link{c.gateway, c.results, c.worker} {
		link.close()
	}
	return nil
}

// Enqueue stores a task. When this returns, it is durable in the sense of the server's durability mode. Tried again within the timeout
// where that may help; the idempotency key, given or made here, keeps a repetition from storing a second task. [Error.Outcome] says
// whether the task may have been stored, and [Error.IdempotencyKey] is the key to repeat it with.
func (c *Client) Enqueue(ctx context.Context, task Task) (Enqueued, error) {
	request, err := c.request(ctx, task)
	if err != nil {
		return Enqueued{}, err
	}
	send := func(ctx context.Context, conn grpc.ClientConnInterface) (*tidemillv1.EnqueueResponse, error) {
		return tidemillv1.NewGatewayServiceClient(conn).Enqueue(ctx, request)
	}
	answer, err := call(ctx, c.gateway, c.limits, send)
	if err != nil {
		return Enqueued{}, err.withKey(request.GetIdempotencyKey())
	}
	return enqueuedOf(answer), nil
}

// Cancel cancels a task: a waiting one ends at once, a running one is asked to stop. Asking again is harmless. The reason is for people.
func (c *Client) Cancel(ctx context.Context, taskID, reason string) (Cancelled, error) {
	request := &tidemillv1.CancelTaskRequest{TaskId: taskID, Reason: reason}
	send := func(ctx context.Context, conn grpc.ClientConnInterface) (*tidemillv1.CancelTaskResponse, error) {
		return tidemillv1.NewGatewayServiceClient(conn).CancelTask(ctx, request)
	}
	answer, err := call(ctx, c.gateway, c.limits, send)
	if err != nil {
		return Cancelled{}, err
	}
	return Cancelled{State: TaskState(answer.GetState()), CancelRequested: answer.GetCancelRequested()}, nil
}

// Result says how a task stands now. A task that is not finished is no error.
func (c *Client) Result(ctx context.Context, taskID string) (TaskSnapshot, error) {
	return c.get(ctx, taskID, 0)
}

// Wait says how a task stands as soon as it has finished, or after wait at the latest. A wait that runs out is no error: the state is not
// terminal then, see [TaskState.IsTerminal]. A task that failed is none either. If ctx ends sooner, that is one.
func (c *Client) Wait(ctx context.Context, taskID string, wait time.Duration) (TaskSnapshot, error) {
	until := time.Now().Add(wait)
	for {
		left := max(0, time.Until(until))
		found, err := c.get(ctx, taskID, min(left, longestWait))
		if err != nil || found.State.IsTerminal() || time.Until(until) <= waitPause {
			return found, err
		}
		if ended := sleep(ctx, waitPause); ended != nil {
			return found, endedError(ended, OutcomeNotApplied, c.results.address)
		}
	}
}

func (c *Client) get(ctx context.Context, taskID string, wait time.Duration) (TaskSnapshot, error) {
	most := c.limits
	most.deadline += wait
	until := time.Now().Add(most.deadline)
	send := func(ctx context.Context, conn grpc.ClientConnInterface) (*tidemillv1.GetResultResponse, error) {
		// A later try has less time: the server must not hold its answer back for longer than this side waits.
		left := min(wait, max(0, time.Until(until)-c.limits.deadline))
		request := &tidemillv1.GetResultRequest{TaskId: taskID, Wait: spanOf(left)}
		return tidemillv1.NewResultsServiceClient(conn).GetResult(ctx, request)
	}
	answer, err := call(ctx, c.results, most, send)
	if err != nil {
		return TaskSnapshot{}, err
	}
	return snapshotOf(answer), nil
}

// Stats says how many unary calls were made over all connections, and how many tries they took.
func (c *Client) Stats() Stats {
	var all Stats
	counted := map[*line]bool{}
	for _, link := range []*link{c.gateway, c.results, c.worker} {
		if line := link.line; !counted[line] {
			counted[line] = true
			all.Calls += line.calls.Load()
			all.Attempts += line.attempts.Load()
		}
	}
	return all
}

func enqueuedOf(answer *tidemillv1.EnqueueResponse) Enqueued {
	return Enqueued{
		TaskID:       answer.GetTaskId(),
		State:        TaskState(answer.GetState()),
		Deduplicated: answer.GetDeduplicated(),
	}
}
