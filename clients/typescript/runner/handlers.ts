// The handlers that every runner has.

import { setTimeout as sleep } from "node:timers/promises";

import { Failure, type Client, type Handler } from "../src/index.js";

const held = new Map<string, () => void>();
const free = new Set<string>();

/** The `conf.hold` handler of that task goes on, now or when it gets there. */
export function letGo(taskId: string): void {
  free.add(taskId);
  held.get(taskId)?.();
}

export function handlers(client: () => Client): Record<string, Handler> {
  return {
    "conf.echo": (task) => task.payload,
    "conf.fail": (task) => {
      throw new Failure(task.payload.text ?? "", { type: "Conf" });
    },
    "conf.permanent": (task) => {
      throw Failure.permanent(task.payload.text ?? "");
    },
    "conf.retry_after": (task) => {
      if (task.attempt === 1) throw Failure.retryAfter(600, "not yet");
      return "later";
    },
    "conf.flaky": (task) => {
      if (task.attempt === 1) throw new Failure("too early", { type: "TooEarly" });
      return task.lastError?.type ?? "";
    },
    "conf.throw": () => {
      throw new Error("boom");
    },
    "conf.facts": (task) => ({
      task_id: task.taskId,
      queue: task.queue,
      kind: task.kind,
      attempt: task.attempt,
      max_attempts: task.maxAttempts,
      fence: task.fence,
      labels: task.labels,
      traceparent: task.traceContext?.traceparent ?? "",
      content_type: task.payload.contentType,
    }),
    "conf.report": async (task) => {
      const { chunks } = task.payload.json<{ chunks: number }>();
      task.progress(0.5, "half");
      for (let piece = 0; piece < chunks; piece += 1) await task.chunk(`piece ${String(piece)}`);
      return "done";
    },
    "conf.wait_cancel": async (task) => {
      await task.cancelled();
      throw Failure.cancelled();
    },
    "conf.ignore_cancel": async (task) => {
      await task.cancelled();
      return "anyway";
    },
    "conf.deaf": (task) =>
      new Promise((_, reject) => {
        task.stopped.addEventListener("abort", () => reject(task.stopped.reason as Error));
      }),
    "conf.stubborn": async (task) => {
      await sleep(task.payload.json<{ ms: number }>().ms);
      return "stubborn";
    },
    "conf.hold": async (task) => {
      if (!free.has(task.taskId)) {
        await new Promise<void>((resolve) => {
          held.set(task.taskId, resolve);
        });
      }
      return "kept";
    },
    "conf.block": (task) => {
      const until = performance.now() + task.payload.json<{ ms: number }>().ms;
      while (performance.now() < until);
      return "blocked";
    },
    "conf.bad_output": () => ({ callback: () => "no JSON" }),
    "conf.enqueue": async () => (await client().enqueue({ kind: "conf.nobody" })).taskId,
  };
}
