// Producer sends random orders until Ctrl-C. Each goes to stdout as a line of JSON with the id of its task, once it is stored.
package main

import (
	"context"
	cryptorand "crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	tidemill "github.com/tidemill/tidemill/clients/go"
)

// Order is what a worker gets.
type Order struct {
	ID     string  `json:"id"`
	Item   string  `json:"item"`
	Amount float64 `json:"amount"`
}

// sent is a line of the output.
type sent struct {
	TaskID string `json:"task_id"`
	Order
}

var items = []string{"anchor", "barometer", "compass", "deck-chair", "foghorn", "lantern", "oar", "rope", "sextant", "winch"}

func main() {
	log.SetFlags(0)
	log.SetPrefix("producer: ")
	count := flag.Int("count", 0, "orders to send; 0: until Ctrl-C")
	every := flag.Duration("every", 300*time.Millisecond, "pause between two orders")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the random items and amounts")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// A second Ctrl-C ends it at once.
	context.AfterFunc(ctx, stop)
	// The address is that in TIDEMILL_URL, or localhost:7440.
	client, err := tidemill.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := produce(ctx, client, *count, *every, rand.New(rand.NewPCG(*seed, 0))); err != nil {
		log.Fatal(err)
	}
}

func produce(ctx context.Context, client *tidemill.Client, count int, every time.Duration, chance *rand.Rand) error {
	out := json.NewEncoder(os.Stdout)
	stored := 0
	for ; (count == 0 || stored < count) && ctx.Err() == nil; stored++ {
		order := randomOrder(chance)
		taskID, err := send(ctx, client, order)
		if err != nil {
			return err
		}
		if err := out.Encode(sent{taskID, order}); err != nil {
			return err
		}
		log.Printf("%s  %-10s %7.2f", order.ID, order.Item, order.Amount)
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
	log.Printf("stored %d orders", stored)
	return nil
}

// randomOrder: about one in ten costs more than the workers' limit of 450.
func randomOrder(chance *rand.Rand) Order {
	return Order{
		ID:     strings.ToLower(cryptorand.Text()[:8]),
		Item:   items[chance.IntN(len(items))],
		Amount: float64(500+chance.IntN(49_500)) / 100,
	}
}

// send stores one order, however long the server is away. The idempotency key, which is the order's own, makes that safe: an order whose
// answer was lost is not stored a second time, not even by another run of this program.
func send(ctx context.Context, client *tidemill.Client, order Order) (taskID string, err error) {
	payload, err := tidemill.JSON(order)
	if err != nil {
		return "", err
	}
	task := tidemill.Task{
		Queue:          "orders",
		Kind:           "order.handle",
		Payload:        payload,
		IdempotencyKey: "order-" + order.ID,
		RetryPolicy:    tidemill.RetryPolicy{MaxAttempts: 4, InitialBackoff: 500 * time.Millisecond},
		Labels:         map[string]string{"order": order.ID},
	}
	for {
		// Ctrl-C does not break this off: the order at hand is stored first, so that what was printed is what there is.
		enqueued, err := client.Enqueue(context.WithoutCancel(ctx), task)
		if err == nil {
			return enqueued.TaskID, nil
		}
		if ctx.Err() != nil || !mayPass(err) {
			return "", err
		}
		log.Printf("%s is not stored yet: %v", order.ID, err)
	}
}

// mayPass: the server is away or full. The client itself has tried for 10 s then.
func mayPass(err error) bool {
	var failed *tidemill.Error
	if !errors.As(err, &failed) {
		return false
	}
	switch failed.Kind {
	case tidemill.KindUnreachable, tidemill.KindConnectionLost, tidemill.KindDeadlineExceeded:
		return true
	default:
		return failed.RetryAfter > 0
	}
}
