package tidemill_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	tidemill "github.com/tidemill/tidemill/clients/go"
)

func Example() {
	ctx := context.Background()
	client, err := tidemill.NewClient(tidemill.DefaultURL)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Close() }()

	task := tidemill.Task{Kind: "email.send", Payload: tidemill.Text("hello"), Delay: 5 * time.Second}
	enqueued, err := client.Enqueue(ctx, task)
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range client.Watch(ctx, enqueued.TaskID) {
		if err != nil {
			log.Fatal(err)
		}
		switch detail := event.Detail.(type) {
		case tidemill.Progress:
			fmt.Printf("%.0f %% %s\n", detail.Fraction*100, detail.Message)
		case tidemill.TaskResult:
			fmt.Println(detail.State, detail.Error)
		}
	}
}

func ExampleWorker() {
	client, err := tidemill.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	worker := tidemill.NewWorker(client, tidemill.WithConcurrency(16))
	worker.Handle("email.send", func(ctx context.Context, task *tidemill.Attempt) (tidemill.Payload, error) {
		text, ok := task.Payload.Text()
		if !ok {
			return tidemill.Payload{}, tidemill.Permanent(errors.New("the input must be text"))
		}
		task.Progress(0.5, "half")
		select {
		case <-time.After(time.Second):
			return tidemill.Text("sent " + text), nil
		case <-ctx.Done():
			return tidemill.Payload{}, ctx.Err()
		}
	})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := worker.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

func ExampleClient_Wait() {
	ctx := context.Background()
	client, err := tidemill.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.Wait(ctx, os.Args[1], 30*time.Second)
	switch {
	case err != nil:
		log.Fatal(err)
	case !result.State.IsTerminal():
		fmt.Println("not finished after 30 s:", result.State)
	case result.State == tidemill.StateSucceeded:
		fmt.Println(string(result.Output.Bytes()))
	default:
		fmt.Println(result.State, result.Error)
	}
}

func ExampleClient_WatchMany() {
	client, err := tidemill.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	many := client.WatchMany()
	for _, taskID := range os.Args[1:] {
		many.Add(taskID, 0)
	}
	many.Finish()
	for watched, err := range many.Events(context.Background()) {
		if err != nil {
			fmt.Println(watched.TaskID, err)
			continue
		}
		if result, ok := watched.Event.Detail.(tidemill.TaskResult); ok {
			fmt.Println(watched.TaskID, result.State)
		}
	}
}

func ExampleError() {
	// Nobody listens there.
	client, err := tidemill.NewClient("127.0.0.1:1", tidemill.WithMaxTries(1))
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Enqueue(context.Background(), tidemill.Task{Kind: "email.send", IdempotencyKey: "order-17"})
	var failed *tidemill.Error
	if errors.As(err, &failed) {
		fmt.Println(failed.Kind, failed.Outcome, failed.IdempotencyKey)
	}
	// Output: unreachable not_applied order-17
}

func ExampleJSON() {
	payload, err := tidemill.JSON(map[string]any{"order": 17, "paid": true})
	fmt.Println(string(payload.Bytes()), payload.ContentType(), err)

	var order struct{ Order int }
	err = payload.Decode(&order)
	fmt.Println(order.Order, err)

	_, err = tidemill.JSON(uint64(9007199254740993))
	fmt.Println(err)
	// Output:
	// {"order":17,"paid":true} application/json <nil>
	// 17 <nil>
	// payload: 9007199254740993 would lose digits as a JSON number; make it a string
}

func ExamplePermanent() {
	declined := errors.New("card declined")
	err := fmt.Errorf("order 17: %w", tidemill.Permanent(declined))

	var failure *tidemill.Failure
	fmt.Println(err, errors.As(err, &failure), failure.Permanent, errors.Is(err, declined))
	// Output: order 17: card declined true true true
}
