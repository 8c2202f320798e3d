package tidemill

import (
	"context"
	"time"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// mostDoubts is how many refusals may be of reports rather than of the settle that followed them. Each costs a repetition of the settle.
const mostDoubts = 8

// hear takes an answer of the server. What this version does not know is ignored.
func (s *session) hear(answer *tidemillv1.WorkResponse) {
	switch said := answer.GetMessage().(type) {
	case *tidemillv1.WorkResponse_Assignments:
		for _, assignment := range said.Assignments.GetAssignments() {
			s.start(assignment)
		}
	case *tidemillv1.WorkResponse_Ping:
		echo := &tidemillv1.Echo{Number: said.Ping.GetNumber()}
		s.say(&tidemillv1.WorkRequest{Message: &tidemillv1.WorkRequest_Echo{Echo: echo}})
	case *tidemillv1.WorkResponse_CancelRequested:
		s.cancelRequested(said.CancelRequested)
	case *tidemillv1.WorkResponse_LeaseLost:
		s.leaseLost(said.LeaseLost.GetLeaseToken())
	case *tidemillv1.WorkResponse_Settled:
		token := said.Settled.GetLeaseToken()
		if held := s.held[token]; held != nil {
			s.forget(token, ErrStopped)
			state := TaskState(said.Settled.GetState())
			s.tellOf(held, TaskSettled{Task: held.attempt.facts(), State: state})
			held.logEnd(s.worker.log, state)
		}
	case *tidemillv1.WorkResponse_Refused:
		s.refused(said.Refused)
	case *tidemillv1.WorkResponse_Drain:
		s.stream.leaving = true
		s.openAt = time.Now()
	}
}

func (s *session) start(assignment *tidemillv1.Assignment) {
	token := assignment.GetLeaseToken()
	handler := s.worker.handlers[assignment.GetKind()]
	switch {
	case s.held[token] != nil:
		// Said twice: it runs already.
		return
	case s.drain != nil:
		// It crossed with the news that there are no more credits.
		s.giveBack(assignment, &tidemillv1.ReleaseTaskRequest{LeaseToken: token, Draining: true})
		return
	case handler == nil:
		// The server assigns registered kinds only; should it not, another process may serve this one.
		s.giveBack(assignment, &tidemillv1.ReleaseTaskRequest{LeaseToken: token})
		return
	}
	attempt := newAttempt(assignment, s.reports)
	ctx := s.handlerCtx
	if !attempt.TraceContext.isZero() {
		ctx = ContextWithTrace(ctx, attempt.TraceContext)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	s.held[token] = &held{attempt: attempt, cancel: cancel}
	s.tell(TaskStarted{Task: attempt.facts()})
	job := &job{handler: handler, attempt: attempt, log: s.worker.log, deaf: &s.worker.deaf}
	go job.run(ctx)
}

// giveBack releases a task that is not run. It is held until the server has confirmed that.
func (s *session) giveBack(assignment *tidemillv1.Assignment, release *tidemillv1.ReleaseTaskRequest) {
	_, cancel := context.WithCancelCause(s.handlerCtx)
	token := release.GetLeaseToken()
	s.held[token] = &held{attempt: newAttempt(assignment, s.reports), cancel: cancel, unstarted: true}
	s.settle(token, releaseMessage(release), ErrStopped)
}

// tellOf tells of a task that somebody has heard of.
func (s *session) tellOf(held *held, event WorkerEvent) {
	if !held.unstarted {
		s.tell(event)
	}
}

func (s *session) cancelRequested(asked *tidemillv1.CancelRequested) {
	token := asked.GetLeaseToken()
	held := s.held[token]
	if held == nil || held.settle != nil {
		return
	}
	held.askToStop(&CancelRequest{Cause: CancelCause(asked.GetCause()), Reason: asked.GetReason()})
	s.setDue(token, held, time.Now().Add(s.worker.cancelGrace))
}

// forward passes on what a handler said. What it says after its lease was lost, or after it was abandoned, goes nowhere.
func (s *session) forward(said report) {
	held := s.held[said.token]
	if held == nil || held.settle != nil {
		return
	}
	if said.settles {
		held.settle = said.message
		s.setDue(said.token, held, time.Time{})
	} else {
		held.reports = min(held.reports+1, mostDoubts)
	}
	s.stream.report(said.message)
}

// settle ends an attempt from this side: its handler is stopped.
func (s *session) settle(token string, message *tidemillv1.WorkRequest, cause error) {
	if held := s.held[token]; held != nil {
		s.stop(held, cause)
		s.setDue(token, held, time.Time{})
		held.settle = message
	}
	s.say(message)
}

// leaseLost: a settle that was said again after a registration that did not adopt its token has an answer of its own to come.
func (s *session) leaseLost(token string) {
	held := s.held[token]
	if held == nil {
		return
	}
	saidAtRegistration := held.notAdopted
	held.notAdopted = false
	if held.settle == nil || !saidAtRegistration {
		s.forget(token, ErrLeaseLost)
		s.tellOf(held, TaskLost{Task: held.attempt.facts()})
	}
}

func (s *session) refused(refused *tidemillv1.Refused) {
	token := refused.GetLeaseToken()
	held := s.held[token]
	if held == nil {
		return
	}
	message := refused.GetReason() + ": " + refused.GetMessage()
	reason := Reason(refused.GetReason())
	// A refusal does not say of what it is. What is refused for its content may have been a report that was sent before the settle.
	ofReport := held.reports > 0
	held.reports = max(0, held.reports-1)
	switch {
	case held.settle == nil:
		// A report; its handler hears of it with the next one.
		held.attempt.refused.Store(&message)
	case reason != ReasonInvalidRequest || refused.GetOutcomeUnknown() || ofReport:
		// It may pass; or the settle's own answer is still to come. To say it again is harmless.
		if !held.due.IsZero() {
			return
		}
		held.refusals++
		s.setDue(token, held, time.Now().Add(jittered(held.refusals, mostWorkBackoff)))
		return
	case held.settle.GetComplete() != nil:
		// An output that the server cannot take must not be tried for ever: the next attempt would make the same one.
		failure := &Failure{Message: "the output was refused: " + message, Permanent: true}
		s.settle(token, failure.settle(token), ErrStopped)
	default:
		// Nothing that could be said would be taken: the lease expires.
		s.forget(token, ErrStopped)
	}
	s.tellOf(held, TaskRefused{Task: held.attempt.facts(), Message: message})
}

// dueNow says a settle again, or abandons a handler that was asked to stop and did not.
func (s *session) dueNow(token string, held *held) {
	s.setDue(token, held, time.Time{})
	if held.settle != nil {
		s.say(held.settle)
		return
	}
	if held.attempt.ended.Load() != nil {
		// It ended in time; its report waits for the stream.
		return
	}
	asked := held.attempt.cancel.Load()
	s.settle(token, settleOf(ErrCancelled, token, asked), asked)
	s.worker.log.Warn("abandoned a handler that was asked to stop and did not", held.attempt.facts().attrs()...)
}

// releaseAll: the grace is over; what still runs is given back, what has ended waits for its answer, or for the stream to say it over.
func (s *session) releaseAll() {
	for token, held := range s.held {
		if held.settle == nil && held.attempt.ended.Load() == nil {
			release := &tidemillv1.ReleaseTaskRequest{LeaseToken: token, Draining: true}
			s.settle(token, releaseMessage(release), ErrStopped)
		}
	}
	s.drain = &drain{releaseAt: time.Now().Add(lastWord), released: true}
}

func (s *session) setDue(token string, held *held, at time.Time) {
	held.due = at
	if at.IsZero() {
		delete(s.due, token)
	} else {
		s.due[token] = held
	}
}

// forget lets go of a lease, and stops its handler: nothing it does would count.
func (s *session) forget(token string, cause error) {
	if held := s.held[token]; held != nil {
		s.stop(held, cause)
		delete(s.held, token)
		delete(s.due, token)
	}
}

// stop lets go of a handler, whether it has ended or not.
func (s *session) stop(held *held, cause error) {
	if !held.unstarted && held.attempt.ended.Load() == nil {
		s.worker.deaf.add(held.attempt)
	}
	held.stop(cause)
}
