// Handlers that were stopped and have not ended: JavaScript cannot end them.

import { now } from "../clock.js";

/** One that ends this soon after it was stopped was never in the way. */
const PATIENCE_MS = 1_000;

interface Stop {
  readonly lateAt: number;
  /** The thread on which handlers run has heard of it. */
  heard: boolean;
}

/**
 * The stops that the host was told of. A handler that does not end keeps its place: a worker full of them must not be given tasks, nor look healthy. One
 * that keeps the thread busy keeps all of them, since no other handler could even begin.
 */
export class Stops {
  readonly #open = new Map<string, Stop>();

  said(token: string): void {
    this.#open.set(token, { lateAt: now() + PATIENCE_MS, heard: false });
  }

  heard(token: string): void {
    const stop = this.#open.get(token);
    if (stop) stop.heard = true;
  }

  ended(token: string): void {
    this.#open.delete(token);
  }

  /** How many of so many places are free of them. */
  free(places: number): number {
    const late = [...this.#open.values()].filter((stop) => stop.lateAt <= now());
    return late.every((stop) => stop.heard) ? Math.max(0, places - late.length) : 0;
  }

  /** When there may be fewer, if nothing ends until then. */
  get nextAt(): number | undefined {
    for (const { lateAt } of this.#open.values()) if (lateAt > now()) return lateAt;
    return undefined;
  }
}
