// How a task stands, and how it ended.

import type { GetResultResponse } from "./_gen/tidemill/v1/results_service_pb.js";
import type { TaskError as ErrorMessage, TaskResult as ResultMessage } from "./_gen/tidemill/v1/task_pb.js";
import { payloadOf, type Payload } from "./payload.js";
import { reasonOf, stateOf, type ErrorReason, type TaskState } from "./state.js";
import { dateOf } from "./time.js";

/** Why an attempt or a task failed. */
export interface TaskError {
  /** The cause, e.g. `HANDLER_FAILED`. */
  readonly reason: ErrorReason | (string & {});
  /** What the handler said, or the server's words. */
  readonly message: string;
  /** The handler's own error type; empty if it named none. */
  readonly type: string;
  /** True if the handler said that another attempt would be of no use. */
  readonly permanent: boolean;
}

/** How a task ended. */
export interface TaskResult {
  /** A terminal state. */
  readonly state: TaskState;
  /** The output, if it succeeded. */
  readonly output: Payload | undefined;
  /** The error, if it failed. */
  readonly error: TaskError | undefined;
}

/** How a task stands: the answer to `Client.result`. */
export interface TaskSnapshot {
  /** The task. */
  readonly taskId: string;
  /** Its state. */
  readonly state: TaskState;
  /** The attempt that runs or ran last, from 1; 0: not leased yet. */
  readonly attempt: number;
  /** The output, if it succeeded. */
  readonly output: Payload | undefined;
  /** The error, if it failed; otherwise that of the latest attempt that failed, if any. */
  readonly error: TaskError | undefined;
  /** When it was enqueued. */
  readonly createTime: Date | undefined;
  /** When its current or last attempt was leased. */
  readonly startTime: Date | undefined;
  /** When it finished. */
  readonly finishTime: Date | undefined;
  /** Number of the last event of its log. */
  readonly lastSequence: number;
  /** True if a cancel request waits for the handler's answer. */
  readonly cancelRequested: boolean;
}

export function taskErrorOf(error: ErrorMessage | undefined): TaskError | undefined {
  if (!error) return undefined;
  const { message, type, permanent } = error;
  return { reason: reasonOf(error.reason), message, type, permanent };
}

export function resultOf(result: ResultMessage): TaskResult {
  return { state: stateOf(result.state), output: payloadOf(result.output), error: taskErrorOf(result.error) };
}

export function snapshotOf(answer: GetResultResponse): TaskSnapshot {
  return {
    taskId: answer.taskId,
    state: stateOf(answer.state),
    attempt: answer.attempt,
    output: payloadOf(answer.output),
    error: taskErrorOf(answer.error),
    createTime: dateOf(answer.createTime),
    startTime: dateOf(answer.startTime),
    finishTime: dateOf(answer.finishTime),
    lastSequence: Number(answer.lastSequence),
    cancelRequested: answer.cancelRequested,
  };
}
