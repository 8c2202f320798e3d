// Runs tasks: a handler process for the worker protocol (`WorkerService.Work`).
//
//                 ┌─ session, on a thread of its own ─┐  messages  ┌─ host, on the caller's ─┐
//  Work stream ──▶│ assignments ─▶ held leases         │──────────▶│ handlers                │
//              ◀──│ echoes, settles ◀─ reports         │◀──────────│ progress, chunks        │
//                 └────────────────────────────────────┘           └─────────────────────────┘
//
// The session echoes the server's pings, which renews the leases, on a thread of its own: handlers that keep this thread busy do not cost
// their leases.

import { hostname } from "node:os";
import { Worker as Thread } from "node:worker_threads";

import type { Client } from "./client.js";
import { invalid, TidemillError } from "./error.js";
import { complaints } from "./worker/complaints.js";
import { Host } from "./worker/host.js";
import type { Handler } from "./worker/job.js";
import {
  Pulse,
  type SessionSettings,
  type ThreadData,
  type ToHost,
  type ToSession,
  type WorkerEvent,
} from "./worker/messages.js";

const DEFAULT_CONCURRENCY = 16;
const DEFAULT_GRACE_MS = 20_000;
const DEFAULT_CANCEL_GRACE_MS = 5_000;
const MOST_CONCURRENCY = 10_000;

/** Sets up a {@link Worker}. */
export interface WorkerOptions {
  /** Queues to serve, up to 64. Without it: `default`. */
  readonly queues?: readonly string[];
  /** Tasks that run at a time, 1 to 10,000: the credits given to the server. Without it: 16. */
  readonly concurrency?: number;
  /** How long running tasks may go on after the shutdown began, before they are given back. Without it: 20 s. */
  readonly graceMs?: number;
  /**
   * How long a handler that was asked to stop may go on before its outcome does not count any more. Without it: 5 s. The server's own patience with an
   * attempt that ran too long is 10 s.
   */
  readonly cancelGraceMs?: number;
  /** Fails if the first connection takes longer than this. Without it: waits for the server as long as it takes. */
  readonly connectWithinMs?: number;
  /** Name in the server's logs, at most 128 bytes. Without it: the host's name and the process id. */
  readonly name?: string;
  /**
   * Hears of what happens. Without it one line with `console.warn` tells of each attempt that failed, lease that was lost and connection that was lost or
   * could not be made, the same at most every 5 s. `() => {}` keeps it quiet.
   */
  readonly onEvent?: (event: WorkerEvent) => void;
}

/** How a worker runs. */
export interface RunOptions {
  /** Begins the shutdown, e.g. {@link shutdownSignal}. */
  readonly signal?: AbortSignal;
}

/** How a worker stands. */
export interface WorkerStatus {
  /** `new`: not run yet. `disconnected`: the stream is tried again. `ended`: for good. */
  readonly state: "new" | "connecting" | "connected" | "disconnected" | "draining" | "ended";
  /** See {@link Worker.isHealthy}. */
  readonly healthy: boolean;
  /** Handlers that have not returned yet, those that were stopped included: JavaScript cannot end them. */
  readonly running: number;
  /** Those of them that were stopped. Each keeps its place until it returns. */
  readonly stuck: number;
  /** Why it was disconnected last. */
  readonly lastError: TidemillError | undefined;
}

/** A handler process: leases tasks and runs their handlers. */
export class Worker {
  readonly #client: Client;
  readonly #options: WorkerOptions;
  readonly #onEvent: (event: WorkerEvent) => void;
  readonly #handlers = new Map<string, Handler>();
  readonly #memory = Pulse.memory();
  readonly #pulse = new Pulse(this.#memory);
  #state: WorkerStatus["state"] = "new";
  #lastError: TidemillError | undefined;
  #host: Host | undefined;
  #shutdown: (() => void) | undefined;

  /**
   * A worker that reaches the server as `client` does.
   *
   * @throws {@link TidemillError} of kind `invalid` if an option is out of range.
   */
  constructor(client: Client, options: WorkerOptions = {}) {
    const { concurrency = DEFAULT_CONCURRENCY } = options;
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MOST_CONCURRENCY) {
      throw invalid(`concurrency ${String(concurrency)} is not between 1 and ${String(MOST_CONCURRENCY)}`);
    }
    for (const field of ["graceMs", "cancelGraceMs", "connectWithinMs"] as const) {
      const value = options[field];
      if (value !== undefined && !(value >= 0)) throw invalid(`${field}: ${String(value)} is no time`);
    }
    this.#client = client;
    this.#options = options;
    this.#onEvent = options.onEvent ?? complaints();
  }

  /**
   * Names the handler of a kind. Returns the worker, so that calls can be chained.
   *
   * @throws {@link TidemillError} of kind `invalid` if the kind has one already, or the worker runs.
   */
  handle(kind: string, handler: Handler): this {
    if (this.#state !== "new") throw invalid("the worker runs already: name its handlers before");
    if (typeof handler !== "function") throw invalid(`the handler of kind \`${kind}\` is no function`);
    if (this.#handlers.has(kind)) throw invalid(`kind \`${kind}\` has two handlers`);
    this.#handlers.set(kind, handler);
    return this;
  }

  /**
   * Runs tasks until the signal is aborted or {@link stop} is called; then takes no more, lets what runs finish within the grace, gives the rest back
   * without charging an attempt, and resolves when the server has confirmed all of it. Handlers run on the thread that calls this.
   *
   * @throws {@link TidemillError}: what no other connection would mend, e.g. a queue's name that the server refuses; or that at the end some tasks could
   * neither be settled nor given back: their leases expire, which counts as a crash.
   */
  async run(options: RunOptions = {}): Promise<void> {
    if (this.#state !== "new") throw invalid("a worker runs once: make another one");
    if (this.#handlers.size === 0) throw invalid("a worker needs a handler for at least one kind");
    this.#state = "connecting";
    const { signal } = options;
    const stop = () => {
      this.#shutdown?.();
    };
    try {
      const running = this.#runThread();
      if (signal?.aborted) stop();
      signal?.addEventListener("abort", stop, { once: true });
      await running;
    } catch (thrown) {
      // Made anew, so that its stack begins where `run` was called.
      throw thrown instanceof TidemillError ? thrown.with({}) : thrown;
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#state = "ended";
      this.#pulse.beat(0);
      this.#shutdown = undefined;
      this.#host?.stopAll();
    }
  }

  /** Begins the shutdown: {@link run} resolves when it is over. */
  stop(): void {
    this.#shutdown?.();
  }

  /**
   * True while tasks can come: the worker is registered, is not draining, the server was heard of lately, and not every place is kept by a handler that was
   * stopped and does not end. A worker whose stream has gone silent, whose replica goes away or whose session hangs is not, whatever it was told last.
   */
  get isHealthy(): boolean {
    return this.#pulse.healthy;
  }

  /** How it stands, for a health endpoint or a display. */
  get status(): WorkerStatus {
    const { isHealthy: healthy } = this;
    const { running = 0, stuck = 0 } = this.#host ?? {};
    return { state: this.#state, healthy, running, stuck, lastError: this.#lastError };
  }

  #settings(): SessionSettings {
    const { queues = [], concurrency, cancelGraceMs, connectWithinMs, name } = this.#options;
    const { worker, limits } = this.#client.setup;
    return {
      link: worker,
      openMs: limits.deadlineMs,
      queues: [...queues],
      kinds: [...this.#handlers.keys()],
      concurrency: concurrency ?? DEFAULT_CONCURRENCY,
      cancelGraceMs: cancelGraceMs ?? DEFAULT_CANCEL_GRACE_MS,
      connectWithinMs,
      name: name ?? `${hostname()}:${String(process.pid)}`,
    };
  }

  async #runThread(): Promise<void> {
    const workerData: ThreadData = { settings: this.#settings(), pulse: this.#memory };
    // Without the flags of this process: a loader or an instrumentation of yours has nothing to do there.
    const thread = new Thread(new URL("./worker/thread.js", import.meta.url), {
      workerData,
      execArgv: [],
      name: "tidemill",
    });
    const post = (message: ToSession) => {
      thread.postMessage(message);
    };
    this.#shutdown = () => {
      post({ say: "shutdown", graceMs: this.#options.graceMs ?? DEFAULT_GRACE_MS });
    };
    try {
      await new Promise<void>((resolve, reject) => {
        const ended = (error: TidemillError | undefined) => {
          if (error) reject(error);
          else resolve();
        };
        const host = new Host(
          this.#handlers,
          post,
          (event) => {
            this.#heard(event);
          },
          ended,
        );
        this.#host = host;
        thread.on("message", (message: ToHost) => {
          host.told(message);
        });
        thread.on("error", (cause) => {
          reject(died(cause));
        });
        thread.on("exit", (code) => {
          reject(died(`exit code ${String(code)}`));
        });
      });
    } finally {
      await thread.terminate();
    }
  }

  #heard(event: WorkerEvent): void {
    if (event.type === "disconnected") this.#lastError = event.error;
    if (event.type === "draining") this.#state = "draining";
    else if ((event.type === "connected" || event.type === "disconnected") && this.#state !== "draining") {
      this.#state = event.type;
    }
    try {
      this.#onEvent(event);
    } catch (thrown) {
      // A display that fails must not end the work.
      process.emitWarning(
        `onEvent failed: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`,
      );
    }
  }
}

function died(cause: unknown): TidemillError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const detail = `the worker's thread ended without a word: ${why}`;
  return new TidemillError({ kind: "invalid", outcome: "unknown", detail }, cause);
}

/**
 * Aborted when the process is told to stop, by SIGTERM or SIGINT (Ctrl-C); for {@link Worker.run}. A second signal ends the process at once, as it would
 * have without this.
 */
export function shutdownSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.off(signal, stop);
    controller.abort(new Error(`the process was told to stop by ${name}`));
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, stop);
  return controller.signal;
}
