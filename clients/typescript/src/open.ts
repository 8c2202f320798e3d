// Streams of the results role: opened in line with everybody else who finds it away, and borne with when they break.

import type { CallOptions as ConnectOptions } from "@connectrpc/connect";

import { Deadline, now } from "./clock.js";
import { connectionLost, deadlineExceeded, resume, type TidemillError } from "./error.js";
import type { Link } from "./link.js";
import { backoff, note, refuseClosed, type Limits } from "./retry.js";
import { errorOf } from "./status.js";

/** A stream that lived this long was a good one, even if there was nothing to say. */
const STEADY_MS = 5_000;
/** Longest wait before a stream is opened again. */
const MAX_BACKOFF_MS = 5_000;
/** How long a watch bears that no stream can be had. */
export const DEFAULT_GIVE_UP_AFTER_MS = 300_000;

/** A stream that the server has accepted. */
export class Opened<T> {
  readonly #since = now();
  #pending: Promise<IteratorResult<T>> | undefined;

  constructor(
    readonly address: string,
    readonly messages: AsyncIterator<T>,
    first: Promise<IteratorResult<T>>,
    readonly controller: AbortController,
  ) {
    this.#pending = first;
  }

  /** The next message; an end is an error, since it is for the client to say when it has enough. */
  async next(): Promise<T> {
    const pending = this.#pending ?? this.messages.next();
    this.#pending = undefined;
    try {
      const found = await pending;
      if (!found.done) return found.value;
    } catch (thrown) {
      throw errorOf(thrown, this.address);
    }
    throw connectionLost(this.address, "the stream ended before the result", "not_applied");
  }

  get steady(): boolean {
    return now() - this.#since >= STEADY_MS;
  }

  close(): void {
    // Connect ends a stream only by its signal, not by leaving the loop.
    this.#pending?.catch(() => undefined);
    this.controller.abort();
  }
}

/** Opens a stream. The deadline is for opening it only. */
export async function openStream<T>(
  link: Link,
  limits: Limits,
  stream: (options: ConnectOptions) => AsyncIterable<T>,
  signal: AbortSignal,
): Promise<Opened<T>> {
  refuseClosed(link, "not_applied");
  const leave = await enter(link, limits, signal);
  const deadline = new Deadline(limits.deadlineMs, signal);
  try {
    const opened = await begin(link.address, stream, deadline.signal);
    link.line.back();
    return opened;
  } catch (thrown) {
    signal.throwIfAborted();
    let error = errorOf(thrown, link.address);
    if (deadline.signal.aborted) {
      if (link.connection.connecting) link.connection.close();
      error = deadlineExceeded(link.address, limits.deadlineMs, "not_applied");
    }
    note(link.line, error, resume(error));
    throw error;
  } finally {
    deadline.close();
    leave();
  }
}

/** Waits in line, not longer than a call would. */
async function enter(link: Link, limits: Limits, signal: AbortSignal): Promise<() => void> {
  const deadline = new Deadline(limits.deadlineMs, signal);
  try {
    return await link.line.enter(deadline.signal);
  } catch {
    signal.throwIfAborted();
    throw link.line.why?.with({}) ?? deadlineExceeded(link.address, limits.deadlineMs, "not_applied");
  } finally {
    deadline.close();
  }
}

/** Waits for the answer's headers, which say that the stream was accepted. */
async function begin<T>(
  address: string,
  stream: (options: ConnectOptions) => AsyncIterable<T>,
  signal: AbortSignal,
): Promise<Opened<T>> {
  const controller = new AbortController();
  const stop = () => {
    controller.abort(signal.reason);
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    signal.throwIfAborted();
    return await new Promise<Opened<T>>((resolve, reject) => {
      const accepted = () => {
        resolve(new Opened(address, messages, first, controller));
      };
      const messages = stream({ signal: controller.signal, onHeader: accepted })[Symbol.asyncIterator]();
      const first = messages.next();
      // What comes after the headers is read by whoever has the stream.
      first.then(accepted, reject);
    });
  } catch (thrown) {
    controller.abort();
    throw thrown;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** For how long breaks are borne. */
export class Patience {
  /** A stream was opened at least once: the address is right. */
  established = false;
  #brokenSince: number | undefined;
  #failures = 0;

  /** Something came. */
  restore(): void {
    [this.#brokenSince, this.#failures] = [undefined, 0];
  }

  /**
   * How long to wait before the next stream; or throws the error: at once where the server means it, else when the time for it is over. `first`: the
   * limits before the first stream, since the address may be wrong.
   */
  bear(error: TidemillError, steady: boolean, first: Limits, giveUpAfterMs: number): number {
    const next = resume(error);
    if (next.when === "never") throw error;
    if (steady) this.restore();
    this.#brokenSince ??= now();
    this.#failures += 1;
    const pause = next.delayMs + backoff(this.#failures, MAX_BACKOFF_MS);
    const limit = this.established ? giveUpAfterMs : first.deadlineMs;
    const tries = this.established ? Infinity : (first.tries ?? Infinity);
    if (this.#failures >= tries || now() - this.#brokenSince + pause > limit) throw error;
    return pause;
  }
}
