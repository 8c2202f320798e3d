// What goes out over one stream: a queue that Connect reads, one message whenever the one before it has left.

/** Messages that wait to be sent. */
export class Outbox<T> implements AsyncIterable<T> {
  readonly #waiting: T[] = [];
  #reader: ((next: IteratorResult<T>) => void) | undefined;
  #ended = false;

  /** `more`: asked for a message whenever none waits here; these come after those that were pushed. */
  constructor(readonly more: () => T | undefined = () => undefined) {}

  /** Sends a message as soon as the stream has room. */
  push(message: T): void {
    if (this.#ended) return;
    this.#waiting.push(message);
    this.poke();
  }

  /** There may be more to send. */
  poke(): void {
    if (!this.#reader) return;
    const next = this.#next();
    if (!next) return;
    const reader = this.#reader;
    this.#reader = undefined;
    reader(next);
  }

  /** Half-closes the stream, after what was pushed before. */
  end(): void {
    this.#ended = true;
    this.poke();
  }

  #next(): IteratorResult<T> | undefined {
    const message = this.#waiting.shift() ?? (this.#ended ? undefined : this.more());
    if (message !== undefined) return { done: false, value: message };
    return this.#ended ? { done: true, value: undefined } : undefined;
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    const over = (): Promise<IteratorResult<T>> => Promise.resolve({ done: true, value: undefined });
    return {
      next: () => {
        const next = this.#next();
        if (next) return Promise.resolve(next);
        return new Promise((resolve) => {
          this.#reader = resolve;
        });
      },
      // The stream is over. A `next` that is still waiting stays so: answered with the end, it would half-close what is to be broken off.
      return: over,
      throw: over,
    };
  }
}
