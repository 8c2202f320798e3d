// Reads what a call ended with: a status of the server with its details, or something that happened on this side.

import { fromBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { Code as ConnectCode, ConnectError } from "@connectrpc/connect";

import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from "./_gen/google/rpc/error_details_pb.js";
import type { Status } from "./_gen/google/rpc/status_pb.js";
import { messageOf, NotConnected } from "./connection.js";
import { TidemillError, codeName, type Code, type ErrorFields, type Outcome, type Violation } from "./error.js";
import { milliseconds } from "./time.js";
import { hint, tlsProblem } from "./tls-problem.js";

/** Domain of the server's own reasons; another one is a proxy's. */
const DOMAIN = "tidemill.dev";

/** A call that ended so may have left a trace, unless the server says otherwise. */
const OPEN: ReadonlySet<Code> = new Set<Code>(["CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNKNOWN"]);

interface Detail {
  readonly type: string;
  readonly value: Uint8Array;
}

/** Reads what a call to `address` was rejected with. */
export function errorOf(thrown: unknown, address: string): TidemillError {
  if (thrown instanceof TidemillError) return thrown;
  const found = ConnectError.from(thrown);
  // Only what came over the wire has a status, or is an HTTP answer of something that is no gRPC server.
  const answered = found.metadata.has("grpc-status") || /^(HTTP \d|unsupported content type)/.test(found.rawMessage);
  const error = answered ? refusal(found, address) : local(found, address);
  chain(found).forEach(shorten);
  return error;
}

/** Keeps what Node prints of a cause to its first line: the rest is bytes that were read already, and lines of the transport's own. */
function shorten(cause: Error): void {
  if (!(cause instanceof ConnectError || cause instanceof NotConnected)) return;
  if (cause.cause === undefined) delete cause.cause;
  for (const name of Object.keys(cause)) Object.defineProperty(cause, name, { enumerable: false });
  const stack = `${cause.name}: ${cause.message}`;
  Object.defineProperty(cause, "stack", { value: stack, writable: true, configurable: true, enumerable: false });
}

function refusal(found: ConnectError, address: string): TidemillError {
  const details = found.details.flatMap((detail) => ("type" in detail ? [detail] : []));
  return refused(found.code, found.rawMessage, details, address, found);
}

/** Reads an error that came inside a message, e.g. of one entry of a batch. */
export function errorOfMessage(status: Status, address: string): TidemillError {
  const details = status.details.map((any) => ({ type: any.typeUrl.replace(/^.*\//, ""), value: any.value }));
  return refused(status.code, status.message, details, address);
}

function refused(
  number: number,
  detail: string,
  details: readonly Detail[],
  address: string,
  cause?: unknown,
): TidemillError {
  const code = codeName(number);
  const found = read(details);
  const said = found.metadata?.["outcome"];
  let outcome: Outcome = OPEN.has(code) ? "unknown" : "not_applied";
  if (said !== undefined) outcome = said === "unknown" ? "unknown" : "not_applied";
  return new TidemillError({ kind: "refused", outcome, detail, address, code, ...found }, cause);
}

function local(found: ConnectError, address: string): TidemillError {
  const causes = chain(found);
  const notConnected = causes.some((cause) => cause instanceof NotConnected);
  const text = causes.length > 1 ? messageOf(causes.at(-1)) : found.rawMessage;
  const fields: ErrorFields = {
    kind: "connection_lost",
    outcome: "unknown",
    detail: text,
    address,
    code: "UNAVAILABLE",
  };
  if (notConnected) {
    fields.kind = "unreachable";
    fields.outcome = "not_applied";
  } else if (found.code === ConnectCode.DeadlineExceeded) {
    fields.kind = "deadline_exceeded";
    fields.code = "DEADLINE_EXCEEDED";
    fields.detail = `no answer from ${address} in time: ${text}`;
  }
  const problem = tlsProblem(causes, address);
  if (problem) {
    fields.tlsProblem = problem;
    fields.detail = `${fields.detail}; ${hint(problem)}`;
  }
  return new TidemillError(fields, found);
}

/** The error and its causes, the outermost first. */
function chain(error: unknown): Error[] {
  const found: Error[] = [];
  let next = error;
  while (next instanceof Error && !found.includes(next)) {
    found.push(next);
    next = next instanceof AggregateError ? next.errors[0] : next.cause;
  }
  return found;
}

/** Details that cannot be read are left out: the code and the message stand without them. */
function read(details: readonly Detail[]): Partial<ErrorFields> {
  const fields: Partial<ErrorFields> = {};
  const violations: Violation[] = [];
  for (const { type, value } of details) {
    switch (type) {
      case "google.rpc.ErrorInfo": {
        const info = decode(ErrorInfoSchema, value);
        if (info?.domain === DOMAIN) Object.assign(fields, { reason: info.reason, metadata: { ...info.metadata } });
        break;
      }
      case "google.rpc.BadRequest":
        for (const found of decode(BadRequestSchema, value)?.fieldViolations ?? []) {
          violations.push({ subject: found.field, description: found.description });
        }
        break;
      case "google.rpc.QuotaFailure":
        for (const found of decode(QuotaFailureSchema, value)?.violations ?? []) {
          violations.push({ subject: found.subject, description: found.description });
        }
        break;
      case "google.rpc.PreconditionFailure":
        for (const found of decode(PreconditionFailureSchema, value)?.violations ?? []) {
          violations.push({ subject: found.subject, description: found.description });
        }
        break;
      case "google.rpc.RetryInfo": {
        const delay = decode(RetryInfoSchema, value)?.retryDelay;
        if (delay) fields.retryAfterMs = milliseconds(delay);
        break;
      }
      default:
    }
  }
  return { ...fields, violations };
}

function decode<T extends DescMessage>(schema: T, value: Uint8Array): MessageShape<T> | undefined {
  try {
    return fromBinary(schema, value);
  } catch {
    return undefined;
  }
}
