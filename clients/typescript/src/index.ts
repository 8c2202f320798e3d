/**
 * Client and worker for [Tidemill](https://github.com/tidemill/tidemill), a durable task queue with a gRPC contract.
 *
 * ## Enqueue, and follow what becomes of it
 *
 * ```ts
 * import { Client } from "@tidemill/client";
 *
 * const client = new Client("http://localhost:7440");
 * const { taskId } = await client.enqueue({ kind: "email.send", payload: "hello", delayMs: 5_000 });
 * for await (const event of client.watch(taskId)) {
 *   if (event.type === "progress") console.log(`${event.fraction * 100} % ${event.message}`);
 *   if (event.type === "result") console.log(event.result.state, event.result.output?.text);
 * }
 * ```
 *
 * ## Run tasks
 *
 * ```ts
 * import { Client, Failure, Worker, shutdownSignal } from "@tidemill/client";
 *
 * const worker = new Worker(new Client("http://localhost:7440"), { concurrency: 16 });
 * worker.handle("email.send", async (task) => {
 *   if (task.payload.text === undefined) throw Failure.permanent("the input must be text");
 *   return `sent ${task.payload.text}`;
 * });
 * await worker.run({ signal: shutdownSignal() });
 * ```
 *
 * ## What happens when something fails
 *
 * Every unary call has a deadline (`timeoutMs` of {@link ClientOptions}) and is tried again within it where that is safe and may help: each enqueue
 * carries an idempotency key, made here if the caller gave none, so a repetition never stores a second task. A {@link TidemillError} says whether the
 * call left a trace (`outcome`). A {@link Watch} goes on after a broken stream from the last event it yielded, so that every sequence number comes
 * exactly once. A {@link Worker} keeps its leases over a broken stream, and while a handler keeps its thread busy.
 *
 * @module
 */

export type { KindDepth, Page, PageOptions, QueueInfo, TaskInfo } from "./admin.js";
export { BATCH_LIMIT, type BatchOutcome } from "./batch.js";
export { Client, type CallOptions, type Cancelled, type Enqueued, type Health } from "./client.js";
export { TidemillError, type Code, type ErrorKind, type Outcome, type TlsProblem, type Violation } from "./error.js";
export type { EventBase, Finished, OutputChunk, ProgressMade, StateChanged, TaskEvent, Truncated } from "./event.js";
export type { Json } from "./json.js";
export { DEFAULT_URL, type ClientOptions, type Tls } from "./options.js";
export { Payload } from "./payload.js";
export type { TaskError, TaskResult, TaskSnapshot } from "./result.js";
export type { Stats } from "./retry.js";
export { isTerminal, type ErrorReason, type Priority, type StateCause, type TaskState } from "./state.js";
export type { RetryPolicy, Task, TraceSource } from "./task.js";
export { currentTraceContext, type TraceContext } from "./trace.js";
export { Watch, type WatchOptions } from "./watch.js";
export { WatchMany, type Watched, type WatchManyOptions } from "./watch-many.js";
export { shutdownSignal, Worker, type RunOptions, type WorkerOptions, type WorkerStatus } from "./worker.js";
export { Context, ReportError } from "./worker/context.js";
export { Failure, type FailureOptions } from "./worker/failure.js";
export type { Handler } from "./worker/job.js";
export type { AttemptError, TaskFacts, WorkerEvent, WorkerEventOfType } from "./worker/messages.js";
export { StopError, type CancelCause, type CancelRequest, type StopCause } from "./worker/stop.js";
