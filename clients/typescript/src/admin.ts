// AdminService: queues and tasks, for looking at.

import type { Queue } from "./_gen/tidemill/v1/admin_service_pb.js";
import { Priority as PriorityNumber, type Task } from "./_gen/tidemill/v1/task_pb.js";
import type { CallOptions } from "./client.js";
import { payloadOf, type Payload } from "./payload.js";
import { taskErrorOf, type TaskError } from "./result.js";
import { stateOf, type Priority, type TaskState } from "./state.js";
import { dateOf, milliseconds } from "./time.js";

/** One page of a list. */
export interface Page<T> {
  /** What is on it; possibly nothing, although there are more pages. */
  readonly items: readonly T[];
  /** What to ask for the next page with. `undefined`: this is the last one. */
  readonly next: string | undefined;
}

/** Which page. */
export interface PageOptions extends CallOptions {
  /** Most items on it. */
  readonly pageSize?: number;
  /** {@link Page.next} of the page before. Without it: the first page. */
  readonly page?: string;
}

/** Counters of one queue. */
export interface QueueInfo {
  readonly name: string;
  /** Takes tasks in, but leases none. */
  readonly paused: boolean;
  readonly scheduled: number;
  readonly queued: number;
  readonly running: number;
  /** Finished tasks that are still kept, as the next three. */
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly expired: number;
  /** Bytes of the records of unfinished tasks. */
  readonly bytes: number;
  /** Kinds that have ready tasks. Only `Client.queue` fills it. */
  readonly kinds: readonly KindDepth[];
}

/** Ready tasks of one kind. */
export interface KindDepth {
  readonly kind: string;
  readonly queued: number;
  /** How long its oldest ready task has been waiting. */
  readonly oldestAgeMs: number;
}

/** A task as an administrator sees it. */
export interface TaskInfo {
  readonly taskId: string;
  readonly queue: string;
  readonly kind: string;
  readonly state: TaskState;
  readonly priority: Priority | `PRIORITY_${number}`;
  /** The attempt that runs or ran last, from 1; 0: not leased yet. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly failures: number;
  readonly crashes: number;
  readonly releases: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly input: Payload | undefined;
  readonly output: Payload | undefined;
  readonly error: TaskError | undefined;
  readonly createTime: Date | undefined;
  readonly dueTime: Date | undefined;
  readonly startTime: Date | undefined;
  readonly finishTime: Date | undefined;
  readonly purgeTime: Date | undefined;
  readonly attemptTimeoutMs: number | undefined;
  readonly lastSequence: number;
  readonly fence: number;
  readonly cancelRequested: boolean;
  readonly cancelReason: string;
}

export function pageOf<T>(items: readonly T[], token: string): Page<T> {
  return { items, next: token === "" ? undefined : token };
}

export function queueOf(queue: Queue): QueueInfo {
  const { name, paused, kinds } = queue;
  return {
    name,
    paused,
    scheduled: Number(queue.scheduled),
    queued: Number(queue.queued),
    running: Number(queue.running),
    succeeded: Number(queue.succeeded),
    failed: Number(queue.failed),
    cancelled: Number(queue.cancelled),
    expired: Number(queue.expired),
    bytes: Number(queue.bytes),
    kinds: kinds.map(({ kind, queued, oldestAge }) => ({
      kind,
      queued: Number(queued),
      oldestAgeMs: oldestAge ? milliseconds(oldestAge) : 0,
    })),
  };
}

export function taskOf(task: Task): TaskInfo {
  const { taskId, queue, kind, attempt, failures, crashes, releases, labels, cancelRequested, cancelReason } = task;
  const number: number = task.priority;
  const priority =
    (PriorityNumber[number] as Priority | undefined) ?? (`PRIORITY_${String(number)}` as `PRIORITY_${number}`);
  return {
    taskId,
    queue,
    kind,
    state: stateOf(task.state),
    priority,
    attempt,
    maxAttempts: task.retryPolicy?.maxAttempts ?? 0,
    failures,
    crashes,
    releases,
    labels: { ...labels },
    input: payloadOf(task.input),
    output: payloadOf(task.output),
    error: taskErrorOf(task.error),
    createTime: dateOf(task.createTime),
    dueTime: dateOf(task.dueTime),
    startTime: dateOf(task.startTime),
    finishTime: dateOf(task.finishTime),
    purgeTime: dateOf(task.purgeTime),
    attemptTimeoutMs: task.attemptTimeout && milliseconds(task.attemptTimeout),
    lastSequence: Number(task.lastSequence),
    fence: Number(task.fence),
    cancelRequested,
    cancelReason,
  };
}
