// The log of a task.

import type { TaskEvent as Message } from "./_gen/tidemill/v1/task_pb.js";
import { invalid } from "./error.js";
import { Payload } from "./payload.js";
import { resultOf, type TaskResult } from "./result.js";
import { causeOf, stateOf, type StateCause, type TaskState } from "./state.js";
import { dateOf } from "./time.js";

/** One numbered entry of a task's log. Which one, says `type`. */
export type TaskEvent = EventBase &
  (StateChanged | ProgressMade | OutputChunk | Truncated | Finished | { readonly type: "unknown" });

/** What every event has. */
export interface EventBase {
  /** Its number, from 1 without holes but those that a `truncated` names. To go on from here, watch after it. */
  readonly sequence: number;
  /** The attempt it belongs to; 0 before the first lease. */
  readonly attempt: number;
  /** When it was stored, by the store's clock. */
  readonly time: Date | undefined;
}

/** The task entered a state, or was asked to stop while running. */
export interface StateChanged {
  readonly type: "stateChanged";
  /** The state from here on. */
  readonly state: TaskState;
  /** Why. */
  readonly cause: StateCause;
}

/** How far the running attempt has come. */
export interface ProgressMade {
  readonly type: "progress";
  /** Share done, 0 to 1. */
  readonly fraction: number;
  /** A short text for people. */
  readonly message: string;
}

/** A piece of output of the running attempt, in the order of sending. */
export interface OutputChunk {
  readonly type: "outputChunk";
  readonly payload: Payload;
}

/** These events, both numbers included, were cut from the log. Only progress and chunks ever are. */
export interface Truncated {
  readonly type: "truncated";
  /** First missing number. */
  readonly fromSequence: number;
  /** Last missing number. */
  readonly toSequence: number;
}

/** How the task ended. Always the last event. */
export interface Finished {
  readonly type: "result";
  readonly result: TaskResult;
}

/** An event as the server sent it. One that this version does not know has the type `unknown`. */
export function eventOf(message: Message): TaskEvent {
  const base = {
    sequence: Number(message.sequence),
    attempt: message.attempt,
    time: dateOf(message.time),
  };
  const { event } = message;
  switch (event.case) {
    case "stateChanged":
      return { ...base, type: "stateChanged", state: stateOf(event.value.state), cause: causeOf(event.value.cause) };
    case "progress":
      return { ...base, type: "progress", fraction: event.value.fraction, message: event.value.message };
    case "outputChunk": {
      const { payload } = event.value;
      return { ...base, type: "outputChunk", payload: payload ? new Payload(payload) : Payload.empty };
    }
    case "truncated": {
      const { fromSequence, toSequence } = event.value;
      return { ...base, type: "truncated", fromSequence: Number(fromSequence), toSequence: Number(toSequence) };
    }
    case "result":
      return { ...base, type: "result", result: resultOf(event.value) };
    default:
      return { ...base, type: "unknown" };
  }
}

/** Where a watch stands in the log of one task: what it has seen, and whether the log is over. */
export class Cursor {
  finished = false;
  /** It was moved while events of before may still be on their way: they are no holes. */
  restarting = false;

  constructor(public lastSequence: number) {
    if (Number.isSafeInteger(lastSequence)) return;
    throw invalid(`after: ${String(lastSequence)} is no whole number that an event could have`);
  }

  /**
   * Moves on. `false`: an event that was seen before. A hole in the numbers is told as text: the log is complete or says what is not there.
   */
  accept(event: TaskEvent): boolean | string {
    const expected = this.lastSequence + 1;
    const first = event.type === "truncated" ? event.fromSequence : event.sequence;
    if (first > expected && this.restarting) return false;
    this.restarting = false;
    if (first > expected) {
      return `event ${String(first)} came where ${String(expected)} was due, and nothing says why`;
    }
    // The result is sent even if the cursor is its own number.
    this.finished = event.type === "result";
    if (event.sequence < expected && !this.finished) return false;
    this.lastSequence = Math.max(this.lastSequence, event.sequence);
    return true;
  }
}
