package tidemill

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

const (
	// BatchLimit is the most tasks of one call of the contract; [Client.EnqueueBatch] makes as many calls as it takes.
	BatchLimit = 1_000
	// A call takes 4 MiB; the rest is for what encloses the entries.
	batchBytes = 4<<20 - 64<<10
	entryBytes = 8
)

// BatchOutcome is what became of one task of a batch.
type BatchOutcome struct {
	// Enqueued is valid if Err is nil.
	Enqueued Enqueued
	// Err is why the task was not stored: an *[Error].
	Err error
}

// batchEntry is not settled yet; it knows its place in the answer.
type batchEntry struct {
	index   int
	request *tidemillv1.EnqueueRequest
	// What is known over all calls so far: an earlier one may have stored it, even if the last one did not.
	outcome Outcome
}

// failed notes that the latest call about it ended with err, and what that makes of all of them.
func (e *batchEntry) failed(err *Error) *Error {
	if err.Outcome == OutcomeUnknown {
		e.outcome = OutcomeUnknown
	}
	return err.withOutcome(e.outcome).withKey(e.request.GetIdempotencyKey())
}

// EnqueueBatch stores many tasks, each on its own: the answer has one outcome for each, in order. It makes as many calls of at most 1,000
// tasks and 4 MiB as it takes, each within the timeout; entries that are refused for the moment only are sent again, as with
// [Client.Enqueue].
func (c *Client) EnqueueBatch(ctx context.Context, tasks []Task) []BatchOutcome {
	outcomes := make([]BatchOutcome, len(tasks))
	var open []batchEntry
	bytes := 0
	for index, task := range tasks {
		request, err := c.request(ctx, task)
		if err != nil {
			outcomes[index].Err = err
			continue
		}
		size := proto.Size(request) + entryBytes
		if len(open) == BatchLimit || (bytes+size > batchBytes && len(open) > 0) {
			c.sendBatch(ctx, open, outcomes)
			open, bytes = nil, 0
		}
		bytes += size
		open = append(open, batchEntry{index: index, request: request})
	}
	if len(open) > 0 {
		c.sendBatch(ctx, open, outcomes)
	}
	return outcomes
}

// sendBatch makes one call, and as many again as its refused entries need.
func (c *Client) sendBatch(ctx context.Context, open []batchEntry, outcomes []BatchOutcome) {
	until := time.Now().Add(c.limits.deadline)
	for tries := 1; ; tries++ {
		left := c.limits
		left.deadline = time.Until(until)
		answers, err := c.batchCall(ctx, open, left)
		if err != nil {
			// Whatever ended the call ended it for each entry.
			failAll(open, err, outcomes)
			return
		}
		refused, delay := c.settleBatch(open, answers, outcomes)
		pause := delay + jittered(tries, c.limits.deadline)
		tired := c.limits.tries > 0 && tries >= c.limits.tries
		if len(refused) == 0 || tired || !time.Now().Add(pause).Before(until) {
			return
		}
		if ended := sleep(ctx, pause); ended != nil {
			failAll(refused, endedError(ended, OutcomeNotApplied, c.gateway.address), outcomes)
			return
		}
		open = refused
	}
}

func failAll(open []batchEntry, err *Error, outcomes []BatchOutcome) {
	for i := range open {
		outcomes[open[i].index].Err = open[i].failed(err)
	}
}

// settleBatch notes what became of each entry, and picks those that may be sent again.
func (c *Client) settleBatch(
	open []batchEntry, answers []*tidemillv1.BatchEnqueueOutcome, outcomes []BatchOutcome,
) (refused []batchEntry, delay time.Duration) {
	for i, entry := range open {
		enqueued, err := c.batchOutcome(answers[i])
		if err == nil {
			outcomes[entry.index] = BatchOutcome{Enqueued: enqueued}
			continue
		}
		outcomes[entry.index].Err = entry.failed(err)
		if err.again() != never {
			delay = max(delay, err.RetryAfter)
			refused = append(refused, entry)
		}
	}
	return refused, delay
}

func (c *Client) batchCall(
	ctx context.Context, open []batchEntry, most limits,
) ([]*tidemillv1.BatchEnqueueOutcome, *Error) {
	request := &tidemillv1.BatchEnqueueRequest{Requests: make([]*tidemillv1.EnqueueRequest, len(open))}
	for i, entry := range open {
		request.Requests[i] = entry.request
	}
	send := func(ctx context.Context, conn grpc.ClientConnInterface) (*tidemillv1.BatchEnqueueResponse, error) {
		return tidemillv1.NewGatewayServiceClient(conn).BatchEnqueue(ctx, request)
	}
	answer, err := call(ctx, c.gateway, most, send)
	if err != nil {
		return nil, err
	}
	if got := len(answer.GetOutcomes()); got != len(open) {
		return nil, contractError(c.gateway.address, fmt.Sprintf("%d outcomes for %d tasks", got, len(open)))
	}
	return answer.GetOutcomes(), nil
}

func (c *Client) batchOutcome(answer *tidemillv1.BatchEnqueueOutcome) (Enqueued, *Error) {
	switch outcome := answer.GetOutcome().(type) {
	case *tidemillv1.BatchEnqueueOutcome_Response:
		return enqueuedOf(outcome.Response), nil
	case *tidemillv1.BatchEnqueueOutcome_Error:
		return Enqueued{}, errorOfMessage(outcome.Error, c.gateway.address)
	default:
		return Enqueued{}, contractError(c.gateway.address, "an outcome that says nothing")
	}
}
