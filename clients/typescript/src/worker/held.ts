// The leases that are held, over all streams.

import type { WorkRequest } from "../_gen/tidemill/v1/worker_service_pb.js";
import type { TaskFacts } from "./messages.js";
import type { CancelRequest } from "./stop.js";

/** One lease. */
export class Held {
  /** How the attempt ended, once it has; kept until the server has answered it, to be said again after a broken stream. */
  settle: WorkRequest | undefined;
  /** The handler was asked to stop. */
  cancel: CancelRequest | undefined;
  /** The registration did not adopt it: that it is lost is said once apart from the settle's own answer. */
  notAdopted = false;
  /** How often the server could not take the settle. */
  refusals = 0;
  /** When the handler that was asked to stop is stopped, or the settle is said again. */
  due: number | undefined;

  constructor(
    readonly token: string,
    readonly task: TaskFacts,
  ) {}
}
