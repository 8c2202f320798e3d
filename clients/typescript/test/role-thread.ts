// A worker role on a thread of its own, for a test that blocks its own: assigns one task and lets its handler go after some echoes.

import { parentPort, workerData } from "node:worker_threads";

import { Server, until } from "./fake-server.js";
import { FakeRole } from "./fake-worker-role.js";

/** What the handler waits for. */
export interface BlockSetup {
  readonly echoed: Int32Array;
}

/** How it went. */
export interface BlockResult {
  readonly streams: number;
  readonly outputs: unknown[];
}

const { echoed } = workerData as BlockSetup;
const role = new FakeRole();
role.pingEveryMs = 1_000;
const server = await Server.start(role.routes);
parentPort?.postMessage({ url: server.url });
const stream = await role.stream(1);
stream.assign("a", "block");
await until(() => stream.all("progress").length > 0);
const before = stream.all("echo").length;
// More than the silence after which either side would give the stream up.
await until(() => stream.all("echo").length >= before + 4);
Atomics.store(echoed, 0, 1);
Atomics.notify(echoed, 0);
await until(() => stream.all("complete").length + stream.all("fail").length > 0);
const outputs = stream.all("complete").map(({ output }) => output?.content.value);
parentPort?.postMessage({ streams: role.streams.length, outputs } satisfies BlockResult);
