package tidemill

import (
	"context"
	"fmt"
	"time"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

const (
	// Longest wait between two connections, and before a settle is said again.
	mostWorkBackoff = 5 * time.Second
	// After the grace: how long the server may take to answer the last settles.
	lastWord = 10 * time.Second
	// Reports of all handlers that wait for the session.
	waitingReports = 256
	// As if a stream had failed this often: up to 1.6 s of backoff.
	patientAfter = 5
	longTime     = time.Hour
)

// session is the worker protocol from the handler process's side: one worker at work. Only the goroutine of run touches its fields.
type session struct {
	worker     *Worker
	handlerCtx context.Context
	held       map[string]*held
	due        map[string]*held // those that have something due
	reports    chan report
	begun      time.Time
	drain      *drain

	stream    *workStream
	opening   *opening // nil: none is under way
	opened    chan opened
	openAt    time.Time
	failures  int
	connected bool
	complaint complaint
}

// drain is set when the worker was told to stop.
type drain struct {
	releaseAt time.Time // when what still runs is given back; then: when the last answers are due
	released  bool
}

func newSession(ctx context.Context, worker *Worker) *session {
	return &session{
		worker:     worker,
		handlerCtx: context.WithoutCancel(ctx),
		held:       map[string]*held{},
		due:        map[string]*held{},
		reports:    make(chan report, waitingReports),
		opened:     make(chan opened, 1),
		begun:      time.Now(),
	}
}

// run works until told to stop and everything is settled or given back.
func (s *session) run(ctx context.Context) *Error {
	defer s.end()
	told := ctx.Done()
	timer := time.NewTimer(longTime)
	defer timer.Stop()
	for {
		if s.drain != nil && len(s.held) == 0 && s.opening == nil {
			if s.stream != nil {
				s.stream.finish()
				s.stream = nil
			}
			return nil
		}
		s.show()
		s.openIfDue()
		timer.Reset(time.Until(s.nextDue()))
		var err *Error
		answers, reports, room := s.channels()
		select {
		case <-told:
			told = nil
			s.beginDrain()
		case found := <-s.opened:
			err = s.adoptOrNot(found)
		case answer := <-answers:
			if answer.err != nil {
				s.loseStream(answer.err)
			} else {
				s.stream.heard = time.Now()
				s.hear(answer.message)
			}
		case said := <-reports:
			s.forward(said)
		case <-room:
		case <-timer.C:
			err = s.tick()
		}
		if err != nil {
			return err
		}
	}
}

// channels are those to hear now: reports only while the stream has room for one, so that handlers wait instead of a queue growing.
func (s *session) channels() (<-chan workAnswer, <-chan report, <-chan struct{}) {
	switch {
	case s.stream == nil:
		return nil, nil, nil
	case s.stream.hasRoom():
		return s.stream.answers, s.reports, nil
	default:
		return s.stream.answers, nil, s.stream.room
	}
}

// tell tells what has happened, when Status says so, too.
func (s *session) tell(event WorkerEvent) {
	s.show()
	s.worker.tell(event)
}

// show tells Status what the session is at.
func (s *session) show() {
	status := WorkerStatusReceiving
	switch {
	case s.drain != nil:
		status = WorkerStatusDraining
	case s.wantsStream():
		status = WorkerStatusConnecting
	default:
		s.worker.receivingUntil.Store(s.stream.silentAt().UnixNano())
	}
	s.worker.status.Store(int32(status))
}

// end lets go of everything. Leases that are still held expire.
func (s *session) end() {
	if s.opening != nil {
		s.opening.cancel()
		if late := <-s.opened; late.stream != nil {
			late.stream.close()
		}
	}
	if s.stream != nil {
		s.stream.close()
	}
	for token := range s.held {
		s.forget(token, ErrStopped)
	}
}

func (s *session) nextDue() time.Time {
	next := time.Now().Add(longTime)
	earlier := func(at time.Time) {
		if at.Before(next) {
			next = at
		}
	}
	if s.stream != nil {
		earlier(s.stream.silentAt())
	}
	if s.wantsStream() && s.opening == nil {
		earlier(s.openAt)
	}
	if s.drain != nil {
		earlier(s.drain.releaseAt)
	}
	for _, held := range s.due {
		earlier(held.due)
	}
	return next
}

func (s *session) wantsStream() bool { return s.stream == nil || s.stream.leaving }

func (s *session) openIfDue() {
	if !s.wantsStream() || s.opening != nil || time.Now().Before(s.openAt) {
		return
	}
	register := &tidemillv1.Register{
		Queues: s.worker.queues,
		Kinds:  s.worker.kinds,
		Name:   s.worker.name,
	}
	if s.stream == nil {
		// Beside a stream that is being left the new one gets nothing before it is known that all that is held was named.
		register.Credits = s.credits()
	}
	for token := range s.held {
		register.Held = append(register.Held, token)
	}
	client := s.worker.client
	begun := newOpening(s.handlerCtx, client.worker, client.limits.deadline, register)
	s.opening = begun
	go func() { s.opened <- begun.run() }()
}

func (s *session) credits() int32 {
	if s.drain != nil {
		return 0
	}
	return int32(s.worker.concurrency) //nolint:gosec // Check keeps it within 10,000
}

func (s *session) adoptOrNot(found opened) *Error {
	by := s.opening
	s.opening = nil
	if found.err != nil {
		return s.notOpened(found.err)
	}
	s.adopt(found.stream, by)
	return nil
}

// adopt: the server has registered us; this is the stream now, and it is told whatever is still open. One that it replaces is broken off, not
// half-closed, which would give back what the new one holds.
func (s *session) adopt(stream *workStream, by *opening) {
	s.failures, s.connected, s.complaint = 0, true, complaint{}
	if s.stream != nil {
		s.hearTheRest()
		s.stream.close()
	}
	s.stream = stream
	adopted := map[string]bool{}
	for _, token := range stream.registered.GetAdopted() {
		adopted[token] = true
	}
	for token, held := range s.held {
		held.reports = 0
		held.notAdopted = by.named[token] && !adopted[token]
		if !by.named[token] {
			// Assigned by a replica that drained, when the registration was on its way already: nobody renews it yet. Another one names it.
			stream.leaving, s.openAt = true, time.Now()
		}
		if held.settle != nil {
			// Whether it was applied is unknown; to say it again is harmless.
			s.setDue(token, held, time.Time{})
			stream.say(held.settle)
		}
	}
	if !stream.leaving && by.register.GetCredits() != s.credits() {
		stream.say(creditsMessage(s.credits()))
	}
	s.tell(WorkerConnected{Address: stream.address})
}

// hearTheRest takes what a stream that is about to be left has received already: an assignment must not be dropped.
func (s *session) hearTheRest() {
	for {
		select {
		case answer := <-s.stream.answers:
			if answer.err != nil {
				return
			}
			s.hear(answer.message)
		default:
			return
		}
	}
}

func (s *session) notOpened(err *Error) *Error {
	s.failures++
	if s.drain != nil && len(s.held) == 0 {
		return nil
	}
	// Once it has worked, only our own server's considered word ends it: what a proxy says may pass, and leases are held.
	if err.resume() == never && (!s.connected || err.Reason != "") {
		return err
	}
	within := s.worker.connectWithin
	if within > 0 && !s.connected && time.Since(s.begun) >= within {
		return err
	}
	s.retryLater(err)
	return nil
}

// loseStream: the stream broke. Only a refused registration ends the worker: a stream may also be ended for what is over by now, e.g. because
// this process was paused for so long that it echoed no pings.
func (s *session) loseStream(err *Error) {
	leaving := s.stream.leaving
	s.stream.close()
	s.stream = nil
	// A replica that drains closes its streams; the next one is being opened already.
	if leaving {
		return
	}
	s.failures++
	if err.resume() == never {
		// Should it be meant for good, it must not be asked for in a hurry.
		s.failures = max(s.failures, patientAfter)
	}
	s.retryLater(err)
}

func (s *session) retryLater(err *Error) {
	s.openAt = time.Now().Add(err.RetryAfter + jittered(s.failures, mostWorkBackoff))
	s.show()
	event := WorkerDisconnected{Err: err, WasConnected: s.connected}
	if s.complaint.isNews(err, time.Now()) {
		event.log(s.worker.log)
	}
	s.worker.hears(event)
}

func (s *session) beginDrain() {
	s.drain = &drain{releaseAt: time.Now().Add(s.worker.grace)}
	s.say(creditsMessage(0))
	if len(s.held) == 0 {
		// There is nothing to wait for but the answer to a registration: tasks may come with it.
		s.drain = &drain{releaseAt: time.Now().Add(lastWord), released: true}
		if s.opening != nil {
			s.opening.abandon()
		}
	}
	s.tell(WorkerDraining{Running: len(s.held)})
}

func (s *session) tick() *Error {
	now := time.Now()
	if s.stream != nil && !now.Before(s.stream.silentAt()) {
		s.loseStream(s.stream.silenceError())
	}
	for token, held := range s.due {
		if !now.Before(held.due) {
			s.dueNow(token, held)
		}
	}
	if s.drain == nil || now.Before(s.drain.releaseAt) {
		return nil
	}
	switch {
	case !s.drain.released:
		s.releaseAll()
	case len(s.held) > 0:
		return s.unsettled()
	case s.opening != nil:
		// A registration that nobody answers.
		s.opening.cancel()
		s.drain.releaseAt = now.Add(longTime)
	}
	return nil
}

func (s *session) unsettled() *Error {
	message := fmt.Sprintf(
		"%d tasks could neither be settled nor given back; their leases expire, which counts as a crash", len(s.held))
	return newError(KindConnectionLost, OutcomeUnknown, s.worker.client.worker.address, message)
}

func (s *session) say(message *tidemillv1.WorkRequest) {
	if s.stream != nil {
		s.stream.say(message)
	}
}

func creditsMessage(credits int32) *tidemillv1.WorkRequest {
	return &tidemillv1.WorkRequest{Message: &tidemillv1.WorkRequest_Credits{Credits: &tidemillv1.Credits{Credits: credits}}}
}
