// The side of a worker on which handlers run: the thread that called `run`.

import { fromBinary } from "@bufbuild/protobuf";

import { AssignmentSchema } from "../_gen/tidemill/v1/worker_service_pb.js";
import { TidemillError } from "../error.js";
import { Job, type Handler } from "./job.js";
import type { Post, ToHost, ToSession, WorkerEvent } from "./messages.js";
import { Room } from "./room.js";
import type { StopCause } from "./stop.js";

/** Progress and chunks of all handlers that may be on their way at a time; more wait in their handlers. */
const MOST_REPORTS = 256;

/** Runs what the session hands over. */
export class Host {
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #post: Post<ToSession>;
  readonly #tell: (event: WorkerEvent) => void;
  readonly #ended: (error: TidemillError | undefined) => void;
  readonly #jobs = new Map<string, Job>();
  readonly #room = new Room(MOST_REPORTS);
  /** Handlers that have not returned yet, those that were stopped included. */
  running = 0;
  /** Those of them that were stopped. */
  stuck = 0;

  constructor(
    handlers: ReadonlyMap<string, Handler>,
    post: Post<ToSession>,
    tell: (event: WorkerEvent) => void,
    ended: (error: TidemillError | undefined) => void,
  ) {
    this.#handlers = handlers;
    this.#post = post;
    this.#tell = tell;
    this.#ended = ended;
  }

  /** Something that the session says. */
  told(message: ToHost): void {
    switch (message.say) {
      case "start":
        void this.#start(message.assignment);
        break;
      case "cancel":
        this.#jobs.get(message.token)?.cancel(message.request);
        break;
      case "stop":
        this.#stop(message.token, message.cause);
        break;
      case "refused": {
        const job = this.#jobs.get(message.token);
        if (job) job.refused = message.message;
        break;
      }
      case "taken":
        this.#room.give(message.count);
        break;
      case "event": {
        const { event } = message;
        this.#tell(event.type === "disconnected" ? { ...event, error: new TidemillError(event.error) } : event);
        break;
      }
      case "ended":
        this.#ended(message.error && new TidemillError(message.error));
    }
  }

  #stop(token: string, cause: StopCause): void {
    const job = this.#jobs.get(token);
    this.#jobs.delete(token);
    this.#post({ say: "heard", token });
    if (job) {
      this.stuck += 1;
      job.stop(cause);
    } else this.#post({ say: "stopped", token });
  }

  async #start(encoded: Uint8Array): Promise<void> {
    const assignment = fromBinary(AssignmentSchema, encoded);
    const { leaseToken, taskId, kind, attempt } = assignment;
    const handler = this.#handlers.get(kind);
    // The session passes on registered kinds only.
    if (!handler) return;
    const job = new Job(assignment, this.#room, this.#post);
    this.#jobs.set(leaseToken, job);
    this.#tell({ type: "started", task: { taskId, kind, attempt } });
    this.running += 1;
    try {
      await job.run(handler);
    } finally {
      this.running -= 1;
      if (!this.#jobs.delete(leaseToken)) {
        this.stuck -= 1;
        this.#post({ say: "stopped", token: leaseToken });
      }
    }
  }

  /** The session is gone: stops what still runs. */
  stopAll(): void {
    for (const token of [...this.#jobs.keys()]) this.#stop(token, "worker_stopped");
  }
}
