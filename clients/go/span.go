package tidemill

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
)

// longest is far beyond every limit of the contract; a few of them can be added to each other, and to any moment, without an overflow.
const longest = 50 * 365 * 24 * time.Hour

// bounded is a span that can be counted with.
func bounded(span time.Duration) time.Duration { return min(span, longest) }

// spanFrom is a span that the server sent. A negative one counts as none.
func spanFrom(message *durationpb.Duration) time.Duration {
	return bounded(max(0, message.AsDuration()))
}
