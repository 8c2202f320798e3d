package tidemill

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

const (
	// Pings that may fail to come before the stream counts as broken.
	missedPings     = 3
	shortestSilence = time.Second
	// Reports of handlers that may be on their way at a time; more wait in their handlers.
	mostReports = 64
)

// workStream is one Work stream that the server has accepted, over a connection of its own. It is left by cancelling it: to half-close would
// give back everything that is held.
type workStream struct {
	// Not that of the stream, which ends before the stream's error was read.
	ctx     context.Context
	stream  grpc.BidiStreamingClient[tidemillv1.WorkRequest, tidemillv1.WorkResponse]
	address string
	seen    *passage
	close   func()

	answers chan workAnswer
	// Echoes, credits, settles said again: never waits, overtakes reports. Nil half-closes.
	control *outbox[*tidemillv1.WorkRequest]
	reports chan *tidemillv1.WorkRequest
	room    chan struct{}
	ended   chan struct{}

	registered *tidemillv1.Registered
	heard      time.Time
	silence    time.Duration
	leaving    bool // the replica drains
}

type workAnswer struct {
	message *tidemillv1.WorkResponse
	err     *Error
}

func newWorkStream(ctx context.Context, seen *passage, conn *grpc.ClientConn, address string) *workStream {
	ctx, cancel := context.WithCancel(ctx)
	return &workStream{
		ctx:     ctx,
		address: address,
		seen:    seen,
		close:   func() { cancel(); _ = conn.Close() },
		answers: make(chan workAnswer),
		control: newOutbox[*tidemillv1.WorkRequest](),
		reports: make(chan *tidemillv1.WorkRequest, mostReports),
		room:    make(chan struct{}, 1),
		ended:   make(chan struct{}),
	}
}

func (w *workStream) start() {
	go w.write()
	go w.read()
}

func (w *workStream) register(conn *grpc.ClientConn, register *tidemillv1.Register) *Error {
	stream, err := tidemillv1.NewWorkerServiceClient(conn).Work(w.ctx)
	if err != nil {
		return errorOf(err, w.address, w.seen)
	}
	w.stream = stream
	// If it cannot be sent, Recv says why.
	_ = stream.Send(&tidemillv1.WorkRequest{Message: &tidemillv1.WorkRequest_Register{Register: register}})
	first, err := stream.Recv()
	if err != nil {
		return errorOf(err, w.address, w.seen)
	}
	w.registered = first.GetRegistered()
	if w.registered == nil {
		return contractError(w.address, "a Work stream that does not begin with Registered")
	}
	w.heard = time.Now()
	w.silence = max(shortestSilence, missedPings*spanFrom(w.registered.GetPingInterval()))
	return nil
}

func (w *workStream) read() {
	defer close(w.ended)
	for {
		message, err := w.stream.Recv()
		answer := workAnswer{message: message}
		if err != nil {
			answer.err = errorOf(err, w.address, w.seen)
		}
		select {
		case w.answers <- answer:
		case <-w.ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

func (w *workStream) write() {
	for {
		select {
		case <-w.control.ready:
			if !w.writeControl() {
				return
			}
			continue
		default:
		}
		select {
		case <-w.control.ready:
			if !w.writeControl() {
				return
			}
		case message := <-w.reports:
			select {
			case w.room <- struct{}{}:
			default:
			}
			// If the stream is gone, that is noticed where answers are read, and a settle is said again over the next one.
			if w.stream.Send(message) != nil {
				return
			}
		case <-w.ctx.Done():
			return
		}
	}
}

// writeControl is false when nothing more can be or is to be sent.
func (w *workStream) writeControl() bool {
	for _, message := range w.control.take() {
		if message == nil {
			_ = w.stream.CloseSend()
			return false
		}
		if w.stream.Send(message) != nil {
			return false
		}
	}
	return true
}

// say says something at once.
func (w *workStream) say(message *tidemillv1.WorkRequest) { w.control.put(message) }

func (w *workStream) hasRoom() bool { return len(w.reports) < cap(w.reports) }

// report says something of a handler, for which there is room: only the session sends.
func (w *workStream) report(message *tidemillv1.WorkRequest) { w.reports <- message }

// silentAt is when it counts as broken if nothing comes.
func (w *workStream) silentAt() time.Time { return w.heard.Add(w.silence) }

func (w *workStream) silenceError() *Error {
	return newError(KindConnectionLost, OutcomeUnknown, w.address, fmt.Sprintf("nothing came for %v", w.silence))
}

// finish half-closes and waits, not for long, until the server has done the same.
func (w *workStream) finish() {
	w.say(nil)
	timer := time.NewTimer(shortestSilence)
	defer timer.Stop()
	for done := false; !done; {
		select {
		case <-w.answers:
		case <-w.ended:
			done = true
		case <-timer.C:
			done = true
		}
	}
	w.close()
}
