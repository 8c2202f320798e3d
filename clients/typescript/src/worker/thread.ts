// Where the session's thread begins.

import { parentPort, workerData } from "node:worker_threads";

import { Pulse, type ThreadData, type ToSession } from "./messages.js";
import { Session } from "./session.js";

const { settings, pulse } = workerData as ThreadData;
const port = parentPort;
if (!port) throw new Error("this module is the worker's thread: it is started by Worker.run");

const session = new Session(
  settings,
  (message) => {
    port.postMessage(message);
    // Nothing keeps the thread from here on.
    if (message.say === "ended") port.close();
  },
  new Pulse(pulse),
);
port.on("message", (message: ToSession) => {
  session.told(message);
});
session.start();
