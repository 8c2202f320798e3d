// The leases that are held, over all streams.

import type { Refused, WorkRequest } from "../_gen/tidemill/v1/worker_service_pb.js";
import type { TaskFacts } from "./messages.js";
import type { CancelRequest } from "./stop.js";

/** A settle that was refused so often, with reports on their way before it, is what was refused. */
const MOST_SAYS = 3;

/** One lease. */
export class Held {
  /** Its handler was started, and the user was told so. */
  started = false;
  /** How its handler ended, from the moment on: its report waits in line for room on a stream, after the handler's other reports. */
  ended: WorkRequest | undefined;
  /** How the attempt ended, once that was said; kept until the server has answered it, to be said again after a broken stream. */
  settle: WorkRequest | undefined;
  /** The handler was asked to stop. */
  cancel: CancelRequest | undefined;
  /** The registration did not adopt it: that it is lost is said once apart from the settle's own answer. */
  notAdopted = false;
  /** How often the server could not take the settle. */
  refusals = 0;
  /** When the handler that was asked to stop is stopped, or the settle is said again. */
  due: number | undefined;
  /** Progress and chunks that were sent over this stream, and not refused. */
  #reports = 0;
  /** How often the settle was said over this stream. */
  #says = 0;

  constructor(
    readonly token: string,
    readonly task: TaskFacts,
  ) {}

  /** Nothing more can be said of this lease by its handler. */
  get over(): boolean {
    return this.settle !== undefined || this.ended !== undefined;
  }

  /** Progress or a chunk is sent. */
  reports(): void {
    this.#reports += 1;
  }

  /** The settle is sent. */
  says(settle: WorkRequest): WorkRequest {
    if (this.settle !== settle) this.#says = 0;
    this.settle = settle;
    this.due = undefined;
    this.#says += 1;
    return settle;
  }

  /** A new stream: what was sent over the one before has no answer to come. */
  moves(): void {
    [this.#reports, this.#says] = [0, 0];
  }

  /**
   * Whether the settle can never be taken. A refusal does not say what was refused: as long as it may have been a report that was sent before the settle,
   * the settle's own answer is still to come, and to say it again is harmless.
   */
  isFinal({ reason, outcomeUnknown }: Refused): boolean {
    if (reason !== "INVALID_REQUEST" || outcomeUnknown) return false;
    if (this.#reports === 0 || this.#says >= MOST_SAYS) return true;
    this.#reports -= 1;
    return false;
  }

  /** A report was refused while the handler runs. */
  reportRefused(): void {
    this.#reports = Math.max(0, this.#reports - 1);
  }
}
