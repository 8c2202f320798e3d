package tidemill

import (
	"context"
	"iter"

	"google.golang.org/grpc"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// Page is one page of a list.
type Page[T any] struct {
	// Items is what is on it; possibly nothing, although there are more pages.
	Items []T
	// Next is what to ask for the next page with. Empty: this is the last one.
	Next string
}

// ListQueues gives a page of the queues, by name. At most 1,000 on a page; 0: 100. The page is [Page.Next] of the page before.
func (c *Client) ListQueues(ctx context.Context, pageSize int32, page string) (Page[*tidemillv1.Queue], error) {
	request := &tidemillv1.ListQueuesRequest{PageSize: pageSize, PageToken: page}
	send := func(ctx context.Context, conn grpc.ClientConnInterface) (*tidemillv1.ListQueuesResponse, error) {
		return tidemillv1.NewAdminServiceClient(conn).ListQueues(ctx, request)
	}
	answer, err := call(ctx, c.gateway, c.limits, send)
	if err != nil {
		return Page[*tidemillv1.Queue]{}, err
	}
	return Page[*tidemillv1.Queue]{Items: answer.GetQueues(), Next: answer.GetNextPageToken()}, nil
}

// Queues yields all queues, by name, page by page. An error ends it.
func (c *Client) Queues(ctx context.Context) iter.Seq2[*tidemillv1.Queue, error] {
	return pages(func(page string) (Page[*tidemillv1.Queue], error) { return c.ListQueues(ctx, 0, page) })
}

// Queue gives one queue with its kinds.
func (c *Client) Queue(ctx context.Context, name string) (*tidemillv1.Queue, error) {
	request := &tidemillv1.GetQueueRequest{Queue: name}
	send := func(ctx context.Context, conn grpc.ClientConnInterface) (*tidemillv1.GetQueueResponse, error) {
		return tidemillv1.NewAdminServiceClient(conn).GetQueue(ctx, request)
	}
	answer, err := call(ctx, c.gateway, c.limits, send)
	if err != nil {
		return nil, err
	}
	if answer.GetQueue() == nil {
		return nil, contractError(c.gateway.address, "GetQueue answered without a queue")
	}
	return answer.GetQueue(), nil
}

// ListTasks gives a page of the tasks of one queue that are in one state, without payloads. At most 500 on a page; 0: 50.
func (c *Client) ListTasks(
	ctx context.Context, queue string, state TaskState, pageSize int32, page string,
) (Page[*tidemillv1.Task], error) {
	request := &tidemillv1.ListTasksRequest{
		Queue: queue, State: tidemillv1.TaskState(state), PageSize: pageSize, PageToken: page,
	}
	send := func(ctx context.Context, conn grpc.ClientConnInterface) (*tidemillv1.ListTasksResponse, error) {
		return tidemillv1.NewAdminServiceClient(conn).ListTasks(ctx, request)
	}
	answer, err := call(ctx, c.gateway, c.limits, send)
	if err != nil {
		return Page[*tidemillv1.Task]{}, err
	}
	return Page[*tidemillv1.Task]{Items: answer.GetTasks(), Next: answer.GetNextPageToken()}, nil
}

// Tasks yields all tasks of one queue that are in one state, without payloads, page by page. An error ends it.
func (c *Client) Tasks(ctx context.Context, queue string, state TaskState) iter.Seq2[*tidemillv1.Task, error] {
	return pages(func(page string) (Page[*tidemillv1.Task], error) { return c.ListTasks(ctx, queue, state, 0, page) })
}

// Task gives one task, with its payloads.
func (c *Client) Task(ctx context.Context, taskID string) (*tidemillv1.Task, error) {
	request := &tidemillv1.GetTaskRequest{TaskId: taskID}
	send := func(ctx context.Context, conn grpc.ClientConnInterface) (*tidemillv1.GetTaskResponse, error) {
		return tidemillv1.NewAdminServiceClient(conn).GetTask(ctx, request)
	}
	answer, err := call(ctx, c.gateway, c.limits, send)
	if err != nil {
		return nil, err
	}
	if answer.GetTask() == nil {
		return nil, contractError(c.gateway.address, "GetTask answered without a task")
	}
	return answer.GetTask(), nil
}

func pages[T any](get func(page string) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for next := ""; ; {
			page, err := get(next)
			if err != nil {
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if next = page.Next; next == "" {
				return
			}
		}
	}
}
