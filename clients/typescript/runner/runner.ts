// The conformance runner: does what stdin says, tells on stdout what the client made of it. See clients/conformance/README.md.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { Client, Worker, type WorkerEvent } from "../src/index.js";
import { handlers, letGo } from "./handlers.js";
import { errorFacts, eventFacts, resultFacts, taskOf, type TaskFields } from "./facts.js";

interface Command {
  id: number;
  op: string;
  [field: string]: unknown;
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

let client: Client | undefined;
const workers = new Map<string, { worker: Worker; ended: Promise<Error | undefined> }>();

function current(): Client {
  if (!client) throw new Error("no client yet");
  return client;
}

const text = (command: Command, field: string): string => (command[field] as string | undefined) ?? "";

const operations: Record<string, (command: Command) => Promise<object> | object> = {
  client(command) {
    client?.close();
    const optional: Record<string, unknown> = {
      url: command["url"],
      resultsUrl: command["results_url"],
      workerUrl: command["worker_url"],
      timeoutMs: command["timeout_ms"],
      maxTries: command["max_tries"],
      tls: typeof command["ca"] === "string" ? { ca: readFileSync(command["ca"]) } : undefined,
    };
    client = new Client(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)));
    return {};
  },

  async enqueue(command) {
    const { taskId, state, deduplicated } = await current().enqueue(taskOf(command["task"] as TaskFields));
    return { task_id: taskId, state, deduplicated };
  },

  async enqueue_batch(command) {
    const outcomes = await current().enqueueBatch((command["tasks"] as TaskFields[]).map(taskOf));
    return {
      outcomes: outcomes.map((outcome) => {
        if (!outcome.ok) return { error: errorFacts(outcome.error) };
        const { taskId, state, deduplicated } = outcome.enqueued;
        return { ok: { task_id: taskId, state, deduplicated } };
      }),
    };
  },

  async result(command) {
    const wait = command["wait_ms"] as number | undefined;
    const id = text(command, "task_id");
    const found = await (wait === undefined ? current().result(id) : current().wait(id, wait));
    return {
      ...resultFacts(found),
      task_id: found.taskId,
      attempt: found.attempt,
      last_sequence: found.lastSequence,
      cancel_requested: found.cancelRequested,
    };
  },

  async cancel(command) {
    const { state, cancelRequested } = await current().cancel(text(command, "task_id"), text(command, "reason"));
    return { state, cancel_requested: cancelRequested };
  },

  watch(command) {
    void follow(text(command, "watch"), text(command, "task_id"), (command["after"] as number | undefined) ?? 0);
    return {};
  },

  watch_many(command) {
    void followMany(text(command, "watch"), command["targets"] as { task_id: string; after?: number }[]);
    return {};
  },

  async health() {
    return { status: await current().health() };
  },

  worker_start: startWorker,

  let_go(command) {
    letGo(text(command, "task_id"));
    return {};
  },

  worker_health(command) {
    const found = workers.get(text(command, "worker"));
    if (!found) throw new Error("no such worker");
    return { healthy: found.worker.isHealthy, status: found.worker.status };
  },

  async worker_stop(command) {
    const found = workers.get(text(command, "worker"));
    if (!found) throw new Error("no such worker");
    found.worker.stop();
    const error = await found.ended;
    if (error !== undefined) throw error;
    return {};
  },
};

async function follow(watch: string, taskId: string, after: number): Promise<void> {
  try {
    for await (const event of current().watch(taskId, { after })) {
      say({ watch, task_id: taskId, ...eventFacts(event) });
    }
    say({ watch, end: true });
  } catch (thrown) {
    say({ watch, task_id: taskId, error: errorFacts(thrown) });
  }
}

async function followMany(watch: string, targets: { task_id: string; after?: number }[]): Promise<void> {
  try {
    const many = current().watchMany();
    for (const target of targets) many.add(target.task_id, target.after ?? 0);
    for await (const { taskId, event, error } of many.end()) {
      say({ watch, task_id: taskId, ...(event ? eventFacts(event) : { error: errorFacts(error) }) });
    }
    say({ watch, end: true });
  } catch (thrown) {
    say({ watch, error: errorFacts(thrown) });
  }
}

function startWorker(command: Command): object {
  const name = text(command, "worker");
  const options: Record<string, unknown> = {
    queues: command["queues"],
    concurrency: command["concurrency"],
    graceMs: command["grace_ms"],
    cancelGraceMs: command["cancel_grace_ms"],
    onEvent: (event: WorkerEvent) => {
      say({ worker: name, ...workerFacts(event) });
    },
  };
  const worker = new Worker(
    current(),
    Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
  );
  const known = handlers(current);
  const kinds = (command["kinds"] as string[] | undefined) ?? Object.keys(known);
  for (const kind of kinds) {
    const handler = known[kind];
    if (!handler) throw new Error(`no handler for ${kind}`);
    worker.handle(kind, handler);
  }
  let stopped = false;
  const stop = worker.stop.bind(worker);
  worker.stop = () => {
    stopped = true;
    stop();
  };
  const ended = worker.run().then(
    () => undefined,
    (thrown: unknown) => thrown as Error,
  );
  workers.set(name, { worker, ended });
  void ended.then((error) => {
    say({ worker: name, event: "ended", ...(error === undefined || stopped ? {} : { error: errorFacts(error) }) });
  });
  // What is wrong with the setup as a whole is said by `run`, before anything else happens.
  if (kinds.length === 0) return ended.then((error) => Promise.reject(error ?? new Error("it ran without a handler")));
  return {};
}

function workerFacts(event: WorkerEvent): object {
  switch (event.type) {
    case "disconnected":
      return { event: "disconnected", error: errorFacts(event.error) };
    case "started":
      return { event: "started", task_id: event.task.taskId, attempt: event.task.attempt };
    case "settled":
      return { event: "settled", task_id: event.task.taskId, attempt: event.task.attempt, state: event.state };
    case "leaseLost":
      return { event: "lease_lost", task_id: event.task.taskId };
    case "refused":
      return { event: "refused", task_id: event.task.taskId, message: event.message };
    default:
      return { event: event.type };
  }
}

async function obey(line: string): Promise<void> {
  const command = JSON.parse(line) as Command;
  const { id, op } = command;
  const operation = operations[op];
  try {
    if (!operation) throw new Error(`no operation ${op}`);
    say({ id, ok: await operation(command) });
  } catch (thrown) {
    say({ id, error: errorFacts(thrown) });
  }
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  if (line.trim() !== "") void obey(line);
});
lines.on("close", () => {
  process.exit(0);
});
