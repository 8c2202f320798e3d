// Why a call failed, and whether it left a trace.

import { beginAtCaller } from "./caller.js";
import type { ErrorReason } from "./state.js";

/**
 * What kind of failure it was.
 *
 * - `refused`: the server, or a proxy before it, refused: see `reason` and `code`.
 * - `unreachable`: no server could be reached at the address.
 * - `connection_lost`: the connection broke before the answer came.
 * - `deadline_exceeded`: no answer came before the deadline.
 * - `invalid`: the input or the configuration was refused on this side; nothing was sent.
 * - `contract`: the server broke the contract.
 */
export type ErrorKind = "refused" | "unreachable" | "connection_lost" | "deadline_exceeded" | "invalid" | "contract";

/**
 * Whether a failed call left a trace at the server. `unknown`: it may have; to make the same call again is safe, for an enqueue with the
 * same idempotency key.
 */
export type Outcome = "not_applied" | "unknown";

/**
 * What is wrong between the client and the server about TLS: the certificate is not trusted for this address, the server does not speak TLS, it
 * seems to speak nothing else, or it asks for a certificate of the client.
 */
export type TlsProblem = "untrusted" | "not_spoken" | "required" | "certificate_required";

/** One violated field, quota or precondition, with what it should have been. */
export interface Violation {
  /** The field's path in the request, or the subject of a quota. */
  readonly subject: string;
  /** What is wrong with it, and the limit. */
  readonly description: string;
}

/** Names of gRPC's codes by number. */
const CODES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

/** A gRPC code, as gRPC's documentation writes it. */
export type Code = (typeof CODES)[number];

/** The name of a code's number. */
export function codeName(number: number): Code {
  return CODES[number] ?? "UNKNOWN";
}

/** What an error consists of: plain data, so that it can go from one thread to another. */
export interface ErrorFields {
  kind: ErrorKind;
  outcome: Outcome;
  detail: string;
  address?: string;
  code?: Code;
  reason?: string;
  metadata?: Record<string, string>;
  violations?: Violation[];
  retryAfterMs?: number;
  idempotencyKey?: string;
  tlsProblem?: TlsProblem;
}

/** What Node prints of an error beside its message, which has the rest. */
const PRINTED: ReadonlySet<string> = new Set(["kind", "outcome", "reason", "retryAfterMs", "idempotencyKey"]);

/** Why a call failed. Its message is one line that names the reason and every violated field. `cause` is what the transport said. */
export class TidemillError extends Error {
  override readonly name = "TidemillError";
  /** What kind of failure it was. */
  readonly kind: ErrorKind;
  /** Whether the call left a trace. Considers all tries of the call. */
  readonly outcome: Outcome;
  /** The reason the server gave, e.g. `QUEUE_FULL`; empty if it gave none. One that this version does not know survives as text. */
  readonly reason: ErrorReason | (string & {});
  /** The gRPC code, if a status came. */
  readonly code: Code | undefined;
  /** What the server or this side said, without reason, code and the list of violations. */
  readonly detail: string;
  /** Every violation the server named. */
  readonly violations: readonly Violation[];
  /** How long the server asks to wait before another try. */
  readonly retryAfterMs: number | undefined;
  /** What the server said beside the reason, e.g. `task_id` of IDEMPOTENCY_KEY_REUSED. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The address that was asked; empty if none was. */
  readonly address: string;
  /** Of a failed enqueue: with it the same task can be enqueued again without storing it twice. */
  readonly idempotencyKey: string | undefined;
  /** What seems to be wrong about TLS; the message says it, too. */
  readonly tlsProblem: TlsProblem | undefined;

  /** @internal */
  constructor(fields: ErrorFields, cause?: unknown) {
    super(describe(fields), cause === undefined ? undefined : { cause });
    this.kind = fields.kind;
    this.outcome = fields.outcome;
    this.reason = fields.reason ?? "";
    this.code = fields.code;
    this.detail = fields.detail;
    this.violations = fields.violations ?? [];
    this.retryAfterMs = fields.retryAfterMs;
    this.metadata = fields.metadata ?? {};
    this.address = fields.address ?? "";
    this.idempotencyKey = fields.idempotencyKey;
    this.tlsProblem = fields.tlsProblem;
    for (const [name, value] of Object.entries(this)) {
      if (!PRINTED.has(name) || value === undefined || value === "")
        Object.defineProperty(this, name, { enumerable: false });
    }
    beginAtCaller(this, new.target);
  }

  /** Everything as plain data, for `JSON.stringify`. */
  toJSON(): Record<string, unknown> {
    return { name: this.name, message: this.message, ...this.fields() };
  }

  /**
   * The same error with some fields changed, e.g. because an earlier try may have left a trace.
   * @internal
   */
  with(changes: Partial<ErrorFields>): TidemillError {
    return new TidemillError({ ...this.fields(), ...changes }, this.cause);
  }

  /** @internal */
  fields(): ErrorFields {
    const { kind, outcome, detail, address, reason } = this;
    const fields: ErrorFields = { kind, outcome, detail, address, reason };
    fields.metadata = { ...this.metadata };
    fields.violations = [...this.violations];
    if (this.code !== undefined) fields.code = this.code;
    if (this.retryAfterMs !== undefined) fields.retryAfterMs = this.retryAfterMs;
    if (this.idempotencyKey !== undefined) fields.idempotencyKey = this.idempotencyKey;
    if (this.tlsProblem !== undefined) fields.tlsProblem = this.tlsProblem;
    return fields;
  }
}

function describe(fields: ErrorFields): string {
  const { kind, detail, address = "", code = "", reason = "" } = fields;
  const head = {
    unreachable: () => `cannot reach ${address}: ${detail}`,
    connection_lost: () => `lost the connection to ${address}: ${detail}`,
    contract: () => `the server broke the contract: ${detail}`,
    refused: () => (reason ? `${reason} (${code}): ${detail}` : `${code} from ${address}: ${detail}`),
    deadline_exceeded: () => detail,
    invalid: () => detail,
  }[kind]();
  // The server's own text has a single violation in full.
  const more = (fields.violations ?? []).filter((found) => !detail.includes(found.description));
  return head + more.map((found) => `; ${found.subject}: ${found.description}`).join("");
}

/** The input or the configuration is refused on this side. */
export function invalid(detail: string): TidemillError {
  return new TidemillError({ kind: "invalid", outcome: "not_applied", detail });
}

/** The server broke the contract. */
export function contract(address: string, detail: string): TidemillError {
  return new TidemillError({ kind: "contract", outcome: "unknown", address, detail });
}

/** A stream is over that should not be. */
export function connectionLost(address: string, detail: string, outcome: Outcome): TidemillError {
  return new TidemillError({ kind: "connection_lost", outcome, address, detail, code: "UNAVAILABLE" });
}

/** No answer from `address` within the limit. */
export function deadlineExceeded(address: string, limitMs: number, outcome: Outcome): TidemillError {
  const detail = `no answer from ${address} within ${String(Math.round(limitMs))} ms`;
  return new TidemillError({ kind: "deadline_exceeded", outcome, address, detail, code: "DEADLINE_EXCEEDED" });
}

/**
 * When the same call may be tried again: never; when the server, which is away as a whole, is back, but not before `delayMs`; or after
 * `delayMs`, since only this call was refused.
 */
export type Again = { when: "never" } | { when: "back"; delayMs: number } | { when: "after"; delayMs: number };

/** By the rule of AIP-194: UNAVAILABLE always, RESOURCE_EXHAUSTED only if the server says when, others never. */
export function again(error: TidemillError): Again {
  const delayMs = error.retryAfterMs ?? 0;
  if (error.kind === "unreachable" || error.kind === "connection_lost") return { when: "back", delayMs: 0 };
  if (error.kind !== "refused") return { when: "never" };
  if (error.code === "UNAVAILABLE") return { when: "back", delayMs };
  if (error.code === "RESOURCE_EXHAUSTED" && error.retryAfterMs !== undefined) return { when: "after", delayMs };
  return { when: "never" };
}

const PASSING: ReadonlySet<Code | undefined> = new Set<Code>([
  "UNKNOWN",
  "INTERNAL",
  "ABORTED",
  "CANCELLED",
  "DEADLINE_EXCEEDED",
]);

/** The same for a stream, which may be resumed after anything but a considered refusal. */
export function resume(error: TidemillError): Again {
  const considered = error.reason !== "" && error.code !== "DEADLINE_EXCEEDED";
  if (error.kind !== "contract" && error.kind !== "invalid" && PASSING.has(error.code) && !considered) {
    return { when: "back", delayMs: 0 };
  }
  return again(error);
}
