package tidemill

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// addAtOnce is how many tasks one message adds: a message of a thousand ids is about 40 KB.
const addAtOnce = 1_000

// Watched is what came of one watched task.
type Watched struct {
	// TaskID is the task, as it was named when it was added. Empty with an error that ends the whole watch.
	TaskID string
	// Event is the next event of its log, unless there is an error.
	Event Event
}

// WatchMany follows many tasks over one stream, each as [Client.Watch] does: every event once and in order. Add and Remove may be called
// from anywhere, before and while the events are read.
type WatchMany struct {
	client   *Client
	settings watchOptions
	wake     chan struct{} // something was commanded

	mu       sync.Mutex
	commands []watchCommand
	finished bool
}

type watchCommand struct {
	taskID string
	after  int64
	remove bool
}

// WatchMany prepares to follow many tasks over one stream; [WatchMany.Events] does it. [After] has no meaning here.
func (c *Client) WatchMany(options ...WatchOption) *WatchMany {
	return &WatchMany{client: c, settings: watchSettings(options), wake: make(chan struct{}, 1)}
}

// Add watches a task from after this event of its log; 0 is the beginning. Adding one that is watched already restarts it from there. One
// stream takes 10,000 tasks unless the server is configured otherwise; a task beyond that is answered with an error.
func (w *WatchMany) Add(taskID string, after int64) {
	w.command(watchCommand{taskID: taskID, after: after})
}

// Remove stops watching a task. Events that are on their way may still come.
func (w *WatchMany) Remove(taskID string) {
	w.command(watchCommand{taskID: taskID, remove: true})
}

// Finish says that no more tasks will be added: the events end when every task has left.
func (w *WatchMany) Finish() {
	w.mu.Lock()
	w.finished = true
	w.mu.Unlock()
	w.nudge()
}

func (w *WatchMany) command(command watchCommand) {
	w.mu.Lock()
	w.commands = append(w.commands, command)
	w.mu.Unlock()
	w.nudge()
}

func (w *WatchMany) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *WatchMany) take() (commands []watchCommand, finished bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	commands, w.commands = w.commands, nil
	return commands, w.finished
}

// Events yields what comes of the tasks. A task leaves by itself after its result, or with an error of its own; the others stay. The events
// end when every task has left after [WatchMany.Finish], or, with an error without a task, when ctx ends. To be read once, by one goroutine.
func (w *WatchMany) Events(ctx context.Context) iter.Seq2[Watched, error] {
	return func(yield func(Watched, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		many := &manyFollower{
			watch: w, yield: yield, cursors: map[string]*cursor{}, restarts: map[string]bool{}, again: map[string]time.Time{},
			patience: patience{first: w.client.limits, settings: w.settings},
		}
		defer many.close()
		for many.step(ctx) {
		}
	}
}

type manyStream = grpc.BidiStreamingClient[tidemillv1.WatchResultsRequest, tidemillv1.WatchResultsResponse]

// manyFollower is one WatchMany at work.
type manyFollower struct {
	watch    *WatchMany
	yield    func(Watched, error) bool
	cursors  map[string]*cursor
	restarts map[string]bool      // moved or left on the open stream: what was sent for where they were before may still come
	again    map[string]time.Time // tasks that were refused for the moment, and when to add them again
	patience patience

	open     *watching[manyStream]
	outgoing *outbox[*tidemillv1.WatchResultsRequest]
	incoming chan manyMessage
}

type manyMessage struct {
	message *tidemillv1.WatchResultsResponse
	err     error
}

// step does the next thing. False: it is over.
func (f *manyFollower) step(ctx context.Context) bool {
	commands, finished := f.watch.take()
	for _, command := range commands {
		f.obey(command)
	}
	if len(f.cursors) == 0 && finished {
		return false
	}
	if f.open == nil && len(f.cursors) > 0 {
		if err := f.connect(ctx); err != nil {
			return f.broke(ctx, err)
		}
	}
	timer := time.NewTimer(f.untilAgain())
	defer timer.Stop()
	select {
	case <-ctx.Done():
		f.yield(Watched{}, endedError(ctx.Err(), OutcomeNotApplied, f.address()))
		return false
	case <-f.watch.wake:
		return true
	case <-timer.C:
		f.addAgain()
		return true
	case got := <-f.incoming:
		if got.err != nil {
			return f.broke(ctx, f.open.failed(ctx, got.err))
		}
		f.patience.restore()
		return f.hear(got.message)
	}
}

func (f *manyFollower) address() string { return f.watch.client.results.address }

func (f *manyFollower) obey(command watchCommand) {
	taskID := command.taskID
	delete(f.again, taskID)
	if command.remove {
		f.leave(taskID)
		return
	}
	f.noteRestart(taskID)
	f.cursors[taskID] = &cursor{last: command.after, restarting: f.restarts[taskID]}
	f.say(f.adding(taskID))
}

// leave stops watching a task from this side.
func (f *manyFollower) leave(taskID string) {
	f.noteRestart(taskID)
	delete(f.cursors, taskID)
	f.say(&tidemillv1.WatchResultsRequest{Remove: []string{taskID}})
}

func (f *manyFollower) noteRestart(taskID string) {
	if f.cursors[taskID] != nil && f.open != nil {
		f.restarts[taskID] = true
	}
}

func (f *manyFollower) adding(taskIDs ...string) *tidemillv1.WatchResultsRequest {
	request := &tidemillv1.WatchResultsRequest{}
	for _, taskID := range taskIDs {
		target := &tidemillv1.WatchTarget{TaskId: taskID, AfterSequence: f.cursors[taskID].last}
		request.Add = append(request.Add, target)
	}
	return request
}

// say: a stream that is gone is noticed by its messages, and the next one is told everything.
func (f *manyFollower) say(request *tidemillv1.WatchResultsRequest) {
	if f.open != nil {
		f.outgoing.put(request)
	}
}

func (f *manyFollower) connect(ctx context.Context) *Error {
	clear(f.again)
	clear(f.restarts)
	for _, at := range f.cursors {
		at.restarting = false
	}
	outgoing := newOutbox[*tidemillv1.WatchResultsRequest]()
	for taskIDs := range slices.Chunk(slices.Collect(maps.Keys(f.cursors)), addAtOnce) {
		outgoing.put(f.adding(taskIDs...))
	}
	var inner context.Context
	open := func(ctx context.Context, conn grpc.ClientConnInterface) (manyStream, error) {
		inner = ctx
		stream, err := tidemillv1.NewResultsServiceClient(conn).WatchResults(ctx)
		if err == nil {
			// The server may wait for the first message before it answers.
			go outgoing.send(ctx, stream.Send)
		}
		return stream, err
	}
	opened, err := openWatching(ctx, f.watch.client, open)
	if err != nil {
		return err
	}
	f.open, f.outgoing, f.patience.established = opened, outgoing, true
	f.incoming = make(chan manyMessage)
	go receive(inner, opened.stream, f.incoming)
	return nil
}

// receive ends with ctx; not with that of the stream, which ends before the stream's error was read.
func receive(ctx context.Context, stream manyStream, incoming chan<- manyMessage) {
	for {
		message, err := stream.Recv()
		select {
		case incoming <- manyMessage{message, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// broke: the stream broke, or could not be had.
func (f *manyFollower) broke(ctx context.Context, err *Error) bool {
	steady := f.open != nil && f.open.steady()
	f.close()
	if ctx.Err() != nil {
		f.yield(Watched{}, endedError(ctx.Err(), OutcomeNotApplied, f.address()))
		return false
	}
	pause, final := f.patience.bear(err, steady)
	if final == nil {
		// If ctx ends meanwhile, the next step says so.
		_ = sleep(ctx, pause)
		return true
	}
	f.patience.restore()
	for taskID := range f.cursors {
		delete(f.cursors, taskID)
		if !f.yield(Watched{TaskID: taskID}, final) {
			return false
		}
	}
	return true
}

// hear takes a message of one task. False: the reader has had enough.
func (f *manyFollower) hear(message *tidemillv1.WatchResultsResponse) bool {
	taskID := message.GetTaskId()
	at, watched := f.cursors[taskID]
	if !watched {
		// One that was removed, while this was on its way.
		return true
	}
	switch item := message.GetItem().(type) {
	case *tidemillv1.WatchResultsResponse_Event:
		event := eventOf(item.Event)
		fresh, hole := at.accept(event)
		if hole != "" {
			// The server does not know that this is the end of it.
			f.leave(taskID)
			return f.yield(Watched{TaskID: taskID}, contractError(f.address(), hole))
		}
		if at.finished {
			delete(f.cursors, taskID)
		}
		return !fresh || f.yield(Watched{TaskID: taskID, Event: event}, nil)
	case *tidemillv1.WatchResultsResponse_Error:
		err := errorOfMessage(item.Error, f.address())
		if err.resume() == whenBack {
			f.again[taskID] = time.Now().Add(err.RetryAfter + jittered(1, time.Hour))
			return true
		}
		delete(f.cursors, taskID)
		return f.yield(Watched{TaskID: taskID}, err)
	default:
		return true
	}
}

func (f *manyFollower) untilAgain() time.Duration {
	wait := time.Hour
	for _, due := range f.again {
		wait = min(wait, max(0, time.Until(due)))
	}
	return wait
}

func (f *manyFollower) addAgain() {
	now := time.Now()
	var due []string
	for taskID, at := range f.again {
		if at.After(now) {
			continue
		}
		delete(f.again, taskID)
		if f.cursors[taskID] != nil {
			due = append(due, taskID)
		}
	}
	if len(due) > 0 {
		f.say(f.adding(due...))
	}
}

func (f *manyFollower) close() {
	if f.open != nil {
		f.open.close()
		f.open, f.incoming = nil, nil
	}
}
