// What the two threads of a worker say to each other: the session, which speaks with the server, and the host, which runs handlers.

import type { ErrorFields, TidemillError } from "../error.js";
import type { LinkSettings } from "../link.js";
import type { TaskState } from "../state.js";
import type { CancelRequest, StopCause } from "./stop.js";

/** What a session works by. */
export interface SessionSettings {
  readonly link: LinkSettings;
  /** Longest time to open a stream. */
  readonly openMs: number;
  readonly queues: string[];
  readonly kinds: string[];
  readonly concurrency: number;
  readonly cancelGraceMs: number;
  readonly connectWithinMs: number | undefined;
  readonly name: string;
}

/** What the thread is started with. */
export interface ThreadData {
  readonly settings: SessionSettings;
  /** Until when the worker counts as healthy, see `Pulse`. */
  readonly pulse: SharedArrayBuffer;
}

/** Which attempt of which task. */
export interface TaskFacts {
  readonly taskId: string;
  readonly kind: string;
  /** From 1. */
  readonly attempt: number;
}

/** Why an attempt failed, as it was told to the server. */
export interface AttemptError {
  /** What the handler threw said; at most 8 KiB. */
  readonly message: string;
  /** Its class, or the type that a `Failure` named; empty if there is none. */
  readonly type: string;
  /** No other attempt was wanted. */
  readonly permanent: boolean;
}

/** What happens to a worker, for logs and displays. Which one, says `type`. Where something went wrong, `error` says why. */
export type WorkerEvent = { readonly error?: { readonly message: string } | undefined } & WorkerEventOfType;

/** Every {@link WorkerEvent} by its `type`. */
export type WorkerEventOfType =
  /** It is registered and gets tasks. */
  | { readonly type: "connected"; readonly address: string }
  /** The stream broke or could not be had; it is tried again. Tasks go on running, and their leases are kept if it is back in time. */
  | { readonly type: "disconnected"; readonly error: TidemillError }
  /** A handler starts. */
  | { readonly type: "started"; readonly task: TaskFacts }
  /**
   * The server has stored how an attempt ended; the state is scheduled or queued if another attempt follows. With an error if the attempt failed, also
   * if the task goes on.
   */
  | {
      readonly type: "settled";
      readonly task: TaskFacts;
      readonly state: TaskState;
      readonly error?: AttemptError | undefined;
    }
  /** A lease was lost; the handler was stopped, and nothing it said counts. */
  | { readonly type: "leaseLost"; readonly task: TaskFacts }
  /** The server refused what was said of a task; the message names the field and the limit. */
  | { readonly type: "refused"; readonly task: TaskFacts; readonly message: string }
  /** It was told to stop: no more tasks, what runs may finish within the grace. */
  | { readonly type: "draining"; readonly running: number };

/** What a session tells of it, with errors as plain data. */
export type SessionEvent =
  | Exclude<WorkerEventOfType, { type: "disconnected" | "started" }>
  | { readonly type: "disconnected"; readonly error: ErrorFields };

/** From the session to the host. */
export type ToHost =
  /** Run this encoded Assignment. */
  | { readonly say: "start"; readonly assignment: Uint8Array }
  | { readonly say: "cancel"; readonly token: string; readonly request: CancelRequest }
  /** Nothing that the handler says counts any more. */
  | { readonly say: "stop"; readonly token: string; readonly cause: StopCause }
  /** The server did not take a report. */
  | { readonly say: "refused"; readonly token: string; readonly message: string }
  /** So many reports have left. */
  | { readonly say: "taken"; readonly count: number }
  | { readonly say: "event"; readonly event: SessionEvent }
  | { readonly say: "ended"; readonly error: ErrorFields | undefined };

/** Something that a handler says, on its way to the server: an encoded WorkRequest. */
export interface Report {
  readonly say: "report";
  readonly token: string;
  readonly request: Uint8Array;
  /** It ends the attempt. */
  readonly settles: boolean;
}

/** From the host to the session. */
export type ToSession =
  | Report
  /** It has heard that a handler is stopped: its thread is not kept busy. */
  | { readonly say: "heard"; readonly token: string }
  /** A handler that was stopped has ended. */
  | { readonly say: "stopped"; readonly token: string }
  | { readonly say: "shutdown"; readonly graceMs: number };

/** Where one side speaks to the other. */
export type Post<T> = (message: T) => void;

/**
 * Until when a worker counts as healthy: written by the session, read by the host without waiting for a message. Neither a session that hangs nor a
 * host that is busy makes it lie.
 */
export class Pulse {
  readonly #until: BigInt64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#until = new BigInt64Array(memory);
  }

  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);
  }

  /** Healthy for so long from now; 0: not healthy. */
  beat(ms: number): void {
    const until = ms === 0 ? 0n : process.hrtime.bigint() + BigInt(Math.ceil(ms)) * 1_000_000n;
    Atomics.store(this.#until, 0, until);
  }

  get healthy(): boolean {
    return Atomics.load(this.#until, 0) > process.hrtime.bigint();
  }
}
