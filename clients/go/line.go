package tidemill

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	backoffBase = 100 * time.Millisecond
	// Longest wait between two probes of a server that is away, and longest time that one of them keeps the others waiting: a call that takes
	// long by its nature, or a replica that hangs, must not hold up the line.
	probeCap = time.Second
)

// line is what the calls to one address share, so that they do not make an outage worse. After the server was away (unreachable,
// connection lost, UNAVAILABLE) callers stand in line and one of them at a time tries, after a backoff with full jitter; when it is
// answered, all others go. So an outage costs each call one failed try at most, and new calls wait instead of failing.
type line struct {
	turn     chan struct{}
	budget   budget
	calls    atomic.Uint64
	attempts atomic.Uint64

	mu        sync.Mutex
	failures  int
	notBefore time.Time
	why       *Error // nil: the server is not away
}

func newLine() *line {
	return &line{turn: make(chan struct{}, 1), budget: newBudget()}
}

// enter waits while the server is away. What it returns is to be called after the try; the turn is over by itself after a while.
func (l *line) enter(ctx context.Context) (leave func(), err error) {
	if _, away := l.probeAt(); !away {
		return func() {}, ctx.Err()
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	next := sync.OnceFunc(func() { <-l.turn })
	at, away := l.probeAt()
	if !away {
		next()
		return func() {}, nil
	}
	if err := sleepUntil(ctx, at); err != nil {
		next()
		return nil, err
	}
	over := time.AfterFunc(probeCap, next)
	return func() { over.Stop(); next() }, nil
}

func (l *line) probeAt() (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.notBefore, l.why != nil
}

func (l *line) lastError() *Error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why
}

// back: the server answered, whatever it said.
func (l *line) back() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures, l.why = 0, nil
}

// away: the server was away for a try.
func (l *line) away(err *Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures++
	l.notBefore = time.Now().Add(err.RetryAfter + jittered(l.failures, probeCap))
	l.why = err
}

// jittered is a random wait before try failures+1: between 0 and the smaller of most and 100 ms doubled with each failure.
func jittered(failures int, most time.Duration) time.Duration {
	bound := most
	if shift := max(0, failures-1); shift < 30 {
		bound = min(most, backoffBase<<shift)
	}
	return rand.N(bounded(max(0, bound)) + 1)
}

func sleepUntil(ctx context.Context, at time.Time) error {
	return sleep(ctx, time.Until(at))
}

func sleep(ctx context.Context, span time.Duration) error {
	if span <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

const (
	// Tokens are counted in fifths: a retry costs five, an answered call earns one.
	retryCost = 5
	// A burst of a hundred retries.
	mostTokens = 100 * retryCost
	// Ten retries a second are free.
	freeRetryEvery = 100 * time.Millisecond
)

// budget keeps retries at 1.2 times the calls in the long run, however many callers there are (the idea of Finagle's retry budget). An
// empty one makes callers wait, not fail: it also fills slowly by itself.
type budget struct {
	mu     sync.Mutex
	fifths int
	filled time.Time
}

func newBudget() budget { return budget{fifths: mostTokens, filled: time.Now()} }

func (b *budget) take(ctx context.Context) error {
	for {
		next, taken := b.tryTake()
		if taken {
			return nil
		}
		if err := sleepUntil(ctx, next); err != nil {
			return err
		}
	}
}

func (b *budget) tryTake() (next time.Time, taken bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	whole := max(0, time.Since(b.filled)/freeRetryEvery)
	b.filled = b.filled.Add(whole * freeRetryEvery)
	b.fifths = min(mostTokens, b.fifths+int(min(whole, mostTokens))*retryCost)
	if b.fifths < retryCost {
		return b.filled.Add(freeRetryEvery), false
	}
	b.fifths -= retryCost
	return time.Time{}, true
}

func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fifths = min(mostTokens, b.fifths+1)
}
