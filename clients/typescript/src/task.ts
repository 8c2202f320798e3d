// What is to be enqueued.

import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";

import { EnqueueRequestSchema, type EnqueueRequest } from "./_gen/tidemill/v1/gateway_service_pb.js";
import {
  Priority as PriorityNumber,
  RetryPolicySchema,
  type RetryPolicy as PolicyMessage,
} from "./_gen/tidemill/v1/task_pb.js";
import { invalid } from "./error.js";
import { Payload } from "./payload.js";
import type { Priority } from "./state.js";
import { duration, timestamp } from "./time.js";
import { currentTraceContext, traceMessage, type TraceContext } from "./trace.js";

/** A task to enqueue. Only the kind is required; what is not set stays absent in the request, so that the server's defaults apply. */
export interface Task {
  /** Selects the handler: `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`. */
  readonly kind: string;
  /** The queue, in the form of a kind. Without it: `default`. */
  readonly queue?: string;
  /** The input: a {@link Payload}, or a string (text), a `Uint8Array` (bytes), anything else (JSON). */
  readonly payload?: unknown;
  /**
   * Makes repetitions safe beyond one call: the same key with the same content never stores a second task, as long as the first is not finished
   * and 24 h after. 1 to 255 bytes. Without it a fresh key protects the tries of one call.
   */
  readonly idempotencyKey?: string;
  /** Order among ready tasks. Without it: `NORMAL`. */
  readonly priority?: Priority;
  /** Not before this long from now, at most 365 days. Not together with `runAt`. */
  readonly delayMs?: number;
  /** Not before this time, at most 365 days ahead; a time in the past means now. Not together with `delayMs`. */
  readonly runAt?: Date;
  /** Retries. */
  readonly retryPolicy?: RetryPolicy;
  /** Longest run of one attempt, 1 s to 24 h. Without it: 30 min. */
  readonly attemptTimeoutMs?: number;
  /** Give up if the task is not finished by then, 1 s to 365 days from now. Without it: never. */
  readonly expiresInMs?: number;
  /** How long the finished task is kept, 1 s to 365 days. Without it: 24 h, FAILED 30 days. */
  readonly resultRetentionMs?: number;
  /** At most 32; names in the form of a kind, values at most 256 bytes. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The caller's trace. Without it: that of the handler that enqueues, or of the client's `traceContext`. */
  readonly traceContext?: TraceContext;
  /** Drops the input once the task has succeeded, to save memory. */
  readonly dropInputOnSuccess?: boolean;
}

/**
 * How often and how fast a failed task is tried again. What is not set takes the server's default: 4 attempts, 1 s doubling up to 10 min, with full
 * jitter.
 */
export interface RetryPolicy {
  /** Attempts in all, the first included: 1 to 100. Failures and crashes count, releases do not. */
  readonly maxAttempts?: number;
  /** Backoff after the first failure, 1 ms to 24 h. */
  readonly initialBackoffMs?: number;
  /** Upper bound of the backoff, at most 7 days. */
  readonly maxBackoffMs?: number;
  /** Growth of the backoff from one failure to the next, 1 to 100. */
  readonly multiplier?: number;
}

/** Where the trace context of an enqueued task comes from, if neither the task nor the handler that enqueues it has one. */
export type TraceSource = () => TraceContext | undefined;

/** The message as it is sent: with a key, and with the trace it belongs to. */
export function enqueueRequest(task: Task, source?: TraceSource): EnqueueRequest {
  const request = create(EnqueueRequestSchema, {
    kind: task.kind,
    queue: task.queue ?? "",
    idempotencyKey: task.idempotencyKey ?? randomUUID(),
    labels: { ...task.labels },
    dropInputOnSuccess: task.dropInputOnSuccess ?? false,
  });
  if (task.payload !== undefined) request.payload = Payload.of(task.payload).message;
  if (task.priority !== undefined) request.priority = priorityNumber(task.priority);
  if (task.delayMs !== undefined && task.runAt !== undefined) throw invalid("delayMs, runAt: only one of them");
  if (task.delayMs !== undefined) request.start = { case: "delay", value: duration(task.delayMs, "delayMs") };
  if (task.runAt !== undefined) request.start = { case: "runAt", value: timestamp(task.runAt, "runAt") };
  if (task.retryPolicy !== undefined) request.retryPolicy = policyMessage(task.retryPolicy);
  if (task.attemptTimeoutMs !== undefined) request.attemptTimeout = duration(task.attemptTimeoutMs, "attemptTimeoutMs");
  if (task.expiresInMs !== undefined) request.expiresIn = duration(task.expiresInMs, "expiresInMs");
  if (task.resultRetentionMs !== undefined) {
    request.resultRetention = duration(task.resultRetentionMs, "resultRetentionMs");
  }
  const trace = task.traceContext ?? currentTraceContext() ?? source?.();
  if (trace !== undefined) request.traceContext = traceMessage(trace);
  return request;
}

function policyMessage(policy: RetryPolicy): PolicyMessage {
  const message = create(RetryPolicySchema, {
    maxAttempts: whole(policy.maxAttempts ?? 0, "retryPolicy.maxAttempts"),
    multiplier: policy.multiplier ?? 0,
  });
  if (policy.initialBackoffMs !== undefined) {
    message.initialBackoff = duration(policy.initialBackoffMs, "retryPolicy.initialBackoffMs");
  }
  if (policy.maxBackoffMs !== undefined) {
    message.maxBackoff = duration(policy.maxBackoffMs, "retryPolicy.maxBackoffMs");
  }
  return message;
}

/** A number that fits the contract's int32; whether it is in range is the server's word. */
export function whole(value: number, field: string): number {
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 31) return value;
  throw invalid(`${field}: ${String(value)} is no whole number of 32 bits`);
}

function priorityNumber(priority: Priority): PriorityNumber {
  const number = (PriorityNumber as unknown as Record<string, PriorityNumber | undefined>)[priority];
  if (typeof number === "number" && number !== PriorityNumber.UNSPECIFIED) return number;
  throw invalid(`priority: \`${priority}\` is not LOW, NORMAL, HIGH or URGENT`);
}
