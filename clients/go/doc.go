// Package tidemill is the client and worker of [Tidemill], a durable task queue with a gRPC contract.
//
// # Enqueue, and follow what becomes of it
//
//	client, err := tidemill.NewClient("http://localhost:7440")
//	enqueued, err := client.Enqueue(ctx, tidemill.Task{Kind: "email.send", Payload: tidemill.Text("hello")})
//	for event, err := range client.Watch(ctx, enqueued.TaskID) {
//		...
//	}
//
// # Run tasks
//
//	worker := tidemill.NewWorker(client, tidemill.WithConcurrency(16))
//	worker.Handle("email.send", func(ctx context.Context, task *tidemill.Attempt) (tidemill.Payload, error) {
//		...
//	})
//	err := worker.Run(ctx)
//
// # How the parts fit
//
//	Task ──▶ Client.Enqueue ──┐                        ┌─▶ line: one call at a time probes a server that is away
//	result, cancel, admin ────┼─▶ call (deadline, key) ─┼─▶ budget: retries are at most a fifth of the calls
//	Watch, WatchMany ─────────┘                        └─▶ gRPC connection
//
//	Worker ──▶ session (a goroutine of its own: heartbeats do not wait for handlers) ──▶ Work stream
//	              └──▶ handlers, each in a goroutine of its own
//
// # What happens when something fails
//
// Every unary call has a deadline ([WithTimeout], or that of its context if it is earlier) and is tried again within it where that is safe
// and may help: each enqueue carries an idempotency key, made here if the caller gave none, so a repetition never stores a second task. An
// [Error] says whether the call left a trace: [OutcomeNotApplied] or [OutcomeUnknown]. A [Client.Watch] goes on after a broken stream from the
// last event it yielded, so that every sequence number comes exactly once. A [Worker] keeps its leases over a broken stream.
//
// # Handlers and their contexts
//
// The context of a [Handler] ends when the handler should: its task was cancelled, its attempt ran too long, its lease was lost, or the worker
// gives the task back. To return the context's error is right in all of these cases. Go cannot end a goroutine from outside: a handler that
// does not watch its context is abandoned after [WithCancelGrace], its task is settled without it, and whatever it returns later counts for
// nothing. A handler that writes to other systems sends [Attempt.Fence] along, so that they can refuse one that was abandoned.
//
// [Tidemill]: https://github.com/tidemill/tidemill
package tidemill
