// Between the client's types and the runner's JSON.

import { Payload, TidemillError, type Task, type TaskError, type TaskEvent, type TaskResult } from "../src/index.js";

/** A task as a command has it. */
export interface TaskFields {
  kind: string;
  queue?: string;
  text?: string;
  json?: unknown;
  data?: string;
  content_type?: string;
  idempotency_key?: string;
  priority?: string;
  delay_ms?: number;
  run_in_ms?: number;
  retry_policy?: { max_attempts?: number; initial_backoff_ms?: number; max_backoff_ms?: number; multiplier?: number };
  attempt_timeout_ms?: number;
  expires_in_ms?: number;
  result_retention_ms?: number;
  labels?: Record<string, string>;
  traceparent?: string;
  tracestate?: string;
  drop_input_on_success?: boolean;
}

export function taskOf(fields: TaskFields): Task {
  const policy = fields.retry_policy;
  return some({
    kind: fields.kind,
    queue: fields.queue,
    payload: payloadIn(fields),
    idempotencyKey: fields.idempotency_key,
    priority: fields.priority,
    delayMs: fields.delay_ms,
    runAt: fields.run_in_ms === undefined ? undefined : new Date(Date.now() + fields.run_in_ms),
    retryPolicy:
      policy &&
      some({
        maxAttempts: policy.max_attempts,
        initialBackoffMs: policy.initial_backoff_ms,
        maxBackoffMs: policy.max_backoff_ms,
        multiplier: policy.multiplier,
      }),
    attemptTimeoutMs: fields.attempt_timeout_ms,
    expiresInMs: fields.expires_in_ms,
    resultRetentionMs: fields.result_retention_ms,
    labels: fields.labels,
    traceContext:
      fields.traceparent === undefined
        ? undefined
        : some({ traceparent: fields.traceparent, tracestate: fields.tracestate }),
    dropInputOnSuccess: fields.drop_input_on_success,
  }) as unknown as Task;
}

function payloadIn(fields: TaskFields): Payload | undefined {
  let payload: Payload | undefined;
  if (fields.text !== undefined) payload = Payload.text(fields.text);
  else if (fields.json !== undefined) payload = Payload.json(fields.json);
  else if (fields.data !== undefined) payload = Payload.bytes(Buffer.from(fields.data, "base64"));
  return fields.content_type === undefined ? payload : (payload ?? Payload.empty).withContentType(fields.content_type);
}

function some(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function payloadOut(payload: Payload): object {
  const { content_type } = { content_type: payload.contentType };
  switch (payload.variant) {
    case "text":
      return { text: payload.text, content_type };
    case "json":
      return { json: payload.json(), content_type };
    case "data":
      return { data: Buffer.from(payload.toBytes()).toString("base64"), content_type };
    default:
      return {};
  }
}

function taskErrorFacts(error: TaskError): object {
  const { reason, message, type, permanent } = error;
  return { reason, message, type, permanent };
}

export function resultFacts(result: TaskResult): object {
  return {
    state: result.state,
    ...(result.output && { output: payloadOut(result.output) }),
    ...(result.error && { error: taskErrorFacts(result.error) }),
  };
}

export function eventFacts(event: TaskEvent): object {
  const { sequence, attempt } = event;
  switch (event.type) {
    case "stateChanged":
      return { sequence, attempt, type: "state", state: event.state, cause: event.cause };
    case "progress":
      return { sequence, attempt, type: "progress", fraction: event.fraction, message: event.message };
    case "outputChunk":
      return { sequence, attempt, type: "chunk", payload: payloadOut(event.payload) };
    case "truncated":
      return { sequence, attempt, type: "truncated", from: event.fromSequence, to: event.toSequence };
    case "result":
      return { sequence, attempt, type: "result", ...resultFacts(event.result) };
    default:
      return { sequence, attempt, type: "unknown" };
  }
}

export function errorFacts(thrown: unknown): object {
  if (!(thrown instanceof TidemillError))
    return { kind: "invalid", message: String(thrown), reason: "", outcome: "not_applied" };
  const { kind, reason, outcome, violations, message } = thrown;
  return some({
    kind,
    reason,
    code: thrown.code,
    outcome,
    violations,
    retry_after_ms: thrown.retryAfterMs,
    idempotency_key: thrown.idempotencyKey,
    message,
  });
}
