// What a handler gets.

import { create, toBinary } from "@bufbuild/protobuf";

import { PayloadSchema, ProgressSchema } from "../_gen/tidemill/v1/task_pb.js";
import {
  WorkRequestSchema,
  type Assignment,
  type ReportProgressRequest,
} from "../_gen/tidemill/v1/worker_service_pb.js";
import { Payload, payloadOf } from "../payload.js";
import { taskErrorOf, type TaskError } from "../result.js";
import { dateOf, milliseconds } from "../time.js";
import { traceOf, type TraceContext } from "../trace.js";
import { cut, request } from "./failure.js";
import type { CancelRequest } from "./stop.js";

/** The contract's limit of one chunk. */
const MOST_CHUNK = 64 * 1024;
/** The contract's limit of a progress text, in bytes. */
const MOST_PROGRESS = 1024;

/** Why a chunk was not taken: it is too large, or the server refused an earlier one, e.g. because its memory is full. */
export class ReportError extends Error {
  override readonly name = "ReportError";
}

/** What a context needs of the worker. */
export interface Reports {
  /** Sends something at once if there is room for it, else not at all. */
  offer(report: Uint8Array): void;
  /** Sends something as soon as there is room for it; rejected when the handler was stopped. */
  send(report: Uint8Array): Promise<void>;
  /** What the server said of an earlier report that it did not take. */
  readonly refused: string | undefined;
  readonly cancelRequest: CancelRequest | undefined;
  readonly signal: AbortSignal;
  readonly stopped: AbortSignal;
}

/** One attempt of one task, for its handler. */
export class Context {
  readonly #assignment: Assignment;
  readonly #reports: Reports;
  /** The input. */
  readonly payload: Payload;

  /** @internal */
  constructor(assignment: Assignment, reports: Reports) {
    this.#assignment = assignment;
    this.#reports = reports;
    this.payload = payloadOf(assignment.payload) ?? Payload.empty;
  }

  /** The task. */
  get taskId(): string {
    return this.#assignment.taskId;
  }

  /** Its queue. */
  get queue(): string {
    return this.#assignment.queue;
  }

  /** Its kind. */
  get kind(): string {
    return this.#assignment.kind;
  }

  /** Number of this attempt, from 1. */
  get attempt(): number {
    return this.#assignment.attempt;
  }

  /** Attempts allowed in all. */
  get maxAttempts(): number {
    return this.#assignment.maxAttempts;
  }

  /**
   * Grows with every lease of the task. Send it along with writes to other systems and let them refuse a smaller one than they have seen: so a handler
   * that lost its lease without noticing changes nothing.
   */
  get fence(): number {
    return Number(this.#assignment.fence);
  }

  /** Longest run of this attempt; after it a cancel request comes. */
  get attemptTimeoutMs(): number | undefined {
    const { attemptTimeout } = this.#assignment;
    return attemptTimeout && milliseconds(attemptTimeout);
  }

  /** Labels given at enqueue. */
  get labels(): Readonly<Record<string, string>> {
    return this.#assignment.labels;
  }

  /** Trace context given at enqueue. Tasks that this handler enqueues carry it on by themselves. */
  get traceContext(): TraceContext | undefined {
    return traceOf(this.#assignment.traceContext);
  }

  /** When the task was enqueued. */
  get createTime(): Date | undefined {
    return dateOf(this.#assignment.createTime);
  }

  /** When this attempt was leased, by the store's clock. */
  get leaseTime(): Date | undefined {
    return dateOf(this.#assignment.leaseTime);
  }

  /** The error of the attempt before, if there was one. */
  get lastError(): TaskError | undefined {
    return taskErrorOf(this.#assignment.lastError);
  }

  /**
   * Aborted with a {@link StopError} when the handler is asked to stop, or is stopped: pass it on to whatever takes one, e.g. `fetch`. A handler
   * that ends with what that throws agrees to the cancel request.
   */
  get signal(): AbortSignal {
    return this.#reports.signal;
  }

  /**
   * Aborted with a {@link StopError} when the handler is stopped, which after a cancel request is when the worker's cancel grace is over: nothing that it says
   * counts any more, and it keeps its place until it returns. For a handler that goes on in spite of a request.
   */
  get stopped(): AbortSignal {
    return this.#reports.stopped;
  }

  /** The request to stop, if there is one. */
  get cancelRequest(): CancelRequest | undefined {
    return this.#reports.cancelRequest;
  }

  /**
   * Resolves when the handler is asked to stop. It may then still succeed, or agree by throwing {@link Failure.cancelled}; after the worker's cancel
   * grace its outcome does not count any more, as if it had agreed. Rejected when the handler is stopped without having been asked.
   */
  cancelled(): Promise<CancelRequest> {
    const { signal } = this.#reports;
    return new Promise((resolve, reject) => {
      const look = () => {
        const { cancelRequest } = this.#reports;
        if (cancelRequest) resolve(cancelRequest);
        else reject(signal.reason as Error);
      };
      if (signal.aborted) look();
      else signal.addEventListener("abort", look, { once: true });
    });
  }

  /**
   * Tells how far the attempt has come: a share between 0 and 1, and a short text for people. Never waits: it is dropped if much else is on its way,
   * and the server stores it at most twice a second, the latest winning. Of the text 1 KiB is sent.
   */
  progress(fraction: number, message = ""): void {
    const share = Number.isNaN(fraction) ? 0 : Math.min(Math.max(fraction, 0), 1);
    const progress = create(ProgressSchema, { fraction: share, message: cut(message, MOST_PROGRESS) });
    this.#reports.offer(this.#report({ case: "progress", value: progress }));
  }

  /**
   * Sends a piece of output, which watchers see at once: a {@link Payload}, or a value as a handler returns it. Resolves when there is room for the next
   * one, so await it. Pieces come in order; those that are on their way when a connection breaks may be lost.
   *
   * @throws {@link ReportError} if it was not sent, {@link StopError} if the handler was stopped.
   */
  async chunk(piece: unknown): Promise<void> {
    const { message } = Payload.of(piece);
    const bytes = toBinary(PayloadSchema, message).length;
    if (bytes > MOST_CHUNK) {
      throw new ReportError(`a chunk of ${String(bytes)} bytes: at most ${String(MOST_CHUNK)} are allowed; split it`);
    }
    const { refused } = this.#reports;
    if (refused !== undefined) throw new ReportError(`an earlier chunk was refused: ${refused}`);
    await this.#reports.send(this.#report({ case: "outputChunk", value: message }));
  }

  #report(report: ReportProgressRequest["report"]): Uint8Array {
    const { leaseToken } = this.#assignment;
    return toBinary(WorkRequestSchema, request({ case: "progress", value: { leaseToken, report } }));
  }
}
