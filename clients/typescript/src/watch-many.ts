// The logs of many tasks over one stream that is opened again where it breaks.

import { create } from "@bufbuild/protobuf";

import {
  ResultsService,
  WatchResultsRequestSchema,
  WatchTargetSchema,
  type WatchResultsRequest,
  type WatchResultsResponse,
  type WatchTarget,
} from "./_gen/tidemill/v1/results_service_pb.js";
import { now, sleep, timer } from "./clock.js";
import { contract, resume, TidemillError } from "./error.js";
import { Cursor, eventOf, type TaskEvent } from "./event.js";
import type { Link } from "./link.js";
import { DEFAULT_GIVE_UP_AFTER_MS, openStream, Patience, type Opened } from "./open.js";
import { Outbox } from "./outbox.js";
import { backoff, type Limits } from "./retry.js";
import { errorOfMessage } from "./status.js";
import type { WatchOptions } from "./watch.js";

/** Tasks that one message adds: a message of a thousand ids is about 40 KB. */
const CHUNK = 1_000;

/** How many tasks are watched. */
export type WatchManyOptions = Omit<WatchOptions, "after">;

/** What came of one watched task: the next event of its log, or why it is not watched any more. */
export type Watched =
  | { readonly taskId: string; readonly event: TaskEvent; readonly error?: undefined }
  | { readonly taskId: string; readonly error: TidemillError; readonly event?: undefined };

/** What the follower hears of. */
type Next =
  { what: "message"; message: WatchResultsResponse } | { what: "broken"; error: unknown } | { what: "changed" };

/**
 * Follows many tasks over one stream, each as a {@link Watch} does: every event once and in order. A task leaves by itself after its result or an
 * error. Ends when {@link end} was called and every task has left, or when a `for await` loop is left.
 */
export class WatchMany implements AsyncIterableIterator<Watched, undefined> {
  readonly #link: Link;
  readonly #limits: Limits;
  readonly #options: WatchManyOptions;
  readonly #cursors = new Map<string, Cursor>();
  /** Tasks that were removed from the open stream, or moved: what was sent before that may still come. */
  readonly #moved = new Set<string>();
  /** Tasks that were refused for the moment: when to add them again. */
  readonly #again = new Map<string, number>();
  /** Tasks that no stream could be had for, to be told one by one. */
  #failed: Watched[] = [];
  readonly #patience = new Patience();
  readonly #stop = new AbortController();
  readonly #watched: AsyncGenerator<Watched, undefined>;
  #stream: Opened<WatchResultsResponse> | undefined;
  #reading: Promise<Next> | undefined;
  #outbox = new Outbox<WatchResultsRequest>();
  #wake: (() => void) | undefined;
  #ended = false;
  #left = false;

  /** @internal */
  constructor(link: Link, limits: Limits, options: WatchManyOptions) {
    this.#link = link;
    this.#limits = limits;
    this.#options = options;
    this.#watched = this.#follow();
  }

  /**
   * Watches a task from after this event of its log; 0 is the beginning. Adding one that is watched already restarts it from there. One stream takes
   * 10,000 tasks unless the server is configured otherwise; a task beyond that is answered with an error.
   */
  add(taskId: string, after = 0): this {
    const cursor = new Cursor(after);
    if (this.#cursors.has(taskId)) this.#moved.add(taskId);
    cursor.restarting = this.#moved.has(taskId);
    this.#cursors.set(taskId, cursor);
    this.#again.delete(taskId);
    this.#say([target(taskId, cursor)], []);
    this.#wake?.();
    return this;
  }

  /** Stops watching a task. */
  remove(taskId: string): void {
    if (this.#cursors.delete(taskId)) this.#moved.add(taskId);
    this.#again.delete(taskId);
    this.#say([], [taskId]);
    this.#wake?.();
  }

  /** No more tasks will be added: the watch ends when every task has left. */
  end(): this {
    this.#ended = true;
    this.#wake?.();
    return this;
  }

  /** The next event of any task. */
  next(): Promise<IteratorResult<Watched, undefined>> {
    return this.#watched.next();
  }

  /** Ends the watch. */
  async return(): Promise<IteratorResult<Watched, undefined>> {
    this.#left = true;
    this.#stop.abort();
    this.#wake?.();
    await this.#watched.return(undefined);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async *#follow(): AsyncGenerator<Watched, undefined> {
    const { signal } = this.#options;
    const stop = () => {
      this.#stop.abort(signal?.reason);
      this.#wake?.();
    };
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      for (;;) {
        this.#stop.signal.throwIfAborted();
        const watched = this.#failed.pop() ?? (await this.#step());
        if (watched) yield watched;
        else if (this.#ended && this.#cursors.size === 0) return undefined;
      }
    } catch (thrown) {
      if (this.#left) return undefined;
      signal?.throwIfAborted();
      throw thrown;
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#drop();
      this.#stop.abort();
    }
  }

  async #step(): Promise<Watched | undefined> {
    if (!this.#stream && this.#cursors.size > 0) {
      try {
        await this.#open();
      } catch (thrown) {
        await this.#broke(thrown);
      }
      return undefined;
    }
    if (this.#ended && this.#cursors.size === 0) return undefined;
    const next = await this.#wait();
    switch (next.what) {
      case "message":
        this.#patience.restore();
        return this.#hear(next.message);
      case "broken":
        await this.#broke(next.error);
        return undefined;
      default:
        this.#addAgain();
        return undefined;
    }
  }

  /** A message, a break, or that something is to be done on this side. */
  async #wait(): Promise<Next> {
    const due = Math.min(...this.#again.values());
    let alarm: NodeJS.Timeout | undefined;
    const changed = new Promise<Next>((resolve) => {
      this.#wake = () => {
        resolve({ what: "changed" });
      };
      if (Number.isFinite(due)) alarm = timer(due - now(), this.#wake);
    });
    // Read ahead by one message and no more: what is not asked for stays with the server.
    this.#reading ??= this.#stream?.next().then(
      (message): Next => ({ what: "message", message }),
      (error: unknown): Next => ({ what: "broken", error }),
    );
    const next = await (this.#reading ? either(this.#reading, changed) : changed);
    clearTimeout(alarm);
    this.#wake = undefined;
    if (next.what !== "changed") this.#reading = undefined;
    return next;
  }

  async #open(): Promise<void> {
    const outbox = new Outbox<WatchResultsRequest>();
    this.#outbox = outbox;
    const targets = Array.from(this.#cursors, ([taskId, cursor]) => target(taskId, cursor));
    for (let from = 0; from < targets.length; from += CHUNK) this.#say(targets.slice(from, from + CHUNK), []);
    this.#again.clear();
    this.#moved.clear();
    for (const cursor of this.#cursors.values()) cursor.restarting = false;
    const stub = this.#link.stub(ResultsService);
    const stop = this.#stop.signal;
    this.#stream = await openStream(this.#link, this.#limits, (options) => stub.watchResults(outbox, options), stop);
    this.#patience.established = true;
  }

  /** The stream broke, or could not be had. */
  async #broke(thrown: unknown): Promise<void> {
    this.#stop.signal.throwIfAborted();
    if (!(thrown instanceof TidemillError)) throw thrown;
    const { giveUpAfterMs = DEFAULT_GIVE_UP_AFTER_MS, onBreak } = this.#options;
    const steady = this.#stream?.steady ?? false;
    this.#drop();
    let pause: number;
    try {
      pause = this.#patience.bear(thrown, steady, this.#limits, giveUpAfterMs);
    } catch (error) {
      this.#patience.restore();
      this.#failed = Array.from(this.#cursors.keys(), (taskId) => ({ taskId, error: error as TidemillError }));
      this.#cursors.clear();
      return;
    }
    if (this.#patience.established) onBreak?.(thrown);
    await sleep(pause, this.#stop.signal);
  }

  #drop(): void {
    this.#stream?.close();
    [this.#stream, this.#reading] = [undefined, undefined];
  }

  #hear(message: WatchResultsResponse): Watched | undefined {
    const { taskId, item } = message;
    const cursor = this.#cursors.get(taskId);
    // One that was removed while this was on its way, or something that this version does not know.
    if (!cursor || item.case === undefined) return undefined;
    if (item.case === "error") return this.#refused(taskId, errorOfMessage(item.value, this.#link.address));
    const event = eventOf(item.value);
    const accepted = cursor.accept(event);
    if (typeof accepted === "string") {
      this.remove(taskId);
      return { taskId, error: contract(this.#link.address, accepted) };
    }
    if (cursor.finished) this.#cursors.delete(taskId);
    return accepted ? { taskId, event } : undefined;
  }

  #refused(taskId: string, error: TidemillError): Watched | undefined {
    const next = resume(error);
    if (next.when === "back") {
      this.#again.set(taskId, now() + next.delayMs + backoff(1, Infinity));
      return undefined;
    }
    this.#cursors.delete(taskId);
    return { taskId, error };
  }

  #addAgain(): void {
    const add: WatchTarget[] = [];
    for (const [taskId, due] of this.#again) {
      if (due > now()) continue;
      this.#again.delete(taskId);
      const cursor = this.#cursors.get(taskId);
      if (cursor) add.push(target(taskId, cursor));
    }
    this.#say(add, []);
  }

  #say(add: WatchTarget[], remove: string[]): void {
    // A stream that is gone is noticed by its messages, and the next one is told everything.
    if (add.length + remove.length > 0) this.#outbox.push(create(WatchResultsRequestSchema, { add, remove }));
  }
}

function target(taskId: string, cursor: Cursor): WatchTarget {
  return create(WatchTargetSchema, { taskId, afterSequence: BigInt(cursor.lastSequence) });
}

/** The first of two. Unlike `Promise.race` it is used with a promise that is waited for once more, so nothing may throw. */
function either<T>(first: Promise<T>, second: Promise<T>): Promise<T> {
  return new Promise((resolve) => {
    void first.then(resolve);
    void second.then(resolve);
  });
}
