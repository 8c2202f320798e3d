// Names of the contract's enums, without their prefixes. A number that this version does not know survives as text.

import * as pb from "./_gen/tidemill/v1/task_pb.js";
import { ErrorReason as Reason } from "./_gen/tidemill/v1/error_pb.js";

/** Where a task stands. The last four are terminal and never change. `TASK_STATE_n` is one that this version does not know. */
export type TaskState =
  "SCHEDULED" | "QUEUED" | "RUNNING" | "SUCCEEDED" | "FAILED" | "CANCELLED" | "EXPIRED" | `TASK_STATE_${number}`;

/** Order among the ready tasks of one queue and kind. */
export type Priority = "LOW" | "NORMAL" | "HIGH" | "URGENT";

/** Why a task changed its state. */
export type StateCause = Exclude<keyof typeof pb.StateCause, "UNSPECIFIED"> | `STATE_CAUSE_${number}`;

/** Machine-readable failures of the contract. */
export type ErrorReason = Exclude<keyof typeof Reason, "UNSPECIFIED">;

const TERMINAL: ReadonlySet<string> = new Set(["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"]);

/** True for the states that never change. */
export function isTerminal(state: TaskState): boolean {
  return TERMINAL.has(state);
}

/** The state of the contract's number. */
export function stateOf(number: number): TaskState {
  return nameOf(pb.TaskState, number, "TASK_STATE") as TaskState;
}

/** The contract's number of a state. */
export function stateNumber(state: TaskState): pb.TaskState {
  const numbers: Partial<Record<string, unknown>> = pb.TaskState;
  return (numbers[state] ?? Number(state.replace("TASK_STATE_", ""))) as pb.TaskState;
}

/** The cause of the contract's number. */
export function causeOf(number: number): StateCause {
  return nameOf(pb.StateCause, number, "STATE_CAUSE") as StateCause;
}

/** The reason's name of the contract's number. */
export function reasonOf(number: number): string {
  return nameOf(Reason, number, "ERROR_REASON");
}

function nameOf(names: Record<number, string>, number: number, prefix: string): string {
  const name = number === 0 ? undefined : names[number];
  return name ?? `${prefix}_${String(number)}`;
}
