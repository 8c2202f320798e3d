/**
 * Client and worker for <a href="https://github.com/tidemill/tidemill">Tidemill</a>, a durable task
 * queue with a gRPC contract.
 *
 * <p>{@link dev.tidemill.client.Client} enqueues tasks and follows what becomes of them; {@link
 * dev.tidemill.client.Worker} runs them.
 *
 * <h2>What happens when something fails</h2>
 *
 * <p>Every unary call has a deadline ({@link dev.tidemill.client.ClientBuilder#timeout}) and is
 * tried again within it where that is safe and may help: each enqueue carries an idempotency key,
 * made here if the caller gave none, so a repetition never stores a second task. A {@link
 * dev.tidemill.client.TidemillException} says whether the call left a trace: {@link
 * dev.tidemill.client.Outcome}. While a server is away, callers stand in line and one at a time
 * tries; retries are at most a fifth of the calls in the long run. A {@link
 * dev.tidemill.client.Watch} goes on after a broken stream from the last event it yielded, so that
 * every sequence number comes exactly once. A {@link dev.tidemill.client.Worker} keeps its leases
 * over a broken stream.
 *
 * <h2>Threads</h2>
 *
 * <p>The calls of a client wait on the caller's thread, or are futures ({@link
 * dev.tidemill.client.AsyncClient}). A worker has a thread of its own for the protocol, so that
 * handlers never delay a heartbeat, and runs handlers on an executor.
 */
package dev.tidemill.client;
