package tidemill

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// near is by how much sooner the server's timer, which works from the same deadline, may run out.
const near = 50 * time.Millisecond

// limits say how one call is made.
type limits struct {
	// Longest time for all tries.
	deadline time.Duration
	// Most tries. 0: as many as the deadline allows.
	tries int
}

// send makes one try over a connection.
type send[T any] func(context.Context, grpc.ClientConnInterface) (T, error)

// call tries until it is answered, refused for good, or the limits are reached. Every try carries the deadline of the whole. Only for
// calls that are safe to repeat. The outcome of the error considers all tries.
func call[T any](ctx context.Context, l *link, most limits, try send[T]) (T, *Error) {
	ctx, cancel := context.WithTimeout(ctx, most.deadline)
	defer cancel()
	one := &tries{ctx: ctx, link: l, most: most}
	if deadline, ok := ctx.Deadline(); ok {
		one.deadline = deadline
		one.limit = time.Until(deadline)
	}
	l.line.calls.Add(1)
	for {
		answer, err, over := attempt(one, try)
		if over {
			return answer, err
		}
	}
}

// tries of one call.
type tries struct {
	ctx      context.Context
	link     *link
	most     limits
	deadline time.Time
	limit    time.Duration

	made    int
	outcome Outcome
	last    *Error
	pause   time.Duration // before the next try, where only this call was refused
}

// attempt waits for its turn and tries once.
func attempt[T any](one *tries, try send[T]) (answer T, failed *Error, over bool) {
	line := one.link.line
	leave, err := one.admitted()
	if err != nil {
		return answer, one.gaveUp(err), true
	}
	defer leave()
	if one.tooLate() {
		return answer, one.gaveUp(context.DeadlineExceeded), true
	}
	conn, release, refused := one.link.acquire()
	if refused != nil {
		return answer, refused.withOutcome(one.outcome), true
	}
	defer release()
	line.attempts.Add(1)
	ctx, seen := observed(one.ctx)
	answer, err = try(ctx, conn)
	if err == nil {
		line.back()
		line.budget.earn()
		return answer, nil, true
	}
	failed, over = one.judge(one.read(err, seen))
	return answer, failed, over
}

// admitted waits for a token of the budget and for the line.
func (t *tries) admitted() (leave func(), err error) {
	if t.made > 0 {
		if t.last.again() == after {
			if err := sleep(t.ctx, t.pause); err != nil {
				return nil, err
			}
		}
		if err := t.link.line.budget.take(t.ctx); err != nil {
			return nil, err
		}
	}
	return t.link.line.enter(t.ctx)
}

// tooLate is true for a try of a server that was away that would tell nothing but that its time was too short, and leave open what became
// of it.
func (t *tries) tooLate() bool {
	known := t.last != nil || t.link.line.lastError() != nil
	return known && !time.Now().Add(near).Before(t.deadline)
}

// gaveUp is the error of a call whose context ended while it waited.
func (t *tries) gaveUp(ended error) *Error {
	if errors.Is(ended, context.Canceled) {
		return canceledError(t.outcome, t.link.address)
	}
	found := t.last
	if found == nil {
		found = t.link.line.lastError()
	}
	if found == nil {
		found = deadlineError(OutcomeNotApplied, t.link.address, t.limit)
	}
	return found.withOutcome(t.outcome).withCause(ended)
}

// read makes an error of a failed try.
func (t *tries) read(err error, seen *passage) *Error {
	address := t.link.address
	if t.ctx.Err() == context.Canceled {
		outcome := OutcomeNotApplied
		if seen.sent.Load() {
			outcome = OutcomeUnknown
		}
		return canceledError(outcome, address)
	}
	found := errorOf(err, address, seen)
	timer := found.Code == codes.Canceled || found.Code == codes.DeadlineExceeded
	// The channel's timer, or that of the server's library, which works from the deadline sent along and gives no reason.
	if timer && found.Reason == "" && !time.Now().Add(near).Before(t.deadline) {
		return deadlineError(found.Outcome, address, t.limit)
	}
	return found
}

// judge decides whether there is another try.
func (t *tries) judge(found *Error) (*Error, bool) {
	line := t.link.line
	t.made++
	if found.Outcome == OutcomeUnknown {
		t.outcome = OutcomeUnknown
	}
	t.last = found
	over := t.most.tries > 0 && t.made >= t.most.tries
	switch found.again() {
	case whenBack:
		line.away(found)
	case after:
		line.back()
		t.pause = found.RetryAfter + jittered(t.made, t.most.deadline)
		over = over || !time.Now().Add(t.pause).Before(t.deadline)
	default:
		over = true
		// A deadline that passed or a caller who left says nothing about the server.
		if found.Kind == KindRefused || found.Kind == KindContract {
			line.back()
		}
	}
	return found.withOutcome(t.outcome), over
}
