package tidemill

import (
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
)

const (
	// How often the log says the same of a server that is away.
	complainEvery = 5 * time.Second
	// Of a failure's text that much is logged.
	mostLoggedText = 1 << 10
)

// complaint is what the log said last about a missing connection.
type complaint struct {
	kind   ErrorKind
	code   codes.Code
	reason Reason
	at     time.Time
}

// isNews is false if the log said the same a moment ago. Texts are not compared: they hold port numbers that differ each time.
func (c *complaint) isNews(err *Error, now time.Time) bool {
	next := complaint{kind: err.Kind, code: err.Code, reason: err.Reason, at: c.at}
	if next == *c && now.Sub(c.at) < complainEvery {
		return false
	}
	next.at = now
	*c = next
	return true
}

// logEnd logs one line about an attempt that failed or was given back, once that is stored. What goes well, and what was cancelled, is in
// the debug log only. An output or input is never logged.
func (h *held) logEnd(to *slog.Logger, state TaskState) {
	attrs := append(h.attempt.facts().attrs(), "state", state.String())
	switch {
	case h.unstarted || h.settle == nil:
	case h.settle.GetFail() != nil:
		fail := h.settle.GetFail()
		attrs = append(attrs, "max_attempts", h.attempt.MaxAttempts, "error", cut(fail.GetMessage(), mostLoggedText))
		if fail.GetType() != "" {
			attrs = append(attrs, "error_type", fail.GetType())
		}
		switch {
		case state == StateFailed && fail.GetPermanent():
			to.Warn("task failed for good: a permanent failure", attrs...)
		case state == StateFailed:
			to.Warn("task failed for good: no attempt is left", attrs...)
		case !state.IsTerminal():
			to.Info("attempt failed; another one follows", attrs...)
		}
	case h.settle.GetRelease() != nil && !state.IsTerminal():
		to.Info("task given back", attrs...)
	case h.settle.GetRelease() != nil && state == StateFailed:
		to.Warn("task failed for good: given back too often", attrs...)
	case h.settle.GetComplete() != nil && state == StateFailed:
		to.Warn("task failed for good: its output is too large", attrs...)
	}
}
