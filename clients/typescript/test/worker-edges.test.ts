// A worker at the edges of its streams: what is under way while they open, break, drain and end.

import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { Worker as Thread } from "node:worker_threads";

import { Client, Failure, StopError, Worker, type Context } from "../src/index.js";
import { changed, Gate, until } from "./fake-server.js";
import type { StuckSetup } from "./stuck-thread.js";
import { Later, working } from "./working.js";

const refusedAs = (leaseToken: string, reason: string) => ({
  case: "refused" as const,
  value: { leaseToken, reason, message: "no" },
});
const cancelOf = (leaseToken: string) => ({ case: "cancelRequested" as const, value: { leaseToken } });

/** A handler that does not listen, its tasks, and what they were stopped with. */
function deaf() {
  const tasks: Context[] = [];
  const stopped: (string | undefined)[] = [];
  const handler = (task: Context) => {
    task.signal.addEventListener("abort", changed);
    tasks.push(task);
    let told = 0;
    const look = setInterval(() => {
      // The first reason of the signal is the request: that it was stopped is told by whatever it tries to send.
      task.chunk("still here").catch((thrown: unknown) => {
        clearInterval(look);
        if (thrown instanceof StopError && (told += 1) === 1) stopped.push(thrown.stopped);
        changed();
      });
    }, 20);
    return new Promise(() => undefined);
  };
  return { tasks, stopped, handler };
}

test("refused reports are not taken for the refusal of the settle that was said after them", async (t) => {
  const { stream, events } = await working(t, {
    report: async (task) => {
      await task.chunk("one");
      await task.chunk("two");
      return "done";
    },
  });
  stream.answerSettles = false;
  stream.assign("a", "report");
  await until(() => stream.all("complete").length === 1);
  stream.say(refusedAs("a", "INVALID_REQUEST"));
  stream.say(refusedAs("a", "INVALID_REQUEST"));
  await until(() => stream.all("complete").length === 2);
  stream.say({ case: "settled", value: { leaseToken: "a" } });
  await until(() => events.some((event) => event.type === "settled"));
  assert.equal(stream.all("fail").length, 0);
});

test("a settle that is refused each time fails the task for good, although reports were sent before it", async (t) => {
  const { stream } = await working(t, {
    report: async (task) => {
      for (let piece = 0; piece < 5; piece += 1) await task.chunk("x");
      return "an output that is never taken";
    },
  });
  stream.answerSettles = false;
  stream.assign("a", "report");
  for (let said = 1; said <= 3; said += 1) {
    await until(() => stream.all("complete").length === said);
    stream.say(refusedAs("a", "INVALID_REQUEST"));
  }
  await until(() => stream.all("fail").length === 1);
  assert.ok(stream.all("fail")[0]?.permanent);
  stream.say({ case: "settled", value: { leaseToken: "a" } });
});

test("a reason that this version does not know is not the end of a settle", async (t) => {
  const { stream } = await working(t, { echo: (task) => task.payload });
  stream.answerSettles = false;
  stream.assign("a", "echo");
  await until(() => stream.all("complete").length === 1);
  stream.say(refusedAs("a", "SOMETHING_NEW"));
  await until(() => stream.all("complete").length === 2);
  stream.say({ case: "settled", value: { leaseToken: "a" } });
});

test("a stop whose grace ends before the stream is back gives back what runs, and not what has finished", async (t) => {
  const output = new Later<string>();
  const { stopped, handler } = deaf();
  const handlers = { hold: () => output.get(), deaf: handler };
  const { role, server, stream, worker, running, types } = await working(t, handlers, { graceMs: 300 });
  stream.assign("finished", "hold");
  stream.assign("deaf", "deaf");
  await until(() => output.awaited && types().filter((type) => type === "started").length === 2);
  const gate = new Gate();
  role.gate = gate;
  server.cut();
  await until(() => types().includes("disconnected"));
  output.say("done");
  // It has ended before the stop.
  await new Promise(setImmediate);
  worker.stop();
  await until(() => stopped.length === 1);
  assert.deepEqual(stopped, ["worker_stopped"]);
  gate.open();
  await running;
  const [, last] = role.streams;
  assert.deepEqual(
    last?.all("complete").map((complete) => complete.leaseToken),
    ["finished"],
  );
  assert.deepEqual(
    last.all("release").map((release) => [release.leaseToken, release.draining]),
    [["deaf", true]],
  );
});

test("a cancel whose grace ends before the stream is back does not replace what the handler said", async (t) => {
  const output = new Later<string>();
  const { tasks, stopped, handler } = deaf();
  const { role, server, stream, types } = await working(
    t,
    { hold: () => output.get(), deaf: handler },
    { cancelGraceMs: 3_000 },
  );
  stream.assign("asked", "hold");
  stream.assign("deaf", "deaf");
  await until(() => output.awaited && types().filter((type) => type === "started").length === 2);
  const gate = new Gate();
  role.gate = gate;
  // The deaf one is asked later, so that the other's grace is over when it is stopped.
  stream.say(cancelOf("asked"));
  stream.say(cancelOf("deaf"));
  await until(() => tasks[0]?.cancelRequest !== undefined);
  server.cut();
  await until(() => types().includes("disconnected"));
  output.say("done");
  await until(() => stopped.length === 1);
  gate.open();
  const next = await role.stream(2);
  await until(() => next.all("complete").length + next.all("release").length >= 2);
  assert.deepEqual(
    next.all("complete").map((complete) => complete.leaseToken),
    ["asked"],
  );
  assert.deepEqual(
    next.all("release").map((release) => [release.leaseToken, release.cancelled]),
    [["deaf", true]],
  );
});

test("a stop while a registration is under way: what is assigned to it goes back with the half-close, and nothing runs", async (t) => {
  const { role, stream, worker, running, types } = await working(t, { a: () => "ran" }, { gated: true });
  worker.stop();
  await until(() => types().includes("draining"));
  role.gate?.open();
  await until(() => stream.registered);
  stream.assign("late", "a");
  await running;
  assert.deepEqual([stream.halfClosed, types()], [true, ["draining"]]);
});

test("a stop while a lease is carried over: an assignment that comes with it is given back uncharged and does not run", async (t) => {
  const output = new Later<string>();
  const { role, server, stream, worker, running, types } = await working(
    t,
    { hold: () => output.get() },
    { graceMs: 20_000 },
  );
  stream.assign("held", "hold");
  await until(() => output.awaited);
  role.gate = new Gate();
  server.cut();
  const next = await role.stream(2);
  worker.stop();
  await until(() => types().includes("draining"));
  role.gate.open();
  await until(() => next.registered);
  next.assign("late", "hold");
  await until(() => next.all("release").length === 1);
  assert.deepEqual(
    next.all("release").map((release) => [release.leaseToken, release.draining]),
    [["late", true]],
  );
  output.say("done");
  await running;
  assert.deepEqual([next.all("complete").length, next.halfClosed], [1, true]);
  assert.equal(types().filter((type) => type === "started").length, 1);
});

test("a stop while nobody answers at the address ends at once", async (t) => {
  const { server, worker, running, types } = await working(t, { a: () => "" });
  await until(() => types().includes("connected"));
  await server.stop();
  await until(() => types().includes("disconnected"));
  worker.stop();
  await running;
  assert.equal(worker.status.state, "ended");
});

test("what a draining replica assigns after the next registration is on its way is run, and named by another one", async (t) => {
  const output = new Later<string>();
  const { role, stream, types } = await working(t, { hold: () => output.get() });
  await until(() => types().includes("connected"));
  const gate = new Gate();
  role.gate = gate;
  stream.say({ case: "drain", value: {} });
  const second = await role.stream(2);
  assert.deepEqual(second.register.held, []);
  stream.assign("late", "hold");
  await until(() => output.awaited);
  gate.open();
  const third = await role.stream(3);
  assert.deepEqual(third.register.held, ["late"]);
  await until(() => second.over);
  assert.deepEqual([stream.halfClosed, second.halfClosed], [false, false]);
  output.say("done");
  await until(() => third.all("complete").length === 1);
  assert.ok(!types().includes("leaseLost"));
});

test("texts that are too long are cut at a character, and what cannot be said at all still fails the attempt", async (t) => {
  const { stream, role } = await working(t, {
    long: (task) => {
      task.progress(0.5, "é".repeat(10_000));
      throw new Failure("é".repeat(3_000_000), { type: "€".repeat(1_000) });
    },
    bare: () => {
      throw Object.create(null);
    },
    half: () => {
      throw new Failure("\ud800", { type: 7 as unknown as string });
    },
  });
  for (const kind of ["long", "bare", "half"]) stream.assign(kind, kind);
  await until(() => stream.all("fail").length === 3);
  const failures = Object.fromEntries(stream.all("fail").map((fail) => [fail.leaseToken, fail]));
  assert.equal(failures["long"]?.message, "é".repeat(4_096));
  assert.equal(failures["long"].type, "€".repeat(85));
  const [progress] = stream.all("progress");
  assert.ok(progress?.report.case === "progress");
  assert.equal(progress.report.value.message, "é".repeat(512));
  assert.match(failures["bare"]?.message ?? "", /no text/);
  assert.deepEqual([failures["half"]?.message, failures["half"]?.type], ["\ufffd", "7"]);
  assert.equal(role.streams.length, 1, "the stream bore it");
});

test("a stream that the server ends with a word of refusal is followed by another, which tells whether it is meant for good", async (t) => {
  const { stream, role, types } = await working(t, { a: () => "ran" });
  await until(() => types().includes("connected"));
  stream.refuse("PROTOCOL_VIOLATION");
  const next = await role.stream(2);
  next.assign("a", "a");
  await until(() => next.all("complete").length === 1);
});

test(
  "a worker whose thread is kept busy by a handler that does not end is given no more tasks until it does",
  { timeout: 120_000 },
  async (t) => {
    const role = new Thread(new URL("./stuck-thread.js", import.meta.url));
    t.after(() => role.terminate());
    const [{ url, go }] = (await once(role, "message")) as [StuckSetup];
    const client = new Client(url);
    const worker = new Worker(client, { cancelGraceMs: 100, graceMs: 100 }).handle("block", (task) => {
      task.progress(0);
      // Nothing runs on this thread until the role has seen what it wants to see.
      const ended = Atomics.wait(go, 0, 0, 60_000);
      // The role goes on when this thread has heard what was said to it meanwhile: between a timer and an immediate Node looks at its messages.
      setTimeout(() => setImmediate(() => role.postMessage("listening")), 0);
      return ended;
    });
    const running = worker.run();
    t.after(() => worker.stop());
    const [credits] = (await once(role, "message")) as [number[]];
    assert.deepEqual(credits, [0, 0, 16], "none while it is stuck, none at the registration, then all");
    worker.stop();
    await running;
  },
);
