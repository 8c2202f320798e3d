// Why a handler is asked to stop, or is stopped.

import { CancelCause as Cause } from "../_gen/tidemill/v1/worker_service_pb.js";

/** A client cancelled the task; its `expiresInMs` is over; the attempt ran longer than its timeout; something this version does not know. */
export type CancelCause = "CLIENT" | "EXPIRY" | "ATTEMPT_TIMEOUT" | "UNKNOWN";

/** A handler is asked to stop. */
export interface CancelRequest {
  /** Why. */
  readonly cause: CancelCause;
  /** The reason that the client gave; empty for the other causes. */
  readonly reason: string;
}

/**
 * Why a handler was stopped: the task was cancelled and the worker's cancel grace is over; its lease was lost and nothing that it does counts; the
 * worker was told to stop and the grace is over; or the server refused its output.
 */
export type StopCause = "cancelled" | "lease_lost" | "worker_stopped" | "refused";

/**
 * The reason of a handler's `signal`: it was asked to stop (then there is a `request`), or it was stopped (`stopped` says why). A handler that throws
 * it after a cancel request agrees to the request.
 */
export class StopError extends Error {
  override readonly name = "StopError";

  /** @internal */
  constructor(
    message: string,
    /** The cancel request, if there was one. */
    readonly request: CancelRequest | undefined,
    /** Set once nothing that the handler says counts any more. */
    readonly stopped: StopCause | undefined,
  ) {
    super(message);
  }
}

export function cancelCauseOf(cause: Cause): CancelCause {
  switch (cause) {
    case Cause.CLIENT:
      return "CLIENT";
    case Cause.EXPIRY:
      return "EXPIRY";
    case Cause.ATTEMPT_TIMEOUT:
      return "ATTEMPT_TIMEOUT";
    default:
      return "UNKNOWN";
  }
}
