package tidemill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// logged collects what a worker logs from Info on, a line each.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// with are the lines that hold all of the words.
func (l *logged) with(words ...string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		all := true
		for _, word := range words {
			all = all && strings.Contains(line, word)
		}
		if all {
			found = append(found, line)
		}
	}
	return found
}

func TestTheStandardLibrarysAnonymousErrorsHaveNoType(t *testing.T) {
	named := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("a"), ""},
		{fmt.Errorf("a %d", 1), ""},
		{fmt.Errorf("a: %w", errors.New("b")), ""},
		{fmt.Errorf("a: %w, %w", errors.New("b"), errors.New("c")), ""},
		{errors.Join(errors.New("a"), errors.New("b")), ""},
		{named, "*fs.PathError"},
		{fmt.Errorf("a: %w", named), "*fs.PathError"},
		{context.DeadlineExceeded, "context.deadlineExceededError"},
	} {
		if got := failureOf(c.err).settle("t").GetFail().GetType(); got != c.want {
			t.Errorf("%T %v: %q instead of %q", c.err, c.err, got, c.want)
		}
	}
}

func TestAFailureAndATaskGivenBackAreALineInTheLogEach(t *testing.T) {
	large := &tidemillv1.WorkRequest{Message: &tidemillv1.WorkRequest_Complete{Complete: &tidemillv1.CompleteTaskRequest{}}}
	failed := func(err error) *tidemillv1.WorkRequest { return failureOf(err).settle("t") }
	for _, c := range []struct {
		name   string
		settle *tidemillv1.WorkRequest
		state  TaskState
		want   string // the beginning after the time; empty: no line
	}{
		{"success", large, StateSucceeded, ""},
		{"failure", failed(errors.New("no\nink")), StateScheduled,
			`level=INFO msg="attempt failed; another one follows" task_id=task-a kind=k attempt=1 state=SCHEDULED max_attempts=4 error="no\nink"` + "\n"},
		{"permanent", failed(Permanent(&fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist})), StateFailed,
			`level=WARN msg="task failed for good: a permanent failure" task_id=task-a kind=k attempt=1 state=FAILED max_attempts=4 ` +
				`error="open x: file does not exist" error_type=*fs.PathError` + "\n"},
		{"last attempt", failed(errors.New("no ink")), StateFailed, `level=WARN msg="task failed for good: no attempt is left"`},
		{"failure after a cancel request", failed(errors.New("no ink")), StateCancelled, ""},
		{"release", releaseMessage(&tidemillv1.ReleaseTaskRequest{}), StateQueued,
			`level=INFO msg="task given back" task_id=task-a kind=k attempt=1 state=QUEUED` + "\n"},
		{"release at the end", releaseMessage(&tidemillv1.ReleaseTaskRequest{Draining: true}), StateQueued, `level=INFO msg="task given back"`},
		{"released too often", releaseMessage(&tidemillv1.ReleaseTaskRequest{}), StateFailed, `level=WARN msg="task failed for good: given back too often"`},
		{"cancelled", releaseMessage(&tidemillv1.ReleaseTaskRequest{Cancelled: true}), StateCancelled, ""},
		{"too large", large, StateFailed, `level=WARN msg="task failed for good: its output is too large"`},
	} {
		lines := &logged{}
		held := &held{attempt: newAttempt(assignment("a"), nil), settle: c.settle}
		held.logEnd(lines.logger(), c.state)
		text := lines.text.String()
		if _, after, found := strings.Cut(text, " "); (c.want != "") != found || !strings.HasPrefix(after, c.want) || strings.Count(text, "\n") > 1 {
			t.Errorf("%s: %q", c.name, text)
		}
	}
	lines := &logged{}
	unstarted := &held{attempt: newAttempt(assignment("a"), nil), settle: releaseMessage(nil), unstarted: true}
	if unstarted.logEnd(lines.logger(), StateQueued); lines.text.Len() > 0 {
		t.Errorf("nobody has heard of it: %s", &lines.text)
	}
}

func TestTheEndOfAnAttemptIsLoggedOnceAndWithoutPayloads(t *testing.T) {
	server, lines := newFake(t), &logged{}
	worker := server.start(t, func(context.Context, *Attempt) (Payload, error) {
		return Text("hidden output"), Permanent(errors.New("no such address"))
	}, WithLogger(lines.logger()))
	work := server.nextWork(t)
	work.register(t, pingEvery)
	secret := assignment("a")
	secret.Payload = Text("hidden input").toProto()
	work.assign(t, secret)
	if work.next(t).GetFail() == nil {
		t.Error("not failed")
	}
	work.settled(t, "a", StateFailed)
	heard[TaskSettled](t, worker)
	worker.finish(t, work)
	if found := lines.with("level=WARN", "task failed for good", "task_id=task-a", `"no such address"`); len(found) != 1 {
		t.Errorf("%q", found)
	}
	if found := lines.with("hidden"); found != nil {
		t.Errorf("%q", found)
	}
}

func TestALogBeforeTheFirstConnectionSaysSoAndNotInBursts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines, events := &logged{}, 0
		worker := NewWorker(nil, WithLogger(lines.logger()), WithListener(func(WorkerEvent) { events++ }))
		session := &session{worker: worker}
		refuse := func(times int, err *Error) {
			for range times {
				session.retryLater(err)
			}
		}
		away := newError(KindUnreachable, OutcomeNotApplied, "http://here", "connection refused")
		refuse(10, away)
		if found := lines.with("not connected yet; trying again"); len(found) != 1 || events != 10 {
			t.Errorf("%d events, %q", events, found)
		}
		time.Sleep(complainEvery)
		refuse(10, away)
		if found := lines.with("not connected yet; trying again"); len(found) != 2 {
			t.Errorf("%q", found)
		}
		refuse(2, newError(KindRefused, OutcomeNotApplied, "http://here", "another reason"))
		if found := lines.with("another reason"); len(found) != 1 {
			t.Errorf("another reason must be said at once: %q", found)
		}
	})
}

func TestALostConnectionIsSaidAgainAfterEachConnection(t *testing.T) {
	server, lines := newFake(t), &logged{}
	worker := server.start(t, done, WithLogger(lines.logger()))
	for range 2 {
		work := server.nextWork(t)
		work.register(t, pingEvery)
		work.end <- status.Error(codes.Unavailable, "gone")
		if event := heard[WorkerDisconnected](t, worker); !event.WasConnected {
			t.Error("says that it never was connected")
		}
	}
	work := server.nextWork(t)
	work.register(t, pingEvery)
	worker.finish(t, work)
	if found := lines.with("not connected; trying again, tasks go on", "gone"); len(found) != 2 || lines.with("yet") != nil {
		t.Errorf("%q", found)
	}
}
