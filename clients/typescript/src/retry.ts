// Makes one call out of several tries, without making an outage worse.
//
// - Line. After a server was away (unreachable, connection lost, UNAVAILABLE), callers stand in line and one of them at a time tries, after a
//   backoff with full jitter; when it is answered, all others go. So an outage costs each call one failed try, not one for each backoff,
//   and new calls wait instead of failing.
// - Budget. A try after the first takes a token; each answered call earns a fifth of one. So retries are at most 1.2 times the calls in the
//   long run. An empty budget makes callers wait, not fail: it also fills slowly by itself.

import { Deadline, Turn, now, sleep, timer } from "./clock.js";
import { again, deadlineExceeded, invalid, type Again, type Outcome, type TidemillError } from "./error.js";
import { errorOf } from "./status.js";

const BASE_MS = 100;
/** Longest wait between two probes of a server that is away, and the longest that one of them keeps the others waiting. */
const PROBE_CAP_MS = 1_000;
/** The server's timer works from the same deadline, and may run out sooner by about this much. */
const NEAR_MS = 50;

/** How many calls a client made, and what they cost. */
export interface Stats {
  /** Unary calls. */
  readonly calls: number;
  /** Tries of them, the first ones and those that found no server included. */
  readonly attempts: number;
}

/** How one call is made. */
export interface Limits {
  /** Longest time for all tries. */
  readonly deadlineMs: number;
  /** Most tries. Without it: as many as the deadline allows. */
  readonly tries?: number;
}

/** What one try gets: what is left of the deadline, and when to stop. */
export interface Try {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What the tries of one address share. */
export class Line {
  readonly budget = new Budget();
  readonly #turn = new Turn();
  #away: { failures: number; notBefore: number; error: TidemillError } | undefined;
  calls = 0;
  attempts = 0;

  get stats(): Stats {
    return { calls: this.calls, attempts: this.attempts };
  }

  /** Why the server counts as away, if it does. */
  get why(): TidemillError | undefined {
    return this.#away?.error;
  }

  /**
   * Waits while the server is away. What comes back must be called: until then its holder is the one that tries, but not for long: a call that takes
   * long by its nature, or a replica that hangs, must not keep the others waiting behind it.
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    if (!this.#away) return () => undefined;
    const leave = await this.#turn.take(signal);
    try {
      // While the turn was awaited the server may have come back.
      const wait = (this.#awayNow()?.notBefore ?? 0) - now();
      if (wait > 0) await sleep(wait, signal);
    } catch (thrown) {
      leave();
      throw thrown;
    }
    // Everybody may go at once.
    if (!this.#awayNow()) leave();
    const lapse = timer(PROBE_CAP_MS, leave);
    return () => {
      clearTimeout(lapse);
      leave();
    };
  }

  /** The server answered, whatever it said. */
  back(): void {
    this.#away = undefined;
  }

  /** The server was away for a try. */
  away(error: TidemillError, delayMs: number): void {
    const failures = (this.#away?.failures ?? 0) + 1;
    this.#away = { failures, notBefore: now() + delayMs + backoff(failures, PROBE_CAP_MS), error };
  }

  #awayNow() {
    return this.#away;
  }
}

/** Tokens for retries, in fifths. */
export class Budget {
  /** A retry costs five fifths, an answered call earns one. */
  static readonly cost = 5;
  /** A burst of a hundred retries. */
  static readonly most = 500;
  /** Ten retries a second are free. */
  static readonly refillMs = 100;
  #fifths = Budget.most;
  #filled: number;

  /** Time comes from outside, for tests. */
  constructor(
    readonly clock: () => number = now,
    readonly pause: (ms: number, signal: AbortSignal) => Promise<void> = sleep,
  ) {
    this.#filled = clock();
  }

  async take(signal: AbortSignal): Promise<void> {
    for (;;) {
      this.#refill();
      if (this.#fifths >= Budget.cost) {
        this.#fifths -= Budget.cost;
        return;
      }
      await this.pause(this.#filled + Budget.refillMs - this.clock(), signal);
    }
  }

  earn(): void {
    this.#fifths = Math.min(this.#fifths + 1, Budget.most);
  }

  #refill(): void {
    const whole = Math.floor((this.clock() - this.#filled) / Budget.refillMs);
    this.#fifths = Math.min(this.#fifths + whole * Budget.cost, Budget.most);
    this.#filled += whole * Budget.refillMs;
  }
}

/** What is called: an address and what tells whether anything could be sent to it. */
export interface Target {
  readonly address: string;
  readonly line: Line;
  readonly closed: boolean;
  readonly connection: { readonly connecting: boolean; close(): void };
}

/**
 * Sends until it is answered, refused for good, or the limits are reached. Every try carries the deadline of the whole. Only for calls that are
 * safe to repeat. The outcome of the error considers all tries.
 */
export async function call<T>(
  target: Target,
  limits: Limits,
  send: (options: Try) => Promise<T>,
  caller?: AbortSignal,
): Promise<T> {
  caller?.throwIfAborted();
  const deadline = new Deadline(limits.deadlineMs, caller);
  try {
    return await tries(target, limits, send, deadline);
  } catch (thrown) {
    // Whatever it was, the caller does not want it any more.
    caller?.throwIfAborted();
    throw thrown;
  } finally {
    deadline.close();
  }
}

async function tries<T>(
  target: Target,
  limits: Limits,
  send: (options: Try) => Promise<T>,
  deadline: Deadline,
): Promise<T> {
  const { line } = target;
  line.calls += 1;
  let outcome: Outcome = "not_applied";
  let last: TidemillError | undefined;
  for (let tried = 1; ; tried += 1) {
    refuseClosed(target, outcome);
    let leave: () => void;
    try {
      if (tried > 1) await line.budget.take(deadline.signal);
      leave = await line.enter(deadline.signal);
    } catch {
      const late = last ?? line.why ?? deadlineExceeded(target.address, limits.deadlineMs, outcome);
      throw late.with({ outcome });
    }
    try {
      line.attempts += 1;
      const answer = await attempt(target, limits, send, deadline);
      line.back();
      line.budget.earn();
      return answer;
    } catch (thrown) {
      const error = thrown as TidemillError;
      if (error.outcome === "unknown") outcome = "unknown";
      // A try that found no connection before the deadline says less than the one before it, which found out why.
      const vain = error.kind === "deadline_exceeded" && error.outcome === "not_applied";
      if (vain && last) throw last.with({ outcome });
      last = error;
      const next = again(error);
      note(line, error, next);
      leave();
      if (next.when === "never" || (limits.tries !== undefined && tried >= limits.tries)) throw error.with({ outcome });
      if (next.when === "after") {
        const pause = next.delayMs + backoff(tried, limits.deadlineMs);
        if (now() + pause >= deadline.at) throw error.with({ outcome });
        await sleep(pause, deadline.signal).catch(() => undefined);
      }
    } finally {
      leave();
    }
  }
}

/** A client that was closed makes no calls. */
export function refuseClosed(target: Target, outcome: Outcome): void {
  if (target.closed) throw invalid("the client was closed").with({ outcome });
}

/** What a failed try says of the server. */
export function note(line: Line, error: TidemillError, next: Again): void {
  if (next.when === "back") line.away(error, next.delayMs);
  // A deadline that passed says nothing about the server.
  else if (error.kind !== "deadline_exceeded") line.back();
}

async function attempt<T>(
  target: Target,
  limits: Limits,
  send: (options: Try) => Promise<T>,
  deadline: Deadline,
): Promise<T> {
  try {
    return await send({ timeoutMs: Math.max(1, Math.ceil(deadline.left)), signal: deadline.signal });
  } catch (thrown) {
    const error = errorOf(thrown, target.address);
    const timer = error.code === "CANCELLED" || error.code === "DEADLINE_EXCEEDED";
    const near = now() + NEAR_MS >= deadline.at;
    const passed = deadline.signal.aborted && error.kind !== "refused" && error.kind !== "unreachable";
    // This side's timer, or that of the server's library, which works from the deadline sent along and gives no reason.
    if (error.kind === "deadline_exceeded" || passed || (timer && near && error.reason === "")) {
      throw late(target, limits, error);
    }
    throw error;
  }
}

function late(target: Target, limits: Limits, error: TidemillError): TidemillError {
  const { connecting } = target.connection;
  // Without this the next call would wait for the same handshake that led nowhere.
  if (connecting) target.connection.close();
  const outcome =
    connecting || (error.kind === "refused" && error.outcome === "not_applied") ? "not_applied" : "unknown";
  return deadlineExceeded(target.address, limits.deadlineMs, outcome);
}

/** A random wait before try `failures + 1`, between 0 and the smaller of `cap` and 100 ms doubled with each failure. */
export function backoff(failures: number, capMs: number): number {
  return Math.random() * Math.min(BASE_MS * 2 ** (failures - 1), capMs);
}
