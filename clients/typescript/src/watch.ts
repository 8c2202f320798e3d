// The log of one task as one ordered sequence, whatever happens to the streams that carry it.

import { ResultsService, type WatchResultResponse } from "./_gen/tidemill/v1/results_service_pb.js";
import { sleep } from "./clock.js";
import { contract, TidemillError } from "./error.js";
import { Cursor, eventOf, type TaskEvent } from "./event.js";
import type { Link } from "./link.js";
import { DEFAULT_GIVE_UP_AFTER_MS, openStream, Patience, type Opened } from "./open.js";
import type { TaskResult } from "./result.js";
import type { Limits } from "./retry.js";

/** How a task is watched. */
export interface WatchOptions {
  /** Starts after this event instead of at the beginning. The result comes even if this is its own number. */
  readonly after?: number;
  /**
   * Ends with the last error when no stream could be had for this long. Without it: 5 min. Before the first stream, the client's timeout and tries
   * count instead: the address may be wrong.
   */
  readonly giveUpAfterMs?: number;
  /** Hears of every break that the watch is about to mend; not of vain tries before the first stream. */
  readonly onBreak?: (error: TidemillError) => void;
  /** Ends the watch: it is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Follows one task: yields every event of its log after the cursor, in order and once each, and ends after the result. Where a stream breaks it
 * opens another from the last event it yielded. Leaving a `for await` loop ends it.
 *
 * Rejected with a {@link TidemillError} for what no other stream would mend, e.g. an unknown task; or when no stream could be had for too long.
 */
export class Watch implements AsyncIterableIterator<TaskEvent, undefined> {
  readonly #link: Link;
  readonly #limits: Limits;
  readonly #taskId: string;
  readonly #options: WatchOptions;
  readonly #cursor: Cursor;
  readonly #patience = new Patience();
  readonly #end = new AbortController();
  readonly #events: AsyncGenerator<TaskEvent, undefined>;
  #stream: Opened<WatchResultResponse> | undefined;
  #left = false;

  /** @internal */
  constructor(link: Link, limits: Limits, taskId: string, options: WatchOptions) {
    this.#link = link;
    this.#limits = limits;
    this.#taskId = taskId;
    this.#options = options;
    this.#cursor = new Cursor(options.after ?? 0);
    this.#events = this.#follow();
    // Whoever waits for a message is told that none will come.
    this.#end.signal.addEventListener("abort", () => this.#stream?.close());
  }

  /** Number of the last event that was yielded: go on from here with `after`. */
  get lastSequence(): number {
    return this.#cursor.lastSequence;
  }

  /** The next event. */
  next(): Promise<IteratorResult<TaskEvent, undefined>> {
    return this.#events.next();
  }

  /** Ends the watch. */
  async return(): Promise<IteratorResult<TaskEvent, undefined>> {
    this.#left = true;
    this.#end.abort();
    await this.#events.return(undefined);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Skips to the end. */
  async result(): Promise<TaskResult> {
    for await (const event of this) {
      if (event.type === "result") return event.result;
    }
    throw contract(this.#link.address, "a log that ends without a result");
  }

  async *#follow(): AsyncGenerator<TaskEvent, undefined> {
    const { signal } = this.#options;
    const stop = () => {
      this.#end.abort(signal?.reason);
    };
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      while (!this.#cursor.finished) {
        this.#end.signal.throwIfAborted();
        const event = await this.#read();
        if (event) yield event;
      }
    } catch (thrown) {
      // Whoever left the loop does not want to hear of it.
      if (this.#left) return undefined;
      signal?.throwIfAborted();
      throw thrown;
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#stream?.close();
      this.#end.abort();
    }
    return undefined;
  }

  /** The next event that was not seen before; none if there was one that was, or a break. */
  async #read(): Promise<TaskEvent | undefined> {
    let message: WatchResultResponse;
    try {
      this.#stream ??= await this.#open();
      message = await this.#stream.next();
    } catch (thrown) {
      if (!(thrown instanceof TidemillError)) throw thrown;
      await this.#broke(thrown);
      return undefined;
    }
    this.#patience.restore();
    if (!message.event) throw contract(this.#link.address, "a message without an event");
    const event = eventOf(message.event);
    const accepted = this.#cursor.accept(event);
    if (typeof accepted === "string") throw contract(this.#link.address, accepted);
    return accepted ? event : undefined;
  }

  async #open(): Promise<Opened<WatchResultResponse>> {
    const request = { taskId: this.#taskId, afterSequence: BigInt(this.#cursor.lastSequence) };
    const stub = this.#link.stub(ResultsService);
    const end = this.#end.signal;
    const stream = await openStream(this.#link, this.#limits, (options) => stub.watchResult(request, options), end);
    this.#patience.established = true;
    return stream;
  }

  async #broke(error: TidemillError): Promise<void> {
    this.#end.signal.throwIfAborted();
    const { giveUpAfterMs = DEFAULT_GIVE_UP_AFTER_MS, onBreak } = this.#options;
    const steady = this.#stream?.steady ?? false;
    this.#stream?.close();
    this.#stream = undefined;
    const pause = this.#patience.bear(error, steady, this.#limits, giveUpAfterMs);
    if (this.#patience.established) onBreak?.(error);
    await sleep(pause, this.#end.signal);
  }
}
