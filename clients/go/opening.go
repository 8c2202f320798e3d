package tidemill

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// opening is a Work stream that is being opened. It has two lives: as long as it connects, the server knows nothing of it; once the
// registration is on its way, tasks may come with the answer, and it must be ended in order.
type opening struct {
	link     *link
	register *tidemillv1.Register
	limit    time.Duration
	// The leases that the registration names.
	named map[string]bool

	ctx        context.Context // that of the stream
	seen       *passage
	connecting context.Context // ends with the limit, or when it is abandoned
	abandon    context.CancelFunc
	cancel     context.CancelFunc
}

// opened is what came of it.
type opened struct {
	stream *workStream
	err    *Error
}

func newOpening(ctx context.Context, link *link, limit time.Duration, register *tidemillv1.Register) *opening {
	o := &opening{link: link, register: register, limit: limit, named: map[string]bool{}}
	for _, token := range register.GetHeld() {
		o.named[token] = true
	}
	ctx, o.seen = observed(ctx)
	o.ctx, o.cancel = context.WithCancel(ctx)
	o.connecting, o.abandon = context.WithTimeout(o.ctx, limit)
	return o
}

// run connects and registers, over a connection of its own. The limit is for all of it.
func (o *opening) run() opened {
	defer o.abandon()
	conn, refused := o.link.fresh()
	if refused != nil {
		return opened{err: refused}
	}
	if !connected(o.connecting, conn) {
		_ = conn.Close()
		return opened{err: o.ended()}
	}
	stream := newWorkStream(o.ctx, o.seen, conn, o.link.address)
	deadline, _ := o.connecting.Deadline()
	late := time.AfterFunc(time.Until(deadline), stream.close)
	err := stream.register(conn, o.register)
	if !late.Stop() && o.ctx.Err() == nil {
		err = deadlineError(OutcomeNotApplied, o.link.address, o.limit)
	}
	if err != nil {
		stream.close()
		return opened{err: err}
	}
	stream.start()
	return opened{stream: stream}
}

func (o *opening) ended() *Error {
	if o.connecting.Err() == context.DeadlineExceeded {
		return deadlineError(OutcomeNotApplied, o.link.address, o.limit)
	}
	return canceledError(OutcomeNotApplied, o.link.address)
}

// connected waits until a call can tell more: the connection stands, or has failed. False: ctx ended before.
func connected(ctx context.Context, conn *grpc.ClientConn) bool {
	for {
		conn.Connect()
		state := conn.GetState()
		if state != connectivity.Idle && state != connectivity.Connecting {
			return ctx.Err() == nil
		}
		if !conn.WaitForStateChange(ctx, state) {
			return false
		}
	}
}
