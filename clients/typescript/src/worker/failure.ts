// How an attempt ends that did not succeed.

import { create, type MessageInitShape } from "@bufbuild/protobuf";

import { WorkRequestSchema, type WorkRequest } from "../_gen/tidemill/v1/worker_service_pb.js";
import { TidemillError } from "../error.js";
import { duration } from "../time.js";
import type { AttemptError } from "./messages.js";
import type { CancelCause } from "./stop.js";

/** The contract keeps so many bytes of each. */
const MOST_MESSAGE = 8 * 1024;
const MOST_TYPE = 256;
/** Nor does it take a longer wait. A failure that it refused would count as a crash. */
const MOST_RETRY_AFTER_MS = 7 * 24 * 3_600_000;

/** What a {@link Failure} says beside its message. */
export interface FailureOptions {
  /** Another attempt would not mend it: the task is a dead letter at once. */
  readonly permanent?: boolean;
  /** Waits this long before the next attempt instead of the policy's backoff, at most 7 days: a longer wait counts as that. */
  readonly retryAfterMs?: number;
  /** Names the kind of error, e.g. `CardDeclined`, for people and filters. At most 256 bytes. */
  readonly type?: string;
  /** What it came from. */
  readonly cause?: unknown;
}

/**
 * Thrown by a handler: why it did not succeed, and what is to happen to the task. Any other error that it throws is a failure that is tried again by
 * the task's retry policy, with the error's message and the name of its class.
 */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly permanent: boolean;
  readonly retryAfterMs: number | undefined;
  readonly type: string;
  /** @internal */
  readonly settle: "fail" | "release" | "cancelled";

  constructor(message: string, options: FailureOptions = {}, settle: "fail" | "release" | "cancelled" = "fail") {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.permanent = options.permanent ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.type = options.type ?? "";
    this.settle = settle;
  }

  /** A failure that another attempt would not mend. */
  static permanent(message: string, options: FailureOptions = {}): Failure {
    return new Failure(message, { ...options, permanent: true });
  }

  /** A failure whose next attempt comes after this long. */
  static retryAfter(retryAfterMs: number, message: string, options: FailureOptions = {}): Failure {
    return new Failure(message, { ...options, retryAfterMs });
  }

  /** Gives the task back uncharged, to the head of its line, for another handler process. At most 100 times for each task. */
  static release(): Failure {
    return new Failure("released", {}, "release");
  }

  /** Agrees to a cancel request: the task ends CANCELLED, or EXPIRED. If nobody asked, it is an ordinary release. */
  static cancelled(): Failure {
    return new Failure("cancelled", {}, "cancelled");
  }

  /** Whatever a handler threw. */
  static of(thrown: unknown): Failure {
    if (thrown instanceof Failure) return thrown;
    if (!(thrown instanceof Error)) return new Failure(textOf(thrown), { type: typeof thrown });
    return new Failure(withCauses(thrown), { type: typeName(thrown), cause: thrown });
  }
}

/** What something that was thrown says. */
export function textOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } catch {
    // E.g. an object without a prototype.
    return `something of type ${typeof thrown} that has no text`;
  }
}

/** The class says more than `name`, which many subclasses leave at `Error`. */
function typeName(error: Error): string {
  return error.name !== "Error" && error.name !== "" ? error.name : error.constructor.name;
}

function withCauses(error: Error): string {
  const texts = [error.message];
  const seen = new Set<unknown>([error]);
  let cause = error.cause;
  while (cause instanceof Error && !seen.has(cause)) {
    // The cause's text is a part of a call's error already.
    if (!(error instanceof TidemillError)) texts.push(cause.message);
    seen.add(cause);
    cause = cause.cause;
  }
  return texts.filter((text) => text !== "").join(": ") || "no message";
}

/**
 * What to say to the server. An attempt that was asked to stop because it ran too long has failed, whatever its handler calls it: a release would not
 * count it, and it would run too long for ever.
 */
export function settleOf(failure: Failure, leaseToken: string, cause?: CancelCause): WorkRequest {
  if (failure.settle === "cancelled" && cause === "ATTEMPT_TIMEOUT") {
    const late = new Failure("the attempt ran longer than its attempt timeout", { type: "AttemptTimeout" });
    return settleOf(late, leaseToken);
  }
  if (failure.settle === "fail") return failOf(failure, leaseToken);
  const cancelled = failure.settle === "cancelled";
  return request({ case: "release", value: { leaseToken, cancelled } });
}

function failOf(failure: Failure, leaseToken: string): WorkRequest {
  const { permanent, retryAfterMs } = failure;
  const message = cut(failure.message, MOST_MESSAGE);
  const type = cut(failure.type, MOST_TYPE);
  const retryAfter =
    retryAfterMs === undefined
      ? {}
      : { retryAfter: duration(Math.min(Math.max(0, retryAfterMs), MOST_RETRY_AFTER_MS), "retryAfterMs") };
  return request({ case: "fail", value: { leaseToken, message, type, permanent, ...retryAfter } });
}

/** Why the attempt failed that was settled so; `undefined`: it did not fail. */
export function attemptErrorOf(settle: WorkRequest | undefined): AttemptError | undefined {
  if (settle?.message.case !== "fail") return undefined;
  const { message, type, permanent } = settle.message.value;
  return { message, type, permanent };
}

/**
 * Cuts a text that is longer than so many bytes, at a character. The server would cut it, too, but a message of many megabytes would break the stream
 * first, for all tasks. What is no text at all, or half of a character, becomes something that can be sent.
 */
export function cut(text: unknown, most: number): string {
  const bytes = new Uint8Array(most);
  const { written } = new TextEncoder().encodeInto(textOf(text), bytes);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, written));
}

/** A message of the stream. */
export function request(message: NonNullable<MessageInitShape<typeof WorkRequestSchema>["message"]>): WorkRequest {
  return create(WorkRequestSchema, { message });
}
