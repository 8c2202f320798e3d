package tidemill

import (
	"context"
	"time"

	"google.golang.org/grpc"
)

const (
	defaultGiveUpAfter = 5 * time.Minute
	// A stream that lived this long was a good one, even if the task had nothing to say.
	steadyAfter = 5 * time.Second
	// Longest wait before a stream is opened again.
	mostStreamBackoff = 5 * time.Second
)

// WatchOption sets up a watch.
type WatchOption func(*watchOptions)

type watchOptions struct {
	after       int64
	giveUpAfter time.Duration
	onBreak     func(error)
}

// After starts a [Client.Watch] after this event instead of at the beginning. The result comes even if this is its own number.
func After(sequence int64) WatchOption {
	return func(o *watchOptions) { o.after = sequence }
}

// GiveUpAfter ends the watch with the last error when no stream could be had for this long. Without it: 5 min. Before the first stream,
// the client's timeout and tries count instead: the address may be wrong.
func GiveUpAfter(span time.Duration) WatchOption {
	return func(o *watchOptions) { o.giveUpAfter = bounded(span) }
}

// OnBreak hears of every break that the watch is about to mend; not of vain tries before the first stream.
func OnBreak(heard func(error)) WatchOption {
	return func(o *watchOptions) { o.onBreak = heard }
}

func watchSettings(options []WatchOption) watchOptions {
	settings := watchOptions{giveUpAfter: defaultGiveUpAfter}
	for _, option := range options {
		option(&settings)
	}
	return settings
}

// patience says for how long breaks of a watch are borne.
type patience struct {
	first       limits // before the first stream
	settings    watchOptions
	established bool // a stream was opened at least once: the address is right
	brokenSince time.Time
	failures    int
}

// restore: something came.
func (p *patience) restore() {
	p.brokenSince, p.failures = time.Time{}, 0
}

// bear says how long to wait before the next stream; or hands the error back: at once where the server means it, else when the time for
// it is over.
func (p *patience) bear(err *Error, steady bool) (time.Duration, *Error) {
	if err.resume() == never {
		return 0, err
	}
	if steady {
		p.restore()
	}
	if p.brokenSince.IsZero() {
		p.brokenSince = time.Now()
	}
	p.failures++
	pause := err.RetryAfter + jittered(p.failures, mostStreamBackoff)
	limit, tries := p.settings.giveUpAfter, 0
	if !p.established {
		limit, tries = p.first.deadline, p.first.tries
	}
	if (tries > 0 && p.failures >= tries) || time.Since(p.brokenSince)+pause > limit {
		return 0, err
	}
	if p.established && p.settings.onBreak != nil {
		p.settings.onBreak(err)
	}
	return pause, nil
}

// watching is an open stream of the results role.
type watching[S grpc.ClientStream] struct {
	stream  S
	address string
	since   time.Time
	seen    *passage
	close   func()
}

// openWatching opens one, in line with everybody else who finds the role away. The client's timeout is for opening it only.
func openWatching[S grpc.ClientStream](
	ctx context.Context, c *Client, open func(context.Context, grpc.ClientConnInterface) (S, error),
) (*watching[S], *Error) {
	link := c.results
	leave, stuck := inLine(ctx, link, c.limits.deadline)
	if stuck != nil {
		return nil, stuck
	}
	defer leave()
	conn, release, refused := link.acquire()
	if refused != nil {
		return nil, refused
	}
	inner, seen := observed(ctx)
	inner, cancel := context.WithCancel(inner)
	late := time.AfterFunc(c.limits.deadline, cancel)
	opened := &watching[S]{address: link.address, seen: seen, close: func() { cancel(); release() }}
	stream, err := open(inner, conn)
	if err == nil {
		opened.stream = stream
		err = opened.established()
	}
	if err == nil && late.Stop() {
		opened.since = time.Now()
		link.line.back()
		return opened, nil
	}
	opened.close()
	if ctx.Err() != nil {
		return nil, endedError(ctx.Err(), OutcomeNotApplied, link.address)
	}
	failed := deadlineError(OutcomeNotApplied, link.address, c.limits.deadline)
	if late.Stop() {
		failed = errorOf(err, link.address, seen)
	}
	link.line.note(failed)
	return nil, failed
}

// inLine waits in line, but not for longer than a call would.
func inLine(ctx context.Context, link *link, limit time.Duration) (leave func(), stuck *Error) {
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	leave, ended := link.line.enter(waiting)
	switch {
	case ended == nil:
		return leave, nil
	case ctx.Err() != nil:
		return nil, endedError(ctx.Err(), OutcomeNotApplied, link.address)
	}
	if why := link.line.lastError(); why != nil {
		return nil, why
	}
	return nil, deadlineError(OutcomeNotApplied, link.address, limit)
}

// established waits until the server has accepted the stream; a refusal comes instead of headers.
func (w *watching[S]) established() error {
	headers, err := w.stream.Header()
	if err != nil {
		return err
	}
	if headers == nil {
		// Nothing can come of it but its end.
		return w.stream.RecvMsg(nil)
	}
	return nil
}

// note keeps in mind what the end of a stream says about the server.
func (l *line) note(err *Error) {
	if err.resume() == whenBack {
		l.away(err)
	} else {
		l.back()
	}
}

// failed reads why the stream ended.
func (w *watching[S]) failed(ctx context.Context, err error) *Error {
	if ctx.Err() != nil {
		return endedError(ctx.Err(), OutcomeNotApplied, w.address)
	}
	return errorOf(err, w.address, w.seen)
}

func (w *watching[S]) steady() bool { return time.Since(w.since) >= steadyAfter }
