package tidemill

import (
	"context"
	"time"

	tidemillv1 "github.com/tidemill/tidemill/clients/go/tidemill/v1"
)

// held is one lease, over all streams.
type held struct {
	attempt *Attempt
	cancel  context.CancelCauseFunc
	stopped bool
	// How the attempt ended, once it has; kept until the server has answered it, to be said again after a broken stream.
	settle *tidemillv1.WorkRequest
	// It was given back without being run: nobody has heard of it.
	unstarted bool
	// Reports on the open stream that the server may still refuse; more than a few do not count.
	reports int
	// The registration named it and did not adopt it: that it is lost is said once apart from the settle's own answer.
	notAdopted bool
	// How often the server could not take the settle.
	refusals int
	// When the handler that was asked to stop is abandoned, or the settle is said again. Zero: never.
	due time.Time
}

func (h *held) askToStop(request *CancelRequest) {
	h.attempt.cancel.Store(request)
	h.cancel(request)
}

// stop ends the handler's context; what the handler says from here on goes nowhere.
func (h *held) stop(cause error) {
	if !h.stopped {
		h.stopped = true
		close(h.attempt.dropped)
	}
	h.cancel(cause)
}
