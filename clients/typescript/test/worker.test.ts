// Workers against a role that does what a test says.

import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { Worker as Thread } from "node:worker_threads";

import { CancelCause } from "../src/_gen/tidemill/v1/worker_service_pb.js";
import {
  Client,
  currentTraceContext,
  Failure,
  StopError,
  Worker,
  type Context,
  type WorkerEvent,
} from "../src/index.js";
import { changed, errorOf, Gate, until } from "./fake-server.js";
import { Pulse } from "../src/worker/messages.js";
import type { BlockResult, BlockSetup } from "./role-thread.js";
import { Later, working } from "./working.js";

test("a setup that cannot work is refused by name", async () => {
  const client = new Client();
  const handler = () => "";
  assert.throws(() => new Worker(client).handle("a", handler).handle("a", handler), /kind `a` has two handlers/);
  assert.throws(() => new Worker(client, { concurrency: 0 }), /concurrency 0/);
  assert.throws(() => new Worker(client, { graceMs: -1 }), /graceMs/);
  assert.equal((await errorOf(new Worker(client).run())).kind, "invalid");
});

test("what a handler returns or throws becomes what is said of its attempt", async (t) => {
  class CardDeclined extends Error {}
  const { stream } = await working(t, {
    text: (task) => `${task.payload.text ?? ""} ${String(task.fence)}`,
    nothing: () => undefined,
    throws: () => {
      throw new CardDeclined("no money", { cause: new Error("balance 0") });
    },
    rejects: () => Promise.reject(new Failure("later", { type: "T", retryAfterMs: 1_500 })),
    dead: () => {
      throw Failure.permanent("for good");
    },
    odd: () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      throw "a string";
    },
    big: () => new Uint8Array(5 * 1024 * 1024),
    strange: () => ({ number: 1n }),
    back: () => {
      throw Failure.release();
    },
  });
  const kinds = ["text", "nothing", "throws", "rejects", "dead", "odd", "big", "strange", "back"];
  for (const kind of kinds) stream.assign(kind, kind, { payload: { content: { case: "text", value: "hi" } } });
  await until(() => stream.heard.filter((message) => message.case !== "echo").length >= kinds.length);
  const outputs = stream.all("complete").map(({ leaseToken, output }) => [leaseToken, output?.content.value]);
  assert.deepEqual(outputs, [
    ["text", "hi 7"],
    ["nothing", undefined],
  ]);
  const failures = Object.fromEntries(stream.all("fail").map((fail) => [fail.leaseToken, fail]));
  assert.deepEqual(
    [failures["throws"]?.message, failures["throws"]?.type, failures["throws"]?.permanent],
    ["no money: balance 0", "CardDeclined", false],
  );
  assert.deepEqual([failures["rejects"]?.type, failures["rejects"]?.retryAfter?.seconds], ["T", 1n]);
  assert.equal(failures["dead"]?.permanent, true);
  assert.deepEqual([failures["odd"]?.message, failures["odd"]?.type], ["a string", "string"]);
  assert.deepEqual([failures["big"]?.type, failures["big"]?.permanent], ["OutputTooLarge", true]);
  assert.deepEqual([failures["strange"]?.type, failures["strange"]?.permanent], ["OutputNotSerialisable", true]);
  assert.match(failures["strange"]?.message ?? "", /\$\.number is a bigint/);
  assert.deepEqual(
    stream.all("release").map((release) => [release.leaseToken, release.cancelled]),
    [["back", false]],
  );
});

test("a handler that blocks its thread does not stop the heartbeat", async (t) => {
  const echoed = new Int32Array(new SharedArrayBuffer(4));
  const role = new Thread(new URL("./role-thread.js", import.meta.url), {
    workerData: { echoed } satisfies BlockSetup,
  });
  t.after(() => role.terminate());
  const [{ url }] = (await once(role, "message")) as [{ url: string }];
  const client = new Client(url);
  const worker = new Worker(client, { graceMs: 100 }).handle("block", (task) => {
    task.progress(0);
    // Nothing runs on this thread until the role has heard enough echoes.
    return Atomics.wait(echoed, 0, 0, 60_000);
  });
  const running = worker.run();
  const [{ streams, outputs }] = (await once(role, "message")) as [BlockResult];
  assert.deepEqual([streams, outputs], [1, ["ok"]], "the echoes came while the handler blocked");
  assert.equal(worker.isHealthy, true);
  worker.stop();
  await running;
});

test("progress and chunks come in order, before the end; too large a chunk is refused here", async (t) => {
  const { stream } = await working(t, {
    report: async (task) => {
      task.progress(2, "done");
      for (let piece = 0; piece < 600; piece += 1) await task.chunk(String(piece));
      await assert.rejects(task.chunk(new Uint8Array(65 * 1024)), /at most 65536/);
      return "end";
    },
  });
  stream.assign("a", "report");
  await until(() => stream.all("complete").length === 1);
  const [progress, ...chunks] = stream.all("progress").map(({ report }) => report);
  assert.ok(progress?.case === "progress" && progress.value.fraction === 1);
  assert.deepEqual(
    chunks.map((chunk) => chunk.case === "outputChunk" && chunk.value.content.value),
    Array.from({ length: 600 }, (_, piece) => String(piece)),
  );
});

test("a cancel request: agreed to, ignored, and by the signal", async (t) => {
  const { stream } = await working(
    t,
    {
      agrees: async (task) => {
        const { cause, reason } = await task.cancelled();
        assert.deepEqual([cause, reason], ["CLIENT", "enough"]);
        throw Failure.cancelled();
      },
      ignores: async (task) => {
        await task.cancelled();
        return "anyway";
      },
      signal: (task) =>
        new Promise((_, reject) => {
          task.signal.addEventListener("abort", () => reject(task.signal.reason as Error));
        }),
    },
    { cancelGraceMs: 60_000 },
  );
  for (const leaseToken of ["agrees", "ignores", "signal"]) {
    stream.assign(leaseToken, leaseToken);
    stream.say({ case: "cancelRequested", value: { leaseToken, cause: CancelCause.CLIENT, reason: "enough" } });
  }
  await until(() => stream.all("release").length === 2 && stream.all("complete").length === 1);
  const released = stream.all("release").map((release) => [release.leaseToken, release.cancelled]);
  assert.deepEqual(released.sort(), [
    ["agrees", true],
    ["signal", true],
  ]);
  assert.equal(stream.all("complete")[0]?.leaseToken, "ignores");
});

test("a cancel request that is not heard: agreed to in the end, or failed if the attempt ran too long", async (t) => {
  const { stream } = await working(t, { deaf: () => new Promise(() => undefined) }, { cancelGraceMs: 50 });
  const causes = { deaf: CancelCause.CLIENT, late: CancelCause.ATTEMPT_TIMEOUT };
  for (const [leaseToken, cause] of Object.entries(causes)) {
    stream.assign(leaseToken, "deaf");
    stream.say({ case: "cancelRequested", value: { leaseToken, cause } });
  }
  await until(() => stream.all("release").length === 1 && stream.all("fail").length === 1);
  const [[release], [fail]] = [stream.all("release"), stream.all("fail")];
  assert.deepEqual([release?.leaseToken, release?.cancelled], ["deaf", true]);
  assert.deepEqual([fail?.leaseToken, fail?.type], ["late", "AttemptTimeout"]);
});

test("a lost lease stops its handler, and nothing that it says goes out", async (t) => {
  let seen: unknown;
  const refused = new Later<undefined>();
  const { stream, types } = await working(t, {
    slow: async (task) => {
      await new Promise((resolve) => task.signal.addEventListener("abort", resolve));
      seen = task.signal.reason;
      await task.chunk("too late").catch(() => refused.say(undefined));
      return "too late";
    },
    after: () => refused.value,
  });
  stream.assign("a", "slow");
  await until(() => types().includes("started"));
  stream.say({ case: "leaseLost", value: { leaseToken: "a" } });
  // What the first says would come before the end of the second.
  stream.assign("b", "after");
  await until(() => stream.all("complete").length > 0);
  assert.ok(seen instanceof StopError && seen.stopped === "lease_lost");
  assert.deepEqual(
    stream.all("complete").map((complete) => complete.leaseToken),
    ["b"],
  );
  assert.equal(stream.all("progress").length, 0);
  assert.ok(types().includes("leaseLost"));
});

test("a silent stream is broken off, not half-closed; the next one names what is held, and the handler never notices", async (t) => {
  const output = new Later<string>();
  const { stream, role, server, worker } = await working(t, { hold: () => output.get() }, { pingEveryMs: 100 });
  stream.assign("a", "hold");
  await until(() => output.awaited && worker.isHealthy);
  role.pings = false;
  await until(() => !worker.isHealthy);
  role.pings = true;
  const next = await role.stream(2);
  assert.deepEqual(next.register.held, ["a"]);
  await until(() => stream.over && worker.isHealthy);
  assert.equal(stream.halfClosed, false);
  assert.equal(server.connections, 2, "a connection of its own");
  output.say("kept");
  await until(() => next.all("complete").length === 1);
});

test("a settle without an answer is said again over the next stream, and a lease that is gone is told once", async (t) => {
  const { role, server, events } = await working(t, { echo: (task) => task.payload });
  role.answerSettles = false;
  role.streams[0]!.answerSettles = false;
  role.streams[0]!.assign("a", "echo");
  await until(() => role.streams[0]!.all("complete").length === 1);
  role.adopt = () => [];
  server.cut();
  const next = await role.stream(2);
  assert.deepEqual(next.register.held, ["a"]);
  await until(() => next.all("complete").length === 1);
  // Once for the registration, once as the answer to the settle.
  next.say({ case: "leaseLost", value: { leaseToken: "a" } });
  next.say({ case: "leaseLost", value: { leaseToken: "a" } });
  next.answerSettles = true;
  next.assign("b", "echo");
  await until(() => events.some((event) => event.type === "settled"));
  assert.equal(events.filter((event) => event.type === "leaseLost").length, 1);
});

test("a settle that the server cannot take now is said again; an output that it never takes fails the task for good", async (t) => {
  const { stream } = await working(t, { echo: (task) => task.payload });
  stream.answerSettles = false;
  stream.assign("a", "echo");
  await until(() => stream.all("complete").length === 1);
  stream.say({ case: "refused", value: { leaseToken: "a", reason: "STORE_UNAVAILABLE", message: "m" } });
  await until(() => stream.all("complete").length === 2);
  stream.say({ case: "refused", value: { leaseToken: "a", reason: "INVALID_REQUEST", message: "output: no" } });
  await until(() => stream.all("fail").length === 1);
  const [fail] = stream.all("fail");
  assert.ok(fail?.permanent && fail.message.includes("output: no"));
  stream.say({ case: "settled", value: { leaseToken: "a" } });
});

test("a replica that drains: another stream first, then the old one is broken off, and meanwhile it is not healthy", async (t) => {
  const output = new Later<string>();
  const { stream, role, worker } = await working(t, { hold: () => output.get() });
  stream.assign("a", "hold");
  await until(() => output.awaited && worker.isHealthy);
  const gate = new Gate();
  role.gate = gate;
  stream.say({ case: "drain", value: {} });
  const next = await role.stream(2);
  assert.deepEqual(next.register.held, ["a"]);
  assert.deepEqual([worker.isHealthy, stream.over], [false, false]);
  gate.open();
  await until(() => stream.over && worker.isHealthy);
  assert.equal(stream.halfClosed, false);
  output.say("kept");
  await until(() => next.all("complete").length === 1);
});

test("handlers that were stopped and do not end keep their places: without another one nothing comes, and the worker is not healthy", async (t) => {
  const end = new Later<string>();
  const { stream, worker } = await working(t, { stubborn: () => end.get() }, { concurrency: 2, cancelGraceMs: 50 });
  stream.assign("a", "stubborn");
  stream.assign("b", "stubborn");
  await until(() => end.awaited && worker.isHealthy && worker.status.running === 2);
  assert.equal(worker.status.stuck, 0, "busy is not stuck");
  for (const leaseToken of ["a", "b"]) stream.say({ case: "cancelRequested", value: { leaseToken } });
  const credits = () => stream.all("credits").map((message) => message.credits);
  await until(() => credits().at(-1) === 0);
  assert.deepEqual([worker.isHealthy, worker.status.stuck], [false, 2]);
  end.say("at last");
  await until(() => credits().at(-1) === 2);
  assert.deepEqual([worker.isHealthy, worker.status.stuck], [true, 0]);
});

test("a handler that does not heed a request, and ends when it is stopped, gives its place to another task", async (t) => {
  const ended = (task: Context) =>
    new Promise((_, reject) => {
      task.stopped.addEventListener("abort", () => reject(task.stopped.reason as Error));
    });
  const handlers = { ended, echo: (task: Context) => task.payload };
  const { stream, worker } = await working(t, handlers, { concurrency: 1, cancelGraceMs: 50 });
  stream.assign("a", "ended");
  stream.say({ case: "cancelRequested", value: { leaseToken: "a" } });
  await until(() => stream.all("release").length === 1);
  stream.assign("b", "echo");
  await until(() => stream.all("complete").length === 1);
  assert.deepEqual([worker.isHealthy, worker.status.running, worker.status.stuck], [true, 0, 0]);
});

test("health needs to be renewed: a process that was paused finds itself unhealthy", async () => {
  const pulse = new Pulse(Pulse.memory());
  assert.equal(pulse.healthy, false);
  pulse.beat(1);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(pulse.healthy, false, "nothing came for longer than the silence");
  pulse.beat(60_000);
  assert.equal(pulse.healthy, true);
  pulse.beat(0);
  assert.equal(pulse.healthy, false);
});

test("a connection that flaps: work goes on, and each task is settled once", async (t) => {
  const runs = new Map<string, number>();
  const { role, server, events } = await working(t, {
    work: async (task) => {
      runs.set(task.taskId, (runs.get(task.taskId) ?? 0) + 1);
      changed();
      // Long enough that many a settle comes when its stream is gone.
      await new Promise((resolve) => setTimeout(resolve, 20));
    },
  });
  for (let round = 1; round <= 5; round += 1) {
    const stream = await role.stream(round);
    for (const number of [1, 2, 3]) stream.assign(`${String(round)}.${String(number)}`, "work");
    await until(() => runs.size >= round * 3);
    server.cut();
  }
  await until(() => events.filter((event) => event.type === "settled").length === 15);
  assert.deepEqual(
    [...runs.values()],
    Array.from({ length: 15 }, () => 1),
  );
});

test("a stop lets what is short finish, gives the rest back uncharged, and half-closes", async (t) => {
  let stopped: unknown;
  const output = new Later<string>();
  const handlers = {
    short: () => output.get(),
    long: (task: Context) =>
      new Promise(() => {
        task.signal.addEventListener("abort", () => {
          stopped = task.signal.reason;
        });
      }),
  };
  const { stream, worker, running, types } = await working(t, handlers, { graceMs: 3_000 });
  stream.assign("s", "short");
  stream.assign("l", "long");
  await until(() => types().filter((type) => type === "started").length === 2);
  worker.stop();
  await until(() => types().includes("draining"));
  output.say("done");
  await running;
  assert.deepEqual(
    stream.all("credits").map(({ credits }) => credits),
    [0],
  );
  assert.deepEqual(
    stream.all("complete").map((complete) => complete.leaseToken),
    ["s"],
  );
  assert.deepEqual(
    stream.all("release").map((release) => [release.leaseToken, release.draining]),
    [["l", true]],
  );
  assert.ok(stream.halfClosed);
  assert.ok(stopped instanceof StopError && stopped.stopped === "worker_stopped");
  assert.deepEqual([worker.status.state, worker.isHealthy], ["ended", false]);
});

test("a handler is a part of its task's trace", async (t) => {
  let found: unknown;
  const { stream } = await working(t, {
    trace: async () => {
      await new Promise(setImmediate);
      found = currentTraceContext();
    },
  });
  stream.assign("a", "trace", { traceContext: { traceparent: "00-a-b-01" } });
  await until(() => stream.all("complete").length === 1);
  assert.deepEqual(found, { traceparent: "00-a-b-01" });
});

test("a worker waits for its server, unless it was told not to", async () => {
  const client = new Client("127.0.0.1:1");
  const worker = new Worker(client, { connectWithinMs: 300 }).handle("a", () => "");
  const error = await errorOf(worker.run());
  assert.equal(error.kind, "unreachable");
  assert.equal(worker.isHealthy, false);
  const events: string[] = [];
  const onEvent = ({ type }: WorkerEvent) => {
    events.push(type);
    changed();
  };
  const patient = new Worker(client, { onEvent }).handle("a", () => "");
  const running = patient.run();
  await until(() => events.length >= 2);
  patient.stop();
  await running;
  assert.deepEqual(new Set(events), new Set(["disconnected", "draining"]));
});
