package tidemill

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// patience of tests with what should come at once: only a test that fails needs it.
const soon = 30 * time.Second

var quiet = slog.New(slog.DiscardHandler)

// fake is a server that follows a script, breaks on purpose, and remembers what it saw.
type fake struct {
	tidemillv1.UnimplementedGatewayServiceServer
	tidemillv1.UnimplementedResultsServiceServer
	tidemillv1.UnimplementedWorkerServiceServer

	url    string
	server *grpc.Server

	onEnqueue func(context.Context, *tidemillv1.EnqueueRequest) (*tidemillv1.EnqueueResponse, error)
	onBatch   func(*tidemillv1.BatchEnqueueRequest) (*tidemillv1.BatchEnqueueResponse, error)
	onResult  func(*tidemillv1.GetResultRequest) (*tidemillv1.GetResultResponse, error)
	onWatch   func(*tidemillv1.WatchResultRequest, watchServer) error
	onMany    func(manyServer) error
	works     chan *fakeWork

	mu       sync.Mutex
	enqueued []*tidemillv1.EnqueueRequest
	cursors  []int64
}

type (
	watchServer = grpc.ServerStreamingServer[tidemillv1.WatchResultResponse]
	manyServer  = grpc.BidiStreamingServer[tidemillv1.WatchResultsRequest, tidemillv1.WatchResultsResponse]
	workServer  = grpc.BidiStreamingServer[tidemillv1.WorkRequest, tidemillv1.WorkResponse]
)

func newFake(t *testing.T, options ...grpc.ServerOption) *fake {
	t.Helper()
	server := &fake{works: make(chan *fakeWork, 16)}
	server.listen(t, "127.0.0.1:0", options...)
	return server
}

func (f *fake) listen(t *testing.T, address string, options ...grpc.ServerOption) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(options...)
	tidemillv1.RegisterGatewayServiceServer(server, f)
	tidemillv1.RegisterResultsServiceServer(server, f)
	tidemillv1.RegisterWorkerServiceServer(server, f)
	f.server, f.url = server, "http://"+listener.Addr().String()
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
}

func (f *fake) Enqueue(ctx context.Context, request *tidemillv1.EnqueueRequest) (*tidemillv1.EnqueueResponse, error) {
	f.mu.Lock()
	f.enqueued = append(f.enqueued, request)
	f.mu.Unlock()
	return f.onEnqueue(ctx, request)
}

func (f *fake) seen() []*tidemillv1.EnqueueRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.enqueued
}

func (f *fake) BatchEnqueue(_ context.Context, request *tidemillv1.BatchEnqueueRequest) (*tidemillv1.BatchEnqueueResponse, error) {
	return f.onBatch(request)
}

func (f *fake) GetResult(_ context.Context, request *tidemillv1.GetResultRequest) (*tidemillv1.GetResultResponse, error) {
	return f.onResult(request)
}

func (f *fake) WatchResult(request *tidemillv1.WatchResultRequest, stream watchServer) error {
	f.mu.Lock()
	f.cursors = append(f.cursors, request.GetAfterSequence())
	f.mu.Unlock()
	return f.onWatch(request, stream)
}

func (f *fake) WatchResults(stream manyServer) error { return f.onMany(stream) }

// Work hands the stream to the test and lives until the test ends it.
func (f *fake) Work(stream workServer) error {
	work := &fakeWork{stream: stream, said: make(chan *tidemillv1.WorkRequest, 1024), end: make(chan error, 1), closed: make(chan error, 1)}
	go work.read()
	f.works <- work
	select {
	case err := <-work.end:
		return err
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
}

// fakeWork is the server's end of a Work stream.
type fakeWork struct {
	stream workServer
	said   chan *tidemillv1.WorkRequest
	end    chan error
	closed chan error // io.EOF after a half-close
}

func (w *fakeWork) read() {
	for {
		message, err := w.stream.Recv()
		if err != nil {
			w.closed <- err
			return
		}
		w.said <- message
	}
}

// next is the next message that is no echo.
func (w *fakeWork) next(t *testing.T) *tidemillv1.WorkRequest {
	t.Helper()
	for {
		select {
		case message := <-w.said:
			if message.GetEcho() == nil {
				return message
			}
		case <-time.After(soon):
			t.Fatal("the worker said nothing")
		}
	}
}

func (w *fakeWork) send(t *testing.T, answer *tidemillv1.WorkResponse) {
	t.Helper()
	if err := w.stream.Send(answer); err != nil {
		t.Fatal(err)
	}
}

// register reads the registration and accepts it.
func (w *fakeWork) register(t *testing.T, ping time.Duration, adopted ...string) *tidemillv1.Register {
	t.Helper()
	register := w.next(t).GetRegister()
	if register == nil {
		t.Fatal("the first message is no registration")
	}
	w.accept(t, ping, adopted...)
	return register
}

func (w *fakeWork) accept(t *testing.T, ping time.Duration, adopted ...string) {
	t.Helper()
	registered := &tidemillv1.Registered{Adopted: adopted, PingInterval: durationpb.New(ping)}
	w.send(t, &tidemillv1.WorkResponse{Message: &tidemillv1.WorkResponse_Registered{Registered: registered}})
}

func (w *fakeWork) assign(t *testing.T, assignments ...*tidemillv1.Assignment) {
	t.Helper()
	all := &tidemillv1.Assignments{Assignments: assignments}
	w.send(t, &tidemillv1.WorkResponse{Message: &tidemillv1.WorkResponse_Assignments{Assignments: all}})
}

func (w *fakeWork) settled(t *testing.T, token string, state TaskState) {
	t.Helper()
	settled := &tidemillv1.Settled{LeaseToken: token, State: tidemillv1.TaskState(state)}
	w.send(t, &tidemillv1.WorkResponse{Message: &tidemillv1.WorkResponse_Settled{Settled: settled}})
}

// alive proves that the worker still hears this stream.
func (w *fakeWork) alive(t *testing.T, number int64) {
	t.Helper()
	w.send(t, &tidemillv1.WorkResponse{Message: &tidemillv1.WorkResponse_Ping{Ping: &tidemillv1.Ping{Number: number}}})
	select {
	case said := <-w.said:
		if said.GetEcho().GetNumber() != number {
			t.Fatalf("not the echo of %d: %v", number, said)
		}
	case err := <-w.closed:
		t.Fatalf("the stream was left: %v", err)
	case <-time.After(soon):
		t.Fatal("no echo")
	}
}

func (w *fakeWork) drain(t *testing.T) {
	t.Helper()
	w.send(t, &tidemillv1.WorkResponse{Message: &tidemillv1.WorkResponse_Drain{Drain: &tidemillv1.Drain{}}})
}

// credits reads the next message, which must be of them.
func (w *fakeWork) credits(t *testing.T, want int32) {
	t.Helper()
	if said := w.next(t); said.GetCredits() == nil || said.GetCredits().GetCredits() != want {
		t.Errorf("%d credits expected: %v", want, said)
	}
}

func (w *fakeWork) lost(t *testing.T, token string) {
	t.Helper()
	lost := &tidemillv1.LeaseLost{LeaseToken: token}
	w.send(t, &tidemillv1.WorkResponse{Message: &tidemillv1.WorkResponse_LeaseLost{LeaseLost: lost}})
}

func (w *fakeWork) howClosed(t *testing.T) error {
	t.Helper()
	select {
	case err := <-w.closed:
		return err
	case <-time.After(soon):
		t.Fatal("the stream is still open")
		return nil
	}
}

func (f *fake) nextWork(t *testing.T) *fakeWork {
	t.Helper()
	select {
	case work := <-f.works:
		return work
	case <-time.After(soon):
		t.Fatal("no Work stream came")
		return nil
	}
}

func assignment(token string) *tidemillv1.Assignment {
	return &tidemillv1.Assignment{LeaseToken: token, TaskId: "task-" + token, Kind: "k", Queue: "default", Attempt: 1, MaxAttempts: 4}
}

func (f *fake) client(t *testing.T, options ...ClientOption) *Client {
	t.Helper()
	client, err := NewClient(f.url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func info(reason Reason, metadata ...string) protoadapt.MessageV1 {
	found := &errdetails.ErrorInfo{Reason: string(reason), Domain: errorDomain, Metadata: map[string]string{}}
	for i := 0; i+1 < len(metadata); i += 2 {
		found.Metadata[metadata[i]] = metadata[i+1]
	}
	return protoadapt.MessageV1Of(found)
}

func retryInfo(delay time.Duration) protoadapt.MessageV1 {
	return protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
}

func refusal(code codes.Code, details ...protoadapt.MessageV1) error {
	st, err := status.New(code, "m").WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return st.Err()
}

func stateEvent(sequence int64) *tidemillv1.TaskEvent {
	changed := &tidemillv1.StateChanged{State: tidemillv1.TaskState_TASK_STATE_RUNNING}
	return &tidemillv1.TaskEvent{Sequence: sequence, Event: &tidemillv1.TaskEvent_StateChanged{StateChanged: changed}}
}

func resultEvent(sequence int64) *tidemillv1.TaskEvent {
	result := &tidemillv1.TaskResult{State: tidemillv1.TaskState_TASK_STATE_SUCCEEDED}
	return &tidemillv1.TaskEvent{Sequence: sequence, Event: &tidemillv1.TaskEvent_Result{Result: result}}
}

func truncatedEvent(from, to int64) *tidemillv1.TaskEvent {
	cut := &tidemillv1.Truncated{FromSequence: from, ToSequence: to}
	return &tidemillv1.TaskEvent{Sequence: to, Event: &tidemillv1.TaskEvent_Truncated{Truncated: cut}}
}

// of finds the client's error, or fails.
func of(t *testing.T, err error) *Error {
	t.Helper()
	var found *Error
	if !errors.As(err, &found) {
		t.Fatalf("not a *tidemill.Error: %v", err)
	}
	return found
}

func stored(context.Context, *tidemillv1.EnqueueRequest) (*tidemillv1.EnqueueResponse, error) {
	return &tidemillv1.EnqueueResponse{TaskId: "T", State: tidemillv1.TaskState_TASK_STATE_QUEUED}, nil
}

// freeAddress is one where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func grpcHeader(ctx context.Context, name string) []string {
	return metadata.ValueFromIncomingContext(ctx, name)
}
