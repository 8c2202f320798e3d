// Time as the client measures it: monotonic, in milliseconds.

/** Milliseconds on a clock that is never set. */
export function now(): number {
  return performance.now();
}

/** Longest time that a timer of Node takes; a longer one would fire at once. */
const MOST = 2 ** 31 - 1;

/** A timer that bears any length. */
export function timer(ms: number, fire: () => void): NodeJS.Timeout {
  return setTimeout(fire, Math.min(Math.max(ms, 0), MOST));
}

/** Waits; ends early with the signal's reason. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const stop = () => {
      clearTimeout(timeout);
      reject(signal?.reason as Error);
    };
    const timeout = timer(ms, () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    });
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Follows the caller's signal, and ends by itself when the time is over. */
export class Deadline {
  readonly at: number;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #caller: AbortSignal | undefined;
  readonly #stop = () => {
    this.#controller.abort(this.#caller?.reason);
  };

  constructor(ms: number, caller?: AbortSignal) {
    this.at = now() + ms;
    this.#caller = caller;
    this.#timer = timer(ms, () => {
      this.#controller.abort(new DOMException("the time is over", "TimeoutError"));
    });
    if (caller?.aborted) this.#stop();
    else caller?.addEventListener("abort", this.#stop, { once: true });
  }

  /** Aborted when the caller gives up, or at the deadline. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get left(): number {
    return Math.max(0, this.at - now());
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#stop);
  }
}

/** One at a time, in the order of asking. */
export class Turn {
  #busy = false;
  readonly #waiting: (() => void)[] = [];

  /** Waits for the turn; what comes back ends it. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#busy) {
      await new Promise<void>((resolve, reject) => {
        const go = () => {
          signal.removeEventListener("abort", leave);
          resolve();
        };
        const leave = () => {
          this.#waiting.splice(this.#waiting.indexOf(go), 1);
          reject(signal.reason as Error);
        };
        this.#waiting.push(go);
        signal.addEventListener("abort", leave, { once: true });
      });
    }
    this.#busy = true;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      const next = this.#waiting.shift();
      // The turn goes straight to the next one, so that nobody slips in between.
      if (next) next();
      else this.#busy = false;
    };
  }
}
