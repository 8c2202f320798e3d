package tidemill

import (
	"context"
	"sync"
)

// outbox holds what is to be sent over one stream by a goroutine of its own, so that whoever says something never waits for the network.
type outbox[T any] struct {
	ready chan struct{}

	mu    sync.Mutex
	items []T
}

func newOutbox[T any]() *outbox[T] {
	return &outbox[T]{ready: make(chan struct{}, 1)}
}

func (o *outbox[T]) put(item T) {
	o.mu.Lock()
	o.items = append(o.items, item)
	o.mu.Unlock()
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

func (o *outbox[T]) take() []T {
	o.mu.Lock()
	defer o.mu.Unlock()
	items := o.items
	o.items = nil
	return items
}

// send sends until ctx ends or the stream does.
func (o *outbox[T]) send(ctx context.Context, say func(T) error) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.ready:
		}
		for _, item := range o.take() {
			if say(item) != nil {
				// Whoever reads the stream hears why.
				return
			}
		}
	}
}
