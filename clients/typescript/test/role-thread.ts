// A worker role on a thread of its own, for a test that blocks its own: assigns one task and says how many echoes came until it was settled.

import { parentPort } from "node:worker_threads";

import { Server, until } from "./fake-server.js";
import { FakeRole } from "./fake-worker-role.js";

const role = new FakeRole();
const server = await Server.start(role.routes);
parentPort?.postMessage({ url: server.url });
const stream = await role.stream(1);
stream.assign("a", "block");
await until(() => role.streams.some((one) => one.all("complete").length + one.all("fail").length > 0));
parentPort?.postMessage({ streams: role.streams.length, echoes: stream.all("echo").length });
