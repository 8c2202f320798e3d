package tidemill

import (
	"sync"
	"time"
)

// A handler that ends this soon after it was let go was never in the way.
const deafAfter = time.Second

// deafHandlers are those that were let go and do not end. Go cannot end them: their places go to other tasks, but what they hold on to, e.g.
// memory or a lock, stays with them.
type deafHandlers struct {
	mu  sync.Mutex
	all map[*Attempt]time.Time // from when on it counts
}

// add: the worker has let go of the attempt.
func (d *deafHandlers) add(attempt *Attempt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !attempt.over {
		d.all[attempt] = time.Now().Add(deafAfter)
	}
}

// over: its handler has ended.
func (d *deafHandlers) over(attempt *Attempt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	attempt.over = true
	delete(d.all, attempt)
}

func (d *deafHandlers) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, count := time.Now(), 0
	for _, from := range d.all {
		if now.After(from) {
			count++
		}
	}
	return count
}
