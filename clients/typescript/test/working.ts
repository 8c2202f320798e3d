// A worker at work against a role that does what a test says.

import type { TestContext } from "node:test";

import {
  Client,
  Worker,
  type ClientOptions,
  type Handler,
  type WorkerEvent,
  type WorkerOptions,
} from "../src/index.js";
import { changed, Gate, Server } from "./fake-server.js";
import { FakeRole } from "./fake-worker-role.js";

/** How the worker, its client and the role are set up. */
export interface Setup extends WorkerOptions {
  readonly client?: Omit<ClientOptions, "url">;
  /** Registrations wait until the role's gate is opened. */
  readonly gated?: boolean;
  readonly pingEveryMs?: number;
}

/** A worker with these handlers; stopped when the test is over. */
export async function working(t: TestContext, handlers: Record<string, Handler>, setup: Setup = {}) {
  const { client: clientOptions = {}, gated = false, pingEveryMs, ...options } = setup;
  const role = new FakeRole();
  if (gated) role.gate = new Gate();
  if (pingEveryMs !== undefined) role.pingEveryMs = pingEveryMs;
  const server = await Server.start(role.routes);
  const events: WorkerEvent[] = [];
  const client = new Client({ ...clientOptions, url: server.url });
  const onEvent = (event: WorkerEvent) => {
    events.push(event);
    changed();
  };
  const worker = new Worker(client, { graceMs: 100, ...options, onEvent });
  for (const [kind, handler] of Object.entries(handlers)) worker.handle(kind, handler);
  const running = worker.run();
  t.after(async () => {
    role.gate?.open();
    worker.stop();
    await running.catch(() => undefined);
    client.close();
    await server.stop();
  });
  const types = () => events.map((event) => event.type);
  return { role, server, worker, running, events, types, stream: await role.stream(1) };
}

/** A value that a handler waits for. */
export class Later<T> {
  #resolve!: (value: T) => void;
  readonly value = new Promise<T>((resolve) => {
    this.#resolve = resolve;
  });
  /** A handler waits. */
  awaited = false;

  /** For a handler: waits. */
  get(): Promise<T> {
    this.awaited = true;
    changed();
    return this.value;
  }

  say(value: T): void {
    this.#resolve(value);
  }
}
