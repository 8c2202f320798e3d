// A worker role on a thread of its own, for a test whose handler blocks its thread and does not end when it is asked to.

import { once } from "node:events";
import { parentPort } from "node:worker_threads";

import { Gate, Server, until } from "./fake-server.js";
import { FakeRole } from "./fake-worker-role.js";

/** What the test and its handler need. */
export interface StuckSetup {
  readonly url: string;
  /** The handler blocks until this is set. */
  readonly go: Int32Array;
}

const go = new Int32Array(new SharedArrayBuffer(4));
const role = new FakeRole();
const server = await Server.start(role.routes);
parentPort?.postMessage({ url: server.url, go } satisfies StuckSetup);
const stream = await role.stream(1);
stream.assign("a", "block");
await until(() => stream.all("progress").length > 0);
stream.say({ case: "cancelRequested", value: { leaseToken: "a" } });
await until(() => stream.all("credits").length === 1);
// Another stream is being registered when the thread listens again.
const gate = new Gate();
role.gate = gate;
server.cut();
const next = await role.stream(2);
Atomics.store(go, 0, 1);
Atomics.notify(go, 0);
await once(parentPort!, "message");
gate.open();
await until(() => next.all("credits").length === 1);
const said = [...stream.all("credits"), next.register, ...next.all("credits")];
parentPort?.postMessage(said.map(({ credits }) => credits));
