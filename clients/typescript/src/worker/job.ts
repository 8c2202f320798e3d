// Runs one handler and puts into words how it ended.

import { setMaxListeners } from "node:events";
import { toBinary } from "@bufbuild/protobuf";

import { WorkRequestSchema, type Assignment, type WorkRequest } from "../_gen/tidemill/v1/worker_service_pb.js";
import { Payload } from "../payload.js";
import { withTraceContext } from "../trace.js";
import { Context, type Reports } from "./context.js";
import { Failure, request, settleOf, textOf } from "./failure.js";
import type { Room } from "./room.js";
import type { Report } from "./messages.js";
import { StopError, type CancelRequest, type StopCause } from "./stop.js";

/** Far above the largest output that any server takes (1 MiB), and below the largest message: a larger one would break the stream. */
const MOST_OUTPUT = 4 * 1024 * 1024;

/**
 * Runs one attempt of one task at a time and says how it ended: the output is what it returns (see {@link Payload}); what it throws is a failure, see
 * {@link Failure}.
 */
export type Handler = (task: Context) => unknown;

/** One handler that runs. */
export class Job implements Reports {
  readonly #assignment: Assignment;
  readonly #post: (report: Report) => void;
  readonly #room: Room;
  readonly #controller = new AbortController();
  /** Ends what waits for room, which a cancel request does not. */
  readonly #stopped = new AbortController();
  cancelRequest: CancelRequest | undefined;
  refused: string | undefined;

  constructor(assignment: Assignment, room: Room, post: (report: Report) => void) {
    this.#assignment = assignment;
    this.#room = room;
    this.#post = post;
    // A handler may pass its signal on to, or wait for room for, as much as it likes at a time.
    setMaxListeners(0, this.#controller.signal, this.#stopped.signal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Runs the handler to its end and reports it. What it said before was posted before. */
  async run(handler: Handler): Promise<void> {
    const context = new Context(this.#assignment, this);
    const settle = await this.#outcome(handler, context);
    // What it says after it was stopped goes nowhere.
    if (!this.#stopped.signal.aborted) this.#report(toBinary(WorkRequestSchema, settle), true);
  }

  async #outcome(handler: Handler, context: Context): Promise<WorkRequest> {
    const { leaseToken } = this.#assignment;
    let returned: unknown;
    try {
      returned = await withTraceContext(context.traceContext, async () => await handler(context));
    } catch (thrown) {
      const failure = this.#agreed(thrown) ? Failure.cancelled() : Failure.of(thrown);
      return this.#settle(failure);
    }
    try {
      const output = Payload.of(returned);
      const bytes = output.encodedLength;
      if (bytes <= MOST_OUTPUT) return request({ case: "complete", value: { leaseToken, output: output.message } });
      const message = `an output of ${String(bytes)} bytes: no server takes more than 1 MiB`;
      return this.#settle(Failure.permanent(message, { type: "OutputTooLarge" }));
    } catch (thrown) {
      // The next attempt would return the same.
      return this.#settle(
        Failure.permanent(`the output cannot be sent: ${textOf(thrown)}`, { type: "OutputNotSerialisable" }),
      );
    }
  }

  #settle(failure: Failure): WorkRequest {
    const { leaseToken } = this.#assignment;
    const cause = this.cancelRequest?.cause;
    try {
      return settleOf(failure, leaseToken, cause);
    } catch (thrown) {
      // E.g. a `retryAfterMs` that is no number.
      return settleOf(
        Failure.permanent(`${failure.message}; ${textOf(thrown)}`, { type: failure.type }),
        leaseToken,
        cause,
      );
    }
  }

  /** Whether what was thrown is what the signal made of a cancel request. */
  #agreed(thrown: unknown): boolean {
    if (!this.cancelRequest || !(thrown instanceof Error)) return false;
    const reason: unknown = this.#controller.signal.reason;
    return thrown === reason || thrown.cause === reason || thrown.name === "AbortError";
  }

  /** Asks the handler to stop. */
  cancel(cancelRequest: CancelRequest): void {
    this.cancelRequest = cancelRequest;
    const why = cancelRequest.reason ? `: ${cancelRequest.reason}` : "";
    this.#controller.abort(new StopError(`asked to stop (${cancelRequest.cause})${why}`, cancelRequest, undefined));
  }

  /** Nothing that the handler says counts any more. JavaScript cannot end it, but whatever it awaits of its context or signal does. */
  stop(cause: StopCause): void {
    const error = new StopError(`the handler was stopped (${cause})`, this.cancelRequest, cause);
    this.#stopped.abort(error);
    this.#controller.abort(error);
  }

  offer(report: Uint8Array): void {
    if (!this.#stopped.signal.aborted && this.#room.tryTake()) this.#report(report, false);
  }

  async send(report: Uint8Array): Promise<void> {
    await this.#room.take(this.#stopped.signal);
    this.#report(report, false);
  }

  #report(encoded: Uint8Array, settles: boolean): void {
    this.#post({ say: "report", token: this.#assignment.leaseToken, request: encoded, settles });
  }
}
