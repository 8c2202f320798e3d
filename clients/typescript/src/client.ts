// The calls of GatewayService, ResultsService, AdminService and the health protocol.

import { AdminService } from "./_gen/tidemill/v1/admin_service_pb.js";
import { GatewayService, type EnqueueResponse } from "./_gen/tidemill/v1/gateway_service_pb.js";
import { ResultsService } from "./_gen/tidemill/v1/results_service_pb.js";
import {
  Health as HealthService,
  HealthCheckResponse_ServingStatus as Serving,
} from "./_gen/grpc/health/v1/health_pb.js";
import { pageOf, queueOf, taskOf, type Page, type PageOptions, type QueueInfo, type TaskInfo } from "./admin.js";
import { enqueueBatch, type BatchOutcome } from "./batch.js";
import { now, sleep } from "./clock.js";
import { contract, invalid, TidemillError } from "./error.js";
import { Link } from "./link.js";
import { setupOf, type ClientOptions, type Setup } from "./options.js";
import { snapshotOf, type TaskSnapshot } from "./result.js";
import { call, type Limits, type Stats, type Try } from "./retry.js";
import { isTerminal, stateNumber, stateOf, type TaskState } from "./state.js";
import { enqueueRequest, whole, type Task } from "./task.js";
import { duration } from "./time.js";
import { Watch, type WatchOptions } from "./watch.js";
import { WatchMany, type WatchManyOptions } from "./watch-many.js";

/** The server holds an answer back for at most 60 s; half of it also passes proxies that cut quiet calls. */
const LONGEST_WAIT_MS = 30_000;
/** Between two calls of one wait, so that a server that does not hold back is not flooded. */
const PAUSE_MS = 200;

/** What every call takes. */
export interface CallOptions {
  /** Gives the call up: it is rejected with the signal's reason. An enqueue that was given up may have been stored all the same. */
  readonly signal?: AbortSignal;
}

/** A task was stored. */
export interface Enqueued {
  /** Its id, a UUIDv7. */
  readonly taskId: string;
  /** Its state now: queued or scheduled, or any other if deduplicated. */
  readonly state: TaskState;
  /** True if the idempotency key named an earlier task, which this answer is about. */
  readonly deduplicated: boolean;
}

/** What became of a cancel request. */
export interface Cancelled {
  /** The state now. `RUNNING`: the handler was asked to stop. A terminal state other than `CANCELLED`: it was finished already. */
  readonly state: TaskState;
  /** True if the request now waits for a running handler. */
  readonly cancelRequested: boolean;
}

/** What a server says of itself: it serves; it runs, but does not serve (it starts, drains, or cannot reach its store); it does not know. */
export type Health = "SERVING" | "NOT_SERVING" | "UNKNOWN";

/** A client of Tidemill. Connects with the first call; one is enough for a process. An idle one does not keep the process alive. */
export class Client {
  readonly #setup: Setup;
  readonly #gateway: Link;
  readonly #results: Link;

  /** @throws {@link TidemillError} of kind `invalid` if an address or another option is wrong. */
  constructor(options: ClientOptions | string = {}) {
    const setup = setupOf(typeof options === "string" ? { url: options } : options);
    this.#setup = setup;
    this.#gateway = new Link(setup.gateway);
    this.#results = setup.results === setup.gateway ? this.#gateway : new Link(setup.results);
  }

  /**
   * Stores a task. When this resolves, it is durable in the sense of the server's durability mode. Tried again within the timeout where that may
   * help; the idempotency key, given or made here, keeps a repetition from storing a second task.
   *
   * @throws {@link TidemillError}: its `outcome` says whether the task may have been stored, and its `idempotencyKey` is the key to repeat it with.
   */
  async enqueue(task: Task, options: CallOptions = {}): Promise<Enqueued> {
    const request = enqueueRequest(task, this.#setup.trace);
    try {
      return enqueuedOf(
        await this.#call(this.#gateway, (o) => this.#gateway.stub(GatewayService).enqueue(request, o), options),
      );
    } catch (thrown) {
      throw withKey(thrown, request.idempotencyKey);
    }
  }

  /**
   * Stores many tasks, each on its own: the answer has one outcome for each, in order. Makes as many calls of at most 1,000 tasks and 4 MiB as it
   * takes, each within the timeout; entries that are refused for the moment only are sent again, as with {@link enqueue}.
   *
   * @throws only what the signal says, or {@link TidemillError} of kind `invalid` for a task that cannot be said at all.
   */
  async enqueueBatch(tasks: Iterable<Task>, options: CallOptions = {}): Promise<BatchOutcome[]> {
    const requests = Array.from(tasks, (task) => enqueueRequest(task, this.#setup.trace));
    return enqueueBatch(this.#gateway, this.#setup.limits, requests, options.signal);
  }

  /** Cancels a task: a waiting one ends at once, a running one is asked to stop. Asking again is harmless. */
  async cancel(taskId: string, reason = "", options: CallOptions = {}): Promise<Cancelled> {
    const stub = this.#gateway.stub(GatewayService);
    const answer = await this.#call(this.#gateway, (o) => stub.cancelTask({ taskId, reason }, o), options);
    return { state: stateOf(answer.state), cancelRequested: answer.cancelRequested };
  }

  /** How a task stands now. A task that is not finished is no error. */
  async result(taskId: string, options: CallOptions = {}): Promise<TaskSnapshot> {
    return this.#get(taskId, 0, options);
  }

  /** How a task stands as soon as it has finished, or when the time is over: then its state is not terminal. */
  async wait(taskId: string, waitMs: number, options: CallOptions = {}): Promise<TaskSnapshot> {
    if (Number.isNaN(waitMs)) throw invalid("waitMs: NaN is no number of milliseconds");
    const until = now() + waitMs;
    for (;;) {
      const left = Math.max(0, until - now());
      const found = await this.#get(taskId, Math.min(left, LONGEST_WAIT_MS), options);
      if (isTerminal(found.state) || now() + PAUSE_MS >= until) return found;
      await sleep(PAUSE_MS, options.signal);
    }
  }

  async #get(taskId: string, waitMs: number, options: CallOptions): Promise<TaskSnapshot> {
    const stub = this.#results.stub(ResultsService);
    const send = (o: Try) => {
      // A later try has less time: the server must not hold its answer back for longer than this side waits.
      const heldBack = Math.min(waitMs, o.timeoutMs - this.#setup.limits.deadlineMs);
      return stub.getResult(heldBack > 0 ? { taskId, wait: duration(heldBack, "waitMs") } : { taskId }, o);
    };
    return snapshotOf(await this.#call(this.#results, send, options, waitMs));
  }

  /** Follows the log of a task from its beginning to its result, through broken connections: `for await (const event of client.watch(id))`. */
  watch(taskId: string, options: WatchOptions = {}): Watch {
    return new Watch(this.#results, this.#setup.limits, taskId, options);
  }

  /** Follows the logs of many tasks over one stream. */
  watchMany(options: WatchManyOptions = {}): WatchMany {
    return new WatchMany(this.#results, this.#setup.limits, options);
  }

  /** A page of the queues, by name. At most 1,000 on a page; without a size 100. */
  async queues(options: PageOptions = {}): Promise<Page<QueueInfo>> {
    const stub = this.#gateway.stub(AdminService);
    const request = { pageSize: whole(options.pageSize ?? 0, "pageSize"), pageToken: options.page ?? "" };
    const answer = await this.#call(this.#gateway, (o) => stub.listQueues(request, o), options);
    return pageOf(answer.queues.map(queueOf), answer.nextPageToken);
  }

  /** One queue with its kinds. */
  async queue(name: string, options: CallOptions = {}): Promise<QueueInfo> {
    const stub = this.#gateway.stub(AdminService);
    const { queue } = await this.#call(this.#gateway, (o) => stub.getQueue({ queue: name }, o), options);
    if (!queue) throw contract(this.#gateway.address, "GetQueue answered without a queue");
    return queueOf(queue);
  }

  /** A page of the tasks of one queue that are in one state, without payloads. At most 500 on a page; without a size 50. */
  async tasks(queue: string, state: TaskState, options: PageOptions = {}): Promise<Page<TaskInfo>> {
    const stub = this.#gateway.stub(AdminService);
    const request = {
      queue,
      state: stateNumber(state),
      pageSize: whole(options.pageSize ?? 0, "pageSize"),
      pageToken: options.page ?? "",
    };
    const answer = await this.#call(this.#gateway, (o) => stub.listTasks(request, o), options);
    return pageOf(answer.tasks.map(taskOf), answer.nextPageToken);
  }

  /** One task, with its payloads. */
  async task(taskId: string, options: CallOptions = {}): Promise<TaskInfo> {
    const stub = this.#gateway.stub(AdminService);
    const { task } = await this.#call(this.#gateway, (o) => stub.getTask({ taskId }, o), options);
    if (!task) throw contract(this.#gateway.address, "GetTask answered without a task");
    return taskOf(task);
  }

  /** Whether the gateway's address serves. Without a `service` the process as a whole, else that gRPC service, by its full name. */
  async health(service = "", options: CallOptions = {}): Promise<Health> {
    return this.#health(this.#gateway, service, options);
  }

  /** The same of the results role's address. */
  async resultsHealth(service = "", options: CallOptions = {}): Promise<Health> {
    return this.#health(this.#results, service, options);
  }

  /** The same of the worker role's address. */
  async workerHealth(service = "", options: CallOptions = {}): Promise<Health> {
    const link = new Link(this.#setup.worker);
    try {
      return await this.#health(link, service, options);
    } finally {
      link.close();
    }
  }

  async #health(link: Link, service: string, options: CallOptions): Promise<Health> {
    const answer = await this.#call(link, (o) => link.stub(HealthService).check({ service }, o), options);
    if (answer.status === Serving.SERVING) return "SERVING";
    return answer.status === Serving.NOT_SERVING ? "NOT_SERVING" : "UNKNOWN";
  }

  #call<T>(link: Link, send: (options: Try) => Promise<T>, options: CallOptions, extraMs = 0): Promise<T> {
    const { limits } = this.#setup;
    const longer: Limits = { ...limits, deadlineMs: limits.deadlineMs + extraMs };
    return call(link, longer, send, options.signal);
  }

  /** How many unary calls were made over all connections, and how many tries they took. */
  get stats(): Stats {
    const [first, second] = [this.#gateway.line.stats, this.#results.line.stats];
    if (this.#gateway === this.#results) return first;
    return { calls: first.calls + second.calls, attempts: first.attempts + second.attempts };
  }

  /** Closes the connections, which ends what is still under way. A later call connects anew. Workers have connections of their own. */
  close(): void {
    this.#gateway.close();
    this.#results.close();
  }

  /** @internal */
  get setup(): Setup {
    return this.#setup;
  }
}

/** What the server says of a stored task. */
export function enqueuedOf(answer: EnqueueResponse): Enqueued {
  return { taskId: answer.taskId, state: stateOf(answer.state), deduplicated: answer.deduplicated };
}

function withKey(thrown: unknown, idempotencyKey: string): unknown {
  return thrown instanceof TidemillError ? thrown.with({ idempotencyKey }) : thrown;
}
