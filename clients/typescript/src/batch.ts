// Many tasks with few calls.

import { toBinary } from "@bufbuild/protobuf";

import {
  EnqueueRequestSchema,
  GatewayService,
  type BatchEnqueueOutcome,
  type EnqueueRequest,
} from "./_gen/tidemill/v1/gateway_service_pb.js";
import { enqueuedOf, type Enqueued } from "./client.js";
import { now, sleep } from "./clock.js";
import { again, contract, TidemillError, type Outcome } from "./error.js";
import type { Link } from "./link.js";
import { backoff, call, type Limits } from "./retry.js";
import { errorOfMessage } from "./status.js";

/** Most tasks of one call of the contract; `Client.enqueueBatch` makes as many calls as it takes. */
export const BATCH_LIMIT = 1_000;
/** A call takes 4 MiB; the rest is for what encloses the entries. */
const BATCH_BYTES = 4 * 1024 * 1024 - 64 * 1024;

/** What became of one entry: it was stored, or why it was not. */
export type BatchOutcome =
  { readonly ok: true; readonly enqueued: Enqueued } | { readonly ok: false; readonly error: TidemillError };

/** An entry that is not settled yet, with its place in the answer. */
interface Open {
  readonly index: number;
  readonly request: EnqueueRequest;
  /** What is known over all calls so far: an earlier one may have stored it, even if the last one did not. */
  outcome: Outcome;
  error?: TidemillError;
}

/** Stores the tasks; the answer has one outcome for each, in order. */
export async function enqueueBatch(
  link: Link,
  limits: Limits,
  requests: readonly EnqueueRequest[],
  signal?: AbortSignal,
): Promise<BatchOutcome[]> {
  const outcomes: BatchOutcome[] = [];
  for (const open of split(requests)) await new Batch(link, limits, outcomes, signal).send(open);
  return outcomes;
}

function* split(requests: readonly EnqueueRequest[]): Generator<Open[]> {
  let open: Open[] = [];
  let bytes = 0;
  for (const [index, request] of requests.entries()) {
    const size = toBinary(EnqueueRequestSchema, request).length + 8;
    if (open.length === BATCH_LIMIT || (bytes + size > BATCH_BYTES && open.length > 0)) {
      yield open;
      [open, bytes] = [[], 0];
    }
    bytes += size;
    open.push({ index, request, outcome: "not_applied" });
  }
  if (open.length > 0) yield open;
}

/** One call, and as many again as its refused entries need. */
class Batch {
  readonly #until: number;

  constructor(
    readonly link: Link,
    readonly limits: Limits,
    readonly outcomes: BatchOutcome[],
    readonly signal: AbortSignal | undefined,
  ) {
    this.#until = now() + limits.deadlineMs;
  }

  async send(entries: readonly Open[]): Promise<void> {
    let open = entries;
    for (let tries = 1; ; tries += 1) {
      let answers: BatchEnqueueOutcome[];
      try {
        answers = await this.#call(open);
      } catch (thrown) {
        // Whatever ended the call ended it for each entry.
        if (!(thrown instanceof TidemillError)) throw thrown;
        for (const entry of open) this.#refuse(entry, thrown);
        return;
      }
      const refused: Open[] = [];
      let delayMs = 0;
      for (const [index, entry] of open.entries()) {
        const wait = this.#settle(entry, answers[index]);
        if (wait === undefined) continue;
        delayMs = Math.max(delayMs, wait);
        refused.push(entry);
      }
      if (refused.length === 0) return;
      const pause = delayMs + backoff(tries, this.limits.deadlineMs);
      if (tries >= (this.limits.tries ?? Infinity) || now() + pause >= this.#until) {
        for (const entry of refused) this.#refuse(entry);
        return;
      }
      await sleep(pause, this.signal);
      open = refused;
    }
  }

  async #call(open: readonly Open[]): Promise<BatchEnqueueOutcome[]> {
    const { link } = this;
    const limits = { ...this.limits, deadlineMs: Math.max(1, this.#until - now()) };
    const message = { requests: open.map((entry) => entry.request) };
    const stub = link.stub(GatewayService);
    const { outcomes } = await call(link, limits, (options) => stub.batchEnqueue(message, options), this.signal);
    if (outcomes.length === open.length) return outcomes;
    throw contract(link.address, `${String(outcomes.length)} outcomes for ${String(open.length)} tasks`);
  }

  /** How long to wait before the entry is sent again; `undefined`: it is settled. */
  #settle(entry: Open, answer: BatchEnqueueOutcome | undefined): number | undefined {
    const { outcome } = answer ?? { outcome: { case: undefined } };
    if (outcome.case === "response") {
      this.outcomes[entry.index] = { ok: true, enqueued: enqueuedOf(outcome.value) };
      return undefined;
    }
    entry.error =
      outcome.case === "error"
        ? errorOfMessage(outcome.value, this.link.address)
        : contract(this.link.address, "an outcome that says nothing");
    if (entry.error.outcome === "unknown") entry.outcome = "unknown";
    const next = again(entry.error);
    if (next.when !== "never") return next.delayMs;
    this.#refuse(entry);
    return undefined;
  }

  #refuse(entry: Open, error = entry.error): void {
    if (!error) return;
    const { idempotencyKey } = entry.request;
    const outcome = error.outcome === "unknown" ? "unknown" : entry.outcome;
    this.outcomes[entry.index] = { ok: false, error: error.with({ idempotencyKey, outcome }) };
  }
}
